#pragma once
#include "storage/base/defaults.hpp"
#include "storage/base/hash.hpp"
#include "storage/base/result.hpp"
#include "storage/engine/row_batch.hpp"
#include "storage/engine/rows.hpp"
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

/// The space of the file system that holds the store.
struct disk_space {
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
};

struct store_options {
  std::string directory; ///< created if missing
  size_t write_buffer_bytes = defaults::write_buffer_bytes;
  size_t block_cache_bytes = defaults::block_cache_bytes;
  size_t buckets = defaults::buckets;
  uint64_t reopen_free_bytes = defaults::reopen_free_bytes;
  /// The store refuses writes (disk_full) if less than this is free, or, on a small file system,
  /// less than the larger of 5 % of it and what a reopen needs. LevelDB's possible need for
  /// compactions is added to either. 0: no floor.
  uint64_t free_floor_bytes = defaults::free_floor_bytes;
  leveldb::Env* env = nullptr; ///< wrapped by the store's sticky_env; nullptr: the system's
  /// Makes new and renamed entries of the directory durable; false: it failed. Empty: the system's
  /// fsync, or no sync if `env` is set.
  std::function<bool()> sync_directory{};
  std::function<disk_space()> space{}; ///< empty: ask the file system
  /// Receives repairs and failures, one sentence each; called from any thread. Empty: they are
  /// dropped.
  std::function<void(std::string_view)> warn{};
};

/// One bucket of the catalogue. Numbers are never reused. Each created bucket gets a new log id.
struct bucket_info {
  std::string name;
  uint32_t number = 0;
  hash128 log_id{};
};

class read_view;

/// The LevelDB database of a node: its only owner and its only writer.
///
/// **Lifetime**: the store must outlive all of its read_views.
///
/// **Thread**: one thread calls the members under "Writer". Any thread may call the others and use
/// any read_view.
///
/// **Failed commits**: LevelDB 1.23 loses acknowledged writes if it is written to after a failed
/// write. So the first failed write, including one by LevelDB's background thread, makes the store
/// read-only: each later write answers disk_full (nothing was attempted), and reads continue. Only
/// `try_reopen` makes the store writable again: it closes LevelDB and reopens it, and LevelDB
/// recovers its log. A batch whose write failed is `ambiguous`: it may be present after the reopen.
/// After a failed write the same holds for all commits without sync since the last sync. The store
/// remembers the writers of all these batches as in doubt (`in_doubt`).
/// sticky_env.hpp blocks all file writes after the first failed one.
///
/// **Damage** (storage/README.md, "Damage"): the store cuts off a torn end of a log or manifest and
/// warns. Other damage makes `open` fail, or the read that meets it answers `corrupt`; the store
/// never serves damaged data.
class store {
public:
  /// Errors: io_error (already open, in this or another process; the directory cannot be created or
  /// read; an unknown format version; not a Treadmill store), corrupt (damage that is not
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
    made, ///< it frees much space, so it is allowed below the floor
  };
  /// Writes all batches as one, in order; with `sync`, returns after the fsync.
  /// Errors: disk_full (the store is read-only; nothing was attempted), ambiguous (this write
  /// failed).
  result<void> commit(std::span<const row_batch* const> batches, bool sync,
                      room changes = room::taken);
  /// Makes the commits without sync durable. Errors: as commit.
  result<void> sync();
  /// Closes and reopens LevelDB. First it proves that the required space is free by writing that
  /// much; if not, nothing changes and reads continue. Then it waits for the reads in progress
  /// (each is one bounded slice), and new reads wait for it. Snapshots taken before are invalid
  /// afterwards. If LevelDB still fails to open, reads answer `overloaded` until a later call
  /// succeeds. Errors: disk_full, io_error, corrupt.
  result<void> try_reopen();

  /// True if the writer has seen commits that may be gone, or if a bucket's batch failed or was
  /// refused. What it holds in memory is then wrong: it must read the store again after the reopen.
  bool in_doubt(const writer& who);
  /// Ends the doubt: the writer reads the store again before its next commit.
  void clear_doubt(const writer& who);

  /// Checks the free space again (at most every `free_space_age`). Call it periodically while
  /// writes are refused. Returns whether enough space is free.
  bool check_space();

  /// Creates a bucket in one synced batch, or answers the existing one. Errors: as commit;
  /// bad_bucket; too_large (too many buckets; with `for_peer`, the buckets reserved for clients do
  /// not count as available).
  result<bucket_info> create_bucket(std::string_view name, bool for_peer = false);
  /// Removes the bucket from the catalogue, and marks its number as dead and its name as left
  /// (keys::left_bucket, until the bucket is created again), in one synced batch. clean_up removes
  /// its rows. Allowed below the floor of free space, since it frees space. Errors: as commit;
  /// not_found.
  result<bucket_info> drop_bucket(std::string_view name);
  /// Cleans up dropped buckets, and indexes that a committed batch marked as dropped
  /// (keys::dead_index; nothing may be committed to such an index afterwards). Each call does one
  /// bounded slice: it removes some rows, or, if all are removed, compacts a part of their range,
  /// which returns the space to the file system. Then it performs the compactions requested by
  /// `ask_compaction`, one part per call. Returns true if there is more to do. Allowed below the
  /// floor of free space. Errors: as commit.
  result<bool> clean_up();

  // Any thread
  // ----------------------------------------------------------------------------------------------------------

  /// Requests that `clean_up` reclaims the space of superseded and removed rows, of the bucket with
  /// that number or (nullopt) of all buckets. Of a bucket with a number, it first removes the
  /// bodies of superseded revisions. The request is lost when the store is closed.
  void ask_compaction(std::optional<uint32_t> bucket);
  /// True if a requested compaction is not finished.
  bool compacting() const;

  /// The bytes that must currently be free on the file system for writes.
  uint64_t free_floor() const;
  /// True from a failed write until the reopen; no file is written meanwhile.
  bool failed() const;
  /// False while `failed()`, and while less than the floor is free.
  bool writable() const;
  /// How often a failed write, including one by LevelDB's background thread, made the store
  /// read-only. The failure itself counts, not the call that reports it.
  uint64_t failures() const;
  /// How often `try_reopen` succeeded. A reader whose work rests on commits that were not synced
  /// reads this number first: if it has changed, they may be gone.
  uint64_t reopens() const;
  /// The error that a write gets while the store is not writable: disk_full, or overloaded (too
  /// many files are open).
  error why_not_writable() const;
  const std::string& node_id() const; ///< a UUID, created with the store

  std::optional<bucket_info> find_bucket(std::string_view name) const;
  std::vector<bucket_info> buckets() const; ///< ordered by name
  bool alive(uint32_t bucket) const;        ///< false after it was dropped

  /// A view of the latest commits, which changes as commits arrive: for point reads.
  read_view latest() const;
  /// A view that does not change until it is destroyed or the store reopens.
  read_view snapshot() const;
  /// A snapshot of the durable data, for followers of a bucket that report to others (feeds, views,
  /// peers). Its rows survive a crash, so none of its sequences is ever reused for another change;
  /// its `state(bucket)` has the sequence up to which a follower may read. Commits without a sync
  /// appear in it after the next sync (or reopen). Take a new one for each slice of work: a kept
  /// snapshot keeps superseded rows on disk.
  read_view synced() const;

  uint64_t approximate_bytes(uint32_t bucket) const;
  /// The size of the rows from `from` to `to` that are already in table files.
  uint64_t approximate_bytes(std::string_view from, std::string_view to) const;
  std::optional<std::string>
  property(std::string_view name) const; ///< a LevelDB property, for the metrics
  disk_space space() const;

