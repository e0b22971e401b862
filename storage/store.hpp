#pragma once
#include "storage/defaults.hpp"
#include "storage/hash.hpp"
#include "storage/result.hpp"
#include "storage/row_batch.hpp"
#include "storage/rows.hpp"
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leveldb {
class Env;
class Iterator;
} // namespace leveldb

namespace treadmill {

/// Of the file system that the store lies on.
struct disk_space {
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
};

struct store_options {
  std::string directory; ///< made where it is missing
  size_t write_buffer_bytes = defaults::write_buffer_bytes;
  size_t block_cache_bytes = defaults::block_cache_bytes;
  size_t buckets = defaults::buckets;
  uint64_t reopen_free_bytes = defaults::reopen_free_bytes;
  /// Writes are refused (disk_full) while less is free than this (on a small file system 5 % of it,
  /// or what a reopen needs) and what LevelDB may need to compact what is there. 0: no floor.
  uint64_t free_floor_bytes = defaults::free_floor_bytes;
  leveldb::Env* env = nullptr; ///< below the store's own guards; nullptr: the system's
  /// Makes new and renamed entries of the directory durable; false: it failed. Empty: the system's,
  /// or nothing where `env` is given.
  std::function<bool()> sync_directory{};
  std::function<disk_space()> space{}; ///< of the file system; empty: ask it
  /// Repairs and failures, a sentence each; called from any thread. Empty: they are dropped.
  std::function<void(std::string_view)> warn{};
};

/// One bucket of the catalogue. A number is never used again, a log id is new whenever a bucket is
/// made.
struct bucket_info {
  std::string name;
  uint32_t number = 0;
  hash128 log_id{};
};

class read_view;

/// The LevelDB database of a node: its only owner, its only writer.
///
/// **Thread**: the members under "Writer" belong to one thread. All others, and every read_view,
/// may be used from any thread.
///
/// **Lifetime**: it outlives every read_view of it.
///
/// **Failed commits**: LevelDB 1.23 loses acknowledged writes when it is written to after a failed
/// write. So the first failed write, LevelDB's own in the background included, makes the store
/// read-only: every later one answers disk_full (nothing was attempted), reads go on, and only
/// `try_reopen`, which closes LevelDB, lets it recover its log and opens it again, makes the store
/// writable. A batch whose write failed is `ambiguous`: it may be there after the reopen; so is, in
/// that case, what was committed without sync since the last sync. Below, nothing at all is written
/// after the first failed write (sticky_env.hpp).
///
/// **Damage** (storage/README.md, "Damage"): a torn end of a log or manifest is cut off and warned
/// about; everything else is refused at open or answered `corrupt` at the read that meets it, never
/// served.
class store {
public:
  /// Errors: io_error (it is open already, here or in another process; the directory cannot be made
  /// or read; an unknown format version; not a store of ours), corrupt (damage that is not
  /// repaired), disk_full (LevelDB writes at open). The reason says what to do.
  static result<std::unique_ptr<store>> open(store_options options);
  ~store();
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  // Writer
  // ------------------------------------------------------------------------------------------------------------

  /// What a commit does to the free space.
  enum class room : uint8_t {
    taken,
    made, ///< it removes what takes much room: done below the floor, too
  };
  /// Writes all batches as one, in order; with `sync` it returns after the fsync.
  /// Errors: disk_full (the store is read-only; nothing was attempted), ambiguous (this write
  /// failed).
  result<void> commit(std::span<const row_batch* const> batches, bool sync,
                      room changes = room::taken);
  /// Makes what was committed without sync durable. Errors: as commit.
  result<void> sync();
  /// Closes and opens LevelDB again. First it makes sure that there is the space that this needs,
  /// by using it; where there is not, all stays as it is and reads go on. Then it waits for the
  /// reads in progress (each is one bounded slice), and new ones wait for it; snapshots of before
  /// are dead after it. Should LevelDB not open all the same, reads answer `overloaded` until a
  /// later call succeeds. Errors: disk_full, io_error, corrupt.
  result<void> try_reopen();

  /// Looks at the free space again (at most every `free_space_age`): to be called now and then
  /// while writes are refused.
  bool check_space();

  /// Makes a bucket in one synced batch, or answers the one that is there. Errors: as commit;
  /// bad_bucket; too_large (number of buckets; `for_peer`: without those that are kept for
  /// clients).
  result<bucket_info> create_bucket(std::string_view name, bool for_peer = false);
  /// Takes the bucket from the catalogue and marks its number dead and its name as left
  /// (keys::left_bucket, until it is made again), in one synced batch; its rows are removed by
  /// clean_up. Done below the floor of free space, too: it makes room. Errors: as commit;
  /// not_found.
  result<bucket_info> drop_bucket(std::string_view name);
  /// Cleans up after dropped buckets, and indexes that a committed batch marked as dropped
  /// (keys::dead_index; nothing may be committed to one after that), a bounded slice a call:
  /// removes some rows, or, where all are removed, compacts a part of their range, which gives the
  /// space back to the file system. After that it goes on with what `ask_compaction` asked for, a
  /// part a call. True: there is more to do. Done below the floor of free space, too. Errors: as
  /// commit.
  result<bool> clean_up();

  // Any thread
  // ----------------------------------------------------------------------------------------------------------

