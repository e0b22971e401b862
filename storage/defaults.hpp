#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the storage layer, with its unit and what it means.
namespace treadmill::defaults {

inline constexpr size_t kibibyte = 1024;
inline constexpr size_t mebibyte = 1024 * kibibyte;

/// Bytes of one document's stored form. A larger one is refused with 413.
inline constexpr size_t document_bytes = 8 * mebibyte;
/// How deep arrays and objects may nest; also bounds every recursion over JSON.
inline constexpr size_t json_depth = 100;
inline constexpr size_t most_json_depth = 1000; ///< that can be chosen
/// Documents of one bulk request, and ids of one bulk read: bounds the memory that a small text can
/// ask for.
inline constexpr size_t list_items = 100'000;
/// Bytes of a document id (UTF-8).
inline constexpr size_t id_bytes = 512;
/// Bytes of a bucket's or a query's name.
inline constexpr size_t name_bytes = 128;
/// Edits of a branch that are remembered; older ones are forgotten.
inline constexpr uint32_t revision_depth = 1000;
/// The largest edit count of a revision.
inline constexpr uint32_t revision_number = 0x7fffffff;
/// Buckets of one node.
inline constexpr size_t buckets = 1000;
/// One in so many of them is kept for clients: peers make no more than the others.
inline constexpr size_t buckets_of_clients = 10;
/// Tree nodes kept in the document's own row; older ancestry lies in a row of its own
/// (storage/README.md).
inline constexpr size_t recent_ancestry = 64;
/// Leaves of one document, deleted ones included, and nodes of its revision tree: those that an
/// import may make (and a client's write, of nodes), and those up to which documents of peers are
/// merged. The latter are larger, so that what several nodes took in while they were apart still
/// comes together; the largest tree fits into a frame of the peer protocol.
inline constexpr size_t imported_leaves = 1000;
inline constexpr size_t imported_nodes = 50'000;
inline constexpr size_t merged_leaves = 10'000;
inline constexpr size_t merged_nodes = 100'000;
/// Revisions in one entry of the activity: a change that brings more is logged as several entries.
inline constexpr size_t entry_changes = 1000;
/// Bytes of the rows of a group that is applied all or none: they wait in memory until it ends.
inline constexpr size_t atomic_bytes = 128 * mebibyte;
/// Queries of one bucket.
inline constexpr size_t queries = 1000;
/// Bytes of a query's map, and of its reduction.
inline constexpr size_t function_bytes = 64 * kibibyte;

/// Changes of an index that are kept for live feeds, in number and in bytes; the oldest go first.
inline constexpr uint64_t index_changes = 100'000;
inline constexpr uint64_t index_change_bytes = 64 * mebibyte;
/// Bytes of one batch of an index, about: client writes go before it.
inline constexpr size_t index_batch_bytes = 256 * kibibyte;
/// Rows that are read in one slice: those of an index, partial results, those of a long scan.
inline constexpr size_t slice_rows = 4096;
/// Rows and partial results that one batch of a first build of the block tree reads.
inline constexpr size_t index_build_rows = 32 * 1024;
/// Bytes of the blocks that are given to a JavaScript reduction at once, about.
inline constexpr size_t reduce_input_bytes = mebibyte;

/// LevelDB: memory of one memtable (its log is replayed at start, so larger means a slower start).
inline constexpr size_t write_buffer_bytes = 8 * mebibyte;
/// LevelDB: bytes of its cache of blocks.
inline constexpr size_t block_cache_bytes = 16 * mebibyte;
/// Free space below which the store does not try to reopen after a failed write.
inline constexpr uint64_t reopen_free_bytes = 2 * mebibyte;
/// Free space below which writes are refused; on a small file system less (store_options).
inline constexpr uint64_t free_floor_bytes = 256 * mebibyte;
/// How long a look at the free space is believed.
inline constexpr std::chrono::milliseconds free_space_age{200};
/// Rows of a dropped bucket that are removed in one slice.
inline constexpr size_t clean_up_rows = 5000;
/// About how much is compacted in one slice when the space of dropped buckets is given back; writes
/// wait meanwhile.
inline constexpr uint64_t compaction_bytes = 4 * mebibyte;
/// Problems of one bucket that a check of the store tells one by one.
inline constexpr size_t verify_problems = 100;
/// Rows, and bytes of their values, that a check reads before it lets others read: some 10 ms.
inline constexpr size_t verify_slice_rows = 500;
inline constexpr size_t verify_slice_bytes = mebibyte;
/// How often a store that failed tries to reopen.
inline constexpr std::chrono::milliseconds reopen_interval{250};

} // namespace treadmill::defaults