private:
  friend class read_view;
  friend class row_finder;
  struct impl;
  explicit store(std::unique_ptr<impl> opened);
  std::unique_ptr<impl> impl_;
};

/// Reads rows. Cheap to copy. Each call is one slice: it holds the database only while it runs, and
/// verifies the checksums of the data that it reads. It answers `overloaded` if the caller should
/// retry with a new view: a reopen invalidated the snapshot, or the store is closed because a
/// reopen failed. A reopen waits for the call, so the callback must bound a scan; the callback may
/// itself read.
/// **Lifetime**: the store must outlive it.
class read_view {
public:
  /// The same view for short repeated scans: the blocks that they read stay in the cache. (Blocks
  /// of other scans do not, so that a long scan does not evict the blocks of point reads.)
  read_view keeping_blocks() const {
    read_view view = *this;
    view.keep_blocks_ = true;
    return view;
  }
  /// The row of a key. Errors: overloaded, io_error, corrupt.
  result<std::optional<std::string>> read(std::string_view key) const;
  /// Calls `row(key, value)` from `from` (inclusive) to `to` (exclusive) until it returns false.
  /// Errors: overloaded (`row` was not called); io_error, corrupt: `row` may have received rows
  /// after an unreadable one, so the caller discards all rows of this call.
  result<void>
  scan(std::string_view from, std::string_view to,
       const std::function<bool(std::string_view key, std::string_view value)>& row) const;
  /// As scan, in as many slices as needed, each with a bounded number of rows: for scans that the
  /// callback does not bound. Errors: as scan, possibly after `row` was called.
  result<void>
  scan_on(std::string_view from, std::string_view to,
          const std::function<bool(std::string_view key, std::string_view value)>& row) const;
  /// As scan, in descending order: from just below `to` down to `from`.
  result<void>
  scan_back(std::string_view from, std::string_view to,
            const std::function<bool(std::string_view key, std::string_view value)>& row) const;

  /// Two snapshots with the same version have the same rows. nullopt: unknown, or not a snapshot.
  std::optional<uint64_t> version() const;

  result<bucket_state> state(uint32_t bucket) const; ///< all zero if there is none yet
  /// The whole tree of a document, including its older ancestry. Errors: not_found.
  result<revision_tree> full_tree(uint32_t bucket, std::string_view id) const;
  /// The kept body of a superseded revision; nothing: it is not kept.
  result<std::optional<std::string>> superseded_body(uint32_t bucket, std::string_view id,
                                                     const revision& rev) const;
  /// A local row of a bucket; nothing: there is none.
  result<std::optional<std::string>> local_row(uint32_t bucket, std::string_view name) const;
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

/// Reads rows of a view by key, in any order. If successive keys ascend and are neighbours
/// (documents written in the order of their ids, for example), a read costs a step instead of a
/// search.
/// **Lifetime, thread**: one slice from construction to destruction, in one thread; its view must
/// outlive it.
class row_finder {
public:
  explicit row_finder(const read_view& view);
  ~row_finder();
  row_finder(const row_finder&) = delete;
  row_finder& operator=(const row_finder&) = delete;

  /// As read_view::read; the bytes are valid until the next call.
  result<std::optional<std::string_view>> read(std::string_view key);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill
