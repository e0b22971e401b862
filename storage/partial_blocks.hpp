#pragma once
#include "storage/block_tree.hpp"
#include "storage/index.hpp"
#include "storage/row_batch.hpp"
#include "storage/store.hpp"
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// The blocks of an index whose partial results are to be made anew (storage/README.md, "Block
/// tree"): which they are, and what is in them. What a partial result is, is the caller's.
namespace treadmill {

/// Rows, or partial results of one level, that a batch changes, by their suffixes.
struct entry_change {
  std::optional<std::string> value{}; ///< nothing: it is removed
  bool existed = false;               ///< before this batch
};
using entry_changes = std::map<std::string, entry_change, std::less<>>;

/// A place in the tree: the block of a level (from 1) that begins at a suffix.
struct block_place {
  unsigned level = 0;
  std::string start{};
};

/// Gets what is in a block, in order: rows, or the partial results of the level below. False, or an
/// error that it keeps to itself: enough.
using entry_visitor = std::function<bool(std::string_view suffix, std::string_view value)>;

struct block_extent {
  bool empty = true;
  std::optional<std::string>
      next{}; ///< where the next block of the level begins; nothing: the last
};

/// Calls `entry` for the entries of a level (0: rows) from `from` on, with `changes` laid over what
/// is stored, until it returns false. In slices.
result<void> each_entry(const read_view& view, index_id index, unsigned level,
                        std::string_view from, const entry_changes& changes,
                        const entry_visitor& entry);

/// Reads one block. `changes`: of the level below it.
result<block_extent> read_block(const read_view& view, index_id index, const block_place& place,
                                const entry_changes& changes, const entry_visitor& entry);

/// Keeps the partial results of an index as they must be while a batch changes its rows: finds the
/// blocks that changed rows lie in, level by level, and ends where nothing changes any more.
///
/// Operation: first `change` for every row; then `next` until it gives nothing, and `finish` for
/// every block that it gave before the next call that gives nothing.
/// **Thread**: a plain value. **Errors**: those of the view; it is then of no more use.
class block_updates {
public:
  /// `levels`: how many there are before the batch.
  block_updates(read_view view, index_id index, unsigned levels);

  /// A row is put (with a value) or removed. `existed`: it is stored; looked at the first time
  /// only.
  void change(const std::string& suffix, std::optional<std::string> value, bool existed);
  /// What was said of a row. nullptr: nothing.
  const entry_change* changed(std::string_view suffix) const;

  /// Gives the next block to be reduced to `begin`, then what is in it to `entry`; false: there is
  /// none as long as blocks are to be finished, or at all. Writes removals to `rows`.
  result<bool> next(row_batch& rows, block_place& place, const entry_visitor& entry);
  void finish(row_batch& rows, const block_place& place, std::string value);

  unsigned levels() const { return levels_; } ///< after the last `next`
  bool unfinished() const { return !given_.empty(); }
  bool settled() const { return done_ || below_.empty(); } ///< every block is as its rows are
  size_t entries_read() const { return entries_read_; }

private:
  void start_level(row_batch& rows);
  bool end_level(row_batch& rows);
  result<std::optional<std::string>> next_start();
  result<std::optional<std::string>> start_for(const std::string& suffix,
                                               const entry_change& change);
  result<std::string> block_around(std::string_view suffix, bool strictly_before) const;
  bool is_covered(std::string_view suffix) const;

  read_view view_;
  index_id index_;
  unsigned levels_;
  unsigned level_ = 0; ///< 0: not begun
  bool done_ = false;
  entry_changes below_{}; ///< of the level below this one
  entry_changes here_{};  ///< of this level; what is new and not finished yet has an empty value
  entry_changes::const_iterator at_{}; ///< in below_
  std::optional<std::string> queued_{};
  std::optional<std::string> last_start_{}; ///< of the block that was given last, …
  std::optional<std::string> last_end_{};   ///< … and where it ends; nothing: at the end
  bool alone_ = false;                      ///< this level has one block
  bool alone_empty_ = false;
  std::map<std::string, std::optional<std::string>> given_{}; ///< start → what is stored for it
  size_t entries_read_ = 0;
};

} // namespace treadmill
