#pragma once
#include "storage/index.hpp"
#include "storage/index_range.hpp"
#include "storage/index_writer.hpp"
#include "storage/reduction.hpp"
#include "storage/store.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

/// Which rows of a range are reduced together.
struct grouping {
  enum class by : uint8_t {
    nothing,  ///< all: one answer, also where there are no rows
    term,     ///< those with equal terms
    elements, ///< those whose terms are arrays with the same first `level` elements; others by term
  };
  by how = by::nothing;
  size_t level = 0; ///< at least 1
};

/// What a JavaScript reduction is to reduce, in order: a run of rows, or a partial result.
struct reduce_piece {
  bool partial = false;              ///< `values` is one value that was reduced already
  std::vector<std::string> keys{};   ///< of a run of rows: JSON of [key, id] each
  std::vector<std::string> values{}; ///< JSON
};

/// One row of a reduced answer.
struct reduced_group {
  std::string group{};      ///< the bytes that its terms begin with, for cursors; empty: all
  std::string key = "null"; ///< JSON
  std::optional<partial_result> value{}; ///< of a built-in reduction
  std::vector<reduce_piece> pieces{};    ///< of JavaScript; none: there are no rows
};

/// Reduces the rows of a range, group by group, with the stored partial results of the largest
/// blocks that fit (storage/README.md, "Block tree"): the rows and partial results that are read
/// for a group grow with the logarithm of its rows. What is added to what, and in which order,
/// depends on the rows of the group and of the index alone.
///
/// **Thread**: a plain value over a view, which is to be a snapshot. **Errors**: those of the view;
/// corrupt; bad_reduce (a block's JavaScript failed): it is then of no more use.
/// **Units and limits**: a call of `step` reads at most about `defaults::slice_rows`.
class index_reduction {
public:
  /// `levels`: index_state::levels of the same view.
  index_reduction(read_view view, index_id index, unsigned levels, reduction how, index_range range,
                  grouping groups);

  /// Goes on for one slice and gives the groups that are complete; after one for which `group`
  /// returns false it stops and can go on behind it. False: there are no more.
  result<bool> step(const std::function<bool(reduced_group&& group)>& group);

  size_t rows_read() const { return rows_read_; }
  size_t partials_read() const { return partials_read_; }

private:
  enum class walk : uint8_t { between_groups, over_rows, over_blocks, at_end };
  using receiver = std::function<bool(reduced_group&& group)>;

  result<void> find_group();
  result<void> open_group(std::string_view first_row);
  result<void> begin_walk(std::string from);
  result<void> walk_rows(const receiver& give);
  result<void> walk_blocks();
  bool close_group(const receiver& give);
  result<bool> visit_row(std::string_view suffix, std::string_view value, const receiver& give);
  result<bool> visit_block(std::string_view start, std::string_view value,
                           std::optional<std::string>& held);
  result<bool> pass_block(std::optional<std::string_view> end, std::string_view value);
  result<void> take_row(std::string_view suffix, std::string_view value);
  result<void> take_partial(std::string_view value);
  result<bool> is_whole(std::optional<std::string_view> end);
  void descend();
  enum class which : uint8_t { first, last };
  result<std::optional<std::string>> find_row(which end, std::string_view from,
                                              std::string_view to) const;
  std::string row_key(std::string_view suffix) const;
  void count_entry() { left_ -= left_ > 0 ? 1 : 0; }

  read_view view_;
  index_id index_;
  unsigned levels_;
  reduction how_;
  index_range range_; ///< without the groups that were given
  grouping groups_;

  walk walk_ = walk::between_groups;
  size_t left_ = 0;                      ///< entries that this slice may still read
  bool stopped_ = false;                 ///< the receiver wants no more for now
  std::optional<reduced_group> group_{}; ///< the open one
  std::string group_to_{};               ///< where it ends, at the latest
  std::string at_{};     ///< what begins here is not taken yet; empty: from the first row on
  unsigned level_ = 0;   ///< of the blocks that are walked over
  unsigned highest_ = 0; ///< no block above this level fits into the rest of the group
  std::optional<std::optional<std::string>>
      after_{}; ///< the first row behind the group, once known
  size_t rows_read_ = 0;
  size_t partials_read_ = 0;
};

} // namespace treadmill