  /// Asks for the space that rows take which were superseded or removed, of the bucket with that
  /// number, or without one of all: `clean_up` gives it back. Forgotten when the store is closed.
  void ask_compaction(std::optional<uint32_t> bucket);
  /// Something is asked for and not done yet.
  bool compacting() const;

  /// What must be free for writes, of the file system as it is now.
  uint64_t free_floor() const;
  /// From a failed write until the reopen: nothing at all is written.
  bool failed() const;
  /// False while it has failed, and while less than the floor is free.
  bool writable() const;
  /// How often a failed write, LevelDB's own in the background included, made it read-only. It is
  /// counted when that happens, whatever call met it: a caller that keeps in memory what it
  /// committed without a sync compares it before each reopen.
  uint64_t failures() const;
  /// What a write is told then. Errors: disk_full; overloaded (too many files are open).
  error why_not_writable() const;
  const std::string& node_id() const; ///< a UUID, made with the store

  std::optional<bucket_info> find_bucket(std::string_view name) const;
  std::vector<bucket_info> buckets() const; ///< in name order
  bool alive(uint32_t bucket) const;        ///< false after its drop

  /// A view of what is committed now, that does not stay the same: for point reads.
  read_view latest() const;
  /// A view that stays as it is until it is destroyed or the store reopens.
  read_view snapshot() const;
  /// A snapshot of what is durable: for whoever follows a bucket and tells others what it saw
  /// (feeds, views, peers). What it shows survives a crash, so that no sequence of it is ever used
  /// again for something else; `state(bucket)` of it has the sequence up to which a follower may
  /// go. Commits without a sync show in it once they were synced (or the store was reopened). To be
  /// taken anew for each slice of work: one that is kept keeps superseded rows on disk.
  read_view synced() const;

  uint64_t approximate_bytes(uint32_t bucket) const;
  /// Of the rows from `from` to `to`, as far as they lie in files by now.
  uint64_t approximate_bytes(std::string_view from, std::string_view to) const;
  std::optional<std::string>
  property(std::string_view name) const; ///< LevelDB's own, for the metrics
  disk_space space() const;

private:
  friend class read_view;
  friend class row_finder;
  struct impl;
  explicit store(std::unique_ptr<impl> opened);
  std::unique_ptr<impl> impl_;
};

/// Reads rows. Cheap to copy. Each call is one slice: it holds the database only while it runs,
/// checks the checksums of what it reads, and answers `overloaded` where asking again, with a new
/// view, is what helps: a snapshot died in a reopen, or the store is closed because a reopen
/// failed. A reopen waits for it, so a scan is to be bounded by its callback, which may itself
/// read.
/// **Lifetime**: not beyond its store's.
class read_view {
public:
  /// The same view for short scans that come again: the blocks that they read stay in the cache.
  /// (Those of other scans do not, so that a long one does not push out what point reads use.)
  read_view keeping_blocks() const {
    read_view view = *this;
    view.keep_blocks_ = true;
    return view;
  }
  /// The row of a key. Errors: overloaded, io_error, corrupt.
  result<std::optional<std::string>> read(std::string_view key) const;
  /// Calls `row(key, value)` from `from` (inclusive) to `to` (exclusive) until it returns false.
  /// Errors: overloaded (no row was given); io_error, corrupt: rows that lie behind what cannot be
  /// read may have been given, so the caller drops whatever this call gave it.
  result<void>
  scan(std::string_view from, std::string_view to,
       const std::function<bool(std::string_view key, std::string_view value)>& row) const;
  /// The same in as many slices as it takes, each of a bounded number of rows: for scans without an
  /// end of their own. Errors: as scan, also after rows were given.
  result<void>
  scan_on(std::string_view from, std::string_view to,
          const std::function<bool(std::string_view key, std::string_view value)>& row) const;
  /// As scan, downwards: from just below `to` to `from`.
  result<void>
  scan_back(std::string_view from, std::string_view to,
            const std::function<bool(std::string_view key, std::string_view value)>& row) const;

  /// Two snapshots with the same version have the same rows. Nothing: it is not known, or no
  /// snapshot.
  std::optional<uint64_t> version() const;

  result<bucket_state> state(uint32_t bucket) const; ///< all zero where there is none yet
  /// The whole tree of a document, older ancestry included. Errors: not_found.
  result<revision_tree> full_tree(uint32_t bucket, std::string_view id) const;
  /// The body of a leaf. Errors: not_found with the reason missing, deleted or superseded.
  result<std::string> leaf_body(uint32_t bucket, std::string_view id, const revision& rev) const;

private:
  friend class store;
  friend class row_finder;
  struct pinned;
  result<std::unique_ptr<leveldb::Iterator>> open_rows() const;
  const store* store_ = nullptr;
  std::shared_ptr<pinned> pinned_{}; ///< nullptr: latest
  bool keep_blocks_ = false;
};

/// Reads rows of a view by their keys, which may come in any order. Where they ascend from
/// neighbour to neighbour, as those of documents do that were written in the order of their ids,
/// one costs a step instead of a search.
/// **Lifetime, thread**: one slice from its making to its end, in one thread; not beyond its view.
class row_finder {
public:
  explicit row_finder(const read_view& view);
  ~row_finder();
  row_finder(const row_finder&) = delete;
  row_finder& operator=(const row_finder&) = delete;

  /// As read_view::read; the bytes are there until the next call.
  result<std::optional<std::string_view>> read(std::string_view key);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill
