#pragma once
#include "storage/engine/row_batch.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/block_tree.hpp"
#include "storage/index/index.hpp"
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// Finds the blocks of an index whose partial results must be recomputed (storage/README.md, "Block
/// tree"), and reads their content. The caller defines what a partial result is.
namespace treadmill {

/// A change that a batch makes to a row, or to a partial result of one level.
struct entry_change {
  std::optional<std::string> value{}; ///< nullopt: it is removed
  bool existed = false;               ///< it existed before this batch
};
using entry_changes = std::map<std::string, entry_change, std::less<>>;

/// A place in the tree: the block of a level (from 1) that begins at a suffix.
struct block_place {
  unsigned level = 0;
  std::string start{};
};

/// Receives the content of a block, in order: rows, or the partial results of the level below. It
/// returns false to stop, also after an error, which it keeps for its caller.
using entry_visitor = std::function<bool(std::string_view suffix, std::string_view value)>;

struct block_extent {
  bool empty = true;
  std::optional<std::string> next{}; ///< start of the level's next block; nullopt: last
};

/// Calls `entry` for the entries of a level (0: rows) from `from` on, with `changes` applied over
/// the stored entries, until it returns false. Reads in slices.
result<void> each_entry(const read_view& view, index_id index, unsigned level,
                        std::string_view from, const entry_changes& changes,
                        const entry_visitor& entry);

/// Reads one block. `changes`: changes of the level below it.
result<block_extent> read_block(const read_view& view, index_id index, const block_place& place,
                                const entry_changes& changes, const entry_visitor& entry);

/// Maintains the partial results of an index while a batch changes its rows: finds the blocks that
/// contain changed rows, level by level, and ends when no more blocks change.
///
/// Operation: first call `change` for every row; then `next` until it returns false. Call `finish`
/// for every block that `next` gave. `next` returns false while it waits for blocks of the level to
/// be finished, so call it again after `finish`.
/// **Thread**: a plain value. **Errors**: those of the view; the object is then unusable.
class block_updates {
public:
  /// `levels`: the number of levels before the batch.
  block_updates(read_view view, index_id index, unsigned levels);

  /// Notes that a row is put (with a value) or removed. `existed`: it is stored; only the first
  /// call for a row uses it.
  void change(const std::string& suffix, std::optional<std::string> value, bool existed);
  /// The noted change of a row. nullptr: none.
  const entry_change* changed(std::string_view suffix) const;

  /// Puts the next block to reduce into `place`, and passes its content to `entry`. False: there is
  /// none until the given blocks are finished, or none at all. Writes removals to `rows`.
  result<bool> next(row_batch& rows, block_place& place, const entry_visitor& entry);
  void finish(row_batch& rows, const block_place& place, std::string value);

  unsigned levels() const { return levels_; } ///< after the last `next`
  bool unfinished() const { return !given_.empty(); }
  bool settled() const { return done_ || below_.empty(); } ///< every block matches its rows
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
  unsigned level_ = 0; ///< 0: not started
  bool done_ = false;
  entry_changes below_{}; ///< of the level below this one
  entry_changes here_{};  ///< of this level; a new, unfinished block has an empty value
  entry_changes::const_iterator at_{}; ///< in below_
  std::optional<std::string> queued_{};
  std::optional<std::string> last_start_{}; ///< start of the block given last, …
  std::optional<std::string> last_end_{};   ///< … and its end; nullopt: the end of the index
  bool alone_ = false;                      ///< this level has one block
  bool alone_empty_ = false;
  std::map<std::string, std::optional<std::string>> given_{}; ///< start → its stored partial result
  size_t entries_read_ = 0;
};

} // namespace treadmill
