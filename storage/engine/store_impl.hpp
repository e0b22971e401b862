#pragma once
#include "storage/base/lock_rules.hpp"
#include "storage/engine/commit_doubts.hpp"
#include "storage/engine/slice_gate.hpp"
#include "storage/engine/sticky_env.hpp"
#include "storage/engine/store.hpp"
#include <atomic>
#include <chrono>
#include <deque>
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <map>
#include <set>

/// Shared by store.cpp, store_open.cpp, store_upgrade.cpp and read_view.cpp, the only files that
/// use LevelDB's database.
namespace treadmill {

inline leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(const leveldb::Slice& text) { return {text.data(), text.size()}; }

tl::unexpected<error> read_failure(const leveldb::Status& status);

struct read_view::pinned {
  store::impl* owner = nullptr;
  const leveldb::Snapshot* snapshot = nullptr; ///< nullptr: invalidated by a reopen
  std::optional<uint64_t> version{};
  ~pinned();
};

inline constexpr std::string_view format_version = "2";
/// The store opens a store of this version too, and makes it one of format_version.
inline constexpr std::string_view upgraded_format = "1";

struct store::impl {
  explicit impl(store_options chosen);
  ~impl();

  // Opening (store_open.cpp)
  result<void> open();
  result<void> reopen();
  result<void> prepare_directory();
  result<void> lock_directory();
  result<void> read_format_file();
  result<void> write_format_file();
  result<void> open_database(bool may_create);
  result<void> open_leveldb(bool create);
  result<void> read_facts();
  result<void> read_first_facts();
  result<void> read_catalogue();
  // store_upgrade.cpp
  result<void> count_claims();
  result<void> upgrade_format();
  result<void> make_sure_of_space();
  std::shared_ptr<read_view::pinned> close_database();
  void note_failure(const leveldb::Status& status);
  error why_read_only() const;
  tl::unexpected<error> read_only() const { return tl::unexpected(why_read_only()); }
  void warn(const std::string& text) const {
    if (options.warn) options.warn(text);
  }

  // Writing
  disk_space ask_space() const;
  uint64_t compaction_need() const;
  uint64_t floor_of(const disk_space& space) const;
  bool above_floor();
  result<void> commit(std::span<const row_batch* const> batches, bool sync, room changes);
  result<void> write(std::span<const row_batch* const> batches, bool sync);
  result<void> write(const row_batch& batch, bool sync);
  void hold_synced();
  void release_synced();
  result<uint32_t> take_bucket_number(row_batch& rows) const;
  size_t bucket_count() const;

  // Dropped buckets and indexes
  struct dead_range;
  result<std::vector<dead_range>> dead_ranges() const;
  result<bool> remove_rows(const dead_range& dead);
  result<void> forget(const dead_range& dead);
  std::string compact_some(const std::string& from, std::string to);
  result<bool> drop_superseded();
  bool compact_asked();

  // Reading (read_view.cpp)
  std::shared_ptr<read_view::pinned> pin() NEEDS_LOCK(pinned_mutex);
  result<std::optional<std::string>> read(std::string_view key,
                                          const leveldb::Snapshot* snapshot) const;

  /// Discards LevelDB's info log, which grows without bound and nobody reads.
  class silent_logger : public leveldb::Logger {
  public:
    void Logv(const char*, std::va_list) override {}
  };
  /// The content of the file FORMAT.
  struct format_facts {
    bool there = false;
    std::string version{};
    std::string node_id{};
  };

  store_options options;
  leveldb::Env* base;
  leveldb::FileLock* lock = nullptr;
  format_facts format{};
  silent_logger logger{};
  std::unique_ptr<sticky_env> env{};
  std::unique_ptr<const leveldb::FilterPolicy> filter;
  std::unique_ptr<leveldb::Cache> cache{};

  mutable slice_gate gate{};
  std::unique_ptr<leveldb::DB> db{}; ///< only the writer changes it, with the gate closed
  mutable checked_mutex pinned_mutex{};
  std::set<read_view::pinned*> pinned_views GUARDED_BY(pinned_mutex){};
  /// The snapshot before the first unsynced commit; nullptr: everything is synced. Must be
  /// released without holding the mutex.
  std::shared_ptr<read_view::pinned> synced GUARDED_BY(pinned_mutex){};

  std::atomic<uint64_t> writes{0}; ///< incremented before and after each write: odd during a write
  std::atomic<bool> failed{false}; ///< a write failed: read-only until the reopen
  std::atomic<uint64_t> failures{0};
  std::atomic<uint64_t> reopens{0};     ///< changes while the gate is closed
  std::atomic<bool> lacks_files{false}; ///< the failure: too many open files
  std::atomic<bool> low_space{false};
  std::chrono::steady_clock::time_point space_asked{};
  uint64_t spare_space = 0; ///< free bytes above the floor, when last measured
  uint64_t written = 0;     ///< bytes written since then
  bool unsynced = false;    ///< there are commits since the last sync
  commit_doubts doubts{};

  /// A dropped bucket or index: the key that marks it, and the range of its rows.
  struct dead_range {
    std::string mark{};
    std::string begin{};
    std::string end{};
  };
  /// The progress of cleaning up a dead_range.
  struct cleaning {
    std::string rows_from{};    ///< rows below this key are removed
    bool rows_gone = false;     ///< all rows are removed
    std::string compact_from{}; ///< the range is compacted up to this key
  };
  std::map<std::string, cleaning> cleaned{}; ///< by mark
  /// A range that `ask_compaction` requested; `from` advances as it is compacted.
  struct asked_range {
    std::string from{};
    std::string end{};
    /// The rows to remove first, the bodies of superseded revisions; equal: none are left.
    std::string drop_from{};
    std::string drop_end{};
  };
  mutable checked_mutex asked_mutex{};
  std::deque<asked_range> asked GUARDED_BY(asked_mutex){};

  std::string node_id{};
  mutable checked_shared_mutex catalogue_mutex{};
  std::map<std::string, bucket_info, std::less<>> catalogue GUARDED_BY(catalogue_mutex){};
  std::set<uint32_t> live_numbers GUARDED_BY(catalogue_mutex){};
};

} // namespace treadmill
