#pragma once
#include "storage/engine/store.hpp"
#include "storage/index/index.hpp"
#include "storage/index/index_range.hpp"
#include "storage/index/index_writer.hpp"
#include "storage/index/partial_result.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

/// Which rows of a range are reduced together.
struct grouping {
  enum class by : uint8_t {
    nothing,  ///< all rows: one answer, even if there are no rows
    term,     ///< rows with equal terms
    elements, ///< arrays with equal first `level` elements; other rows by term
  };
  by how = by::nothing;
  size_t level = 0; ///< at least 1
};

/// Input of a JavaScript reduction, in order: a run of rows, or a partial result.
struct reduce_piece {
  bool partial = false;              ///< `values` is one already reduced value
  std::vector<std::string> keys{};   ///< of a run of rows; JSON of [key, id] each
  std::vector<std::string> values{}; ///< JSON
};

/// One row of a reduced answer.
struct reduced_group {
  std::string group{};                   ///< common prefix of its terms, for cursors; empty: all
  std::string key = "null";              ///< JSON
  std::optional<partial_result> value{}; ///< of a built-in reduction
  std::vector<reduce_piece> pieces{};    ///< of JavaScript; empty: no rows
};

/// Reduces the rows of a range, group by group, with the stored partial results of the largest
/// blocks that fit (storage/README.md, "Block tree"): the number of rows and partial results read
/// for a group grows with the logarithm of its rows. The order of the additions depends only on the
/// rows of the group and of the index.
///
/// **Thread**: a plain value over a view, which must be a snapshot. **Errors**: those of the view;
/// corrupt; bad_reduce (a block's JavaScript failed). The object is then unusable.
/// **Units and limits**: a call of `step` reads at most about `defaults::slice_rows`.
class index_reduction {
public:
  /// `levels`: index_state::levels of the same view.
  index_reduction(read_view view, index_id index, unsigned levels, reduction how, index_range range,
                  grouping groups);

  /// Runs one slice and passes each complete group to `group`. If `group` returns false, the slice
  /// ends, and the next call continues after that group. Returns false if there are no more groups.
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
  index_range range_; ///< without the groups already given
  grouping groups_;

  walk walk_ = walk::between_groups;
  size_t left_ = 0;                      ///< entries this slice may still read
  bool stopped_ = false;                 ///< the receiver asked to stop
  std::optional<reduced_group> group_{}; ///< the open one
  std::string group_to_{};               ///< upper bound of its end
  std::string at_{};                     ///< the next position to read; empty: the first row
  unsigned level_ = 0;                   ///< of the blocks being read
  unsigned highest_ = 0; ///< highest level whose blocks may fit into the rest of the group
  std::optional<std::optional<std::string>> after_{}; ///< the first row after the group, once known
  size_t rows_read_ = 0;
  size_t partials_read_ = 0;
};

} // namespace treadmill
