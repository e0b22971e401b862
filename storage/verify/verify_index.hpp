#pragma once
#include "storage/engine/store.hpp"
#include "storage/index/block_tree.hpp"
#include "storage/index/index.hpp"
#include "storage/index/partial_result.hpp"
#include "storage/verify/verify.hpp"
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill {

/// Checks one index, row by row (verify.hpp).
///
/// Operation: call `take` for every row of the index in key order, then `finish`.
/// **Thread**: a plain value over a snapshot. **Errors**: those of the view, from looking up other
/// rows; problems go to the report.
class index_verifier {
public:
  /// `below`: the name of the query in problems. `sequence`: that of the bucket.
  index_verifier(read_view view, index_id index, std::string below, reduction how,
                 uint64_t sequence, bucket_report& report);

  result<void> take(std::string_view key, std::string_view value);
  result<void> finish();
  const index_id& index() const { return index_; }

private:
  /// A block of a level while its rows are being read.
  struct open_block {
    std::string start{};
    bool filled = false;
    partial_result partial{reduction::count};
  };

  void take_state(std::string_view value);
  result<void> take_row(std::string_view suffix, std::string_view value);
  result<void> take_list(std::string_view id, std::string_view value);
  result<void> check_document(std::string_view id);
  void take_change(uint64_t sequence, std::string_view value);
  result<void> take_partial(unsigned level, std::string_view suffix, std::string_view value);
  result<void> end_rows();
  result<void> close_blocks(unsigned up_to);
  result<void> check_block(unsigned level, const open_block& block);
  result<void> find_unlisted();
  void check_counts();
  void add(std::string_view what) { report_.add(below_, what); }
  bool has_partials() const {
    return state_ && how_ != reduction::none && state_->phase == index_phase::complete;
  }

  read_view view_;
  index_id index_;
  std::string below_;
  reduction how_;
  uint64_t sequence_;
  bucket_report& report_;
  std::optional<index_state> state_{};
  bool recomputes_ = false; ///< all rows so far were readable
  bool rows_ended_ = false;
  uint64_t rows_ = 0;
  uint64_t listed_ = 0; ///< rows named by the documents' lists
  uint64_t documents_ = 0;
  uint64_t changes_ = 0;
  uint64_t change_bytes_ = 0;
  unsigned highest_ = 0; ///< highest level at which a row begins a block
  unsigned first_ = 0;   ///< the same for the first row
  std::array<open_block, block_tree::most_levels + 1> blocks_{}; ///< by level, from 1
};

} // namespace treadmill
