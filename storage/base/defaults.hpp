#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the storage layer, with its unit and what it means.
namespace treadmill::defaults {

inline constexpr size_t kibibyte = 1024;
inline constexpr size_t mebibyte = 1024 * kibibyte;

/// Bytes of one document's stored form. A larger document is refused with 413.
inline constexpr size_t document_bytes = 8 * mebibyte;
/// How deep arrays and objects may nest; also bounds every recursion over JSON.
inline constexpr size_t json_depth = 100;
inline constexpr size_t most_json_depth = 1000; ///< the largest configurable json_depth
/// Documents of one bulk request, and ids of one bulk read: bounds the memory that a small request
/// can use.
inline constexpr size_t list_items = 100'000;
/// Bytes of a document id (UTF-8).
inline constexpr size_t id_bytes = 512;
/// Bytes of a bucket's or a query's name.
inline constexpr size_t name_bytes = 128;
/// Edits of a branch that are kept; older ones are forgotten.
inline constexpr uint32_t revision_depth = 1000;
/// The largest edit count of a revision.
inline constexpr uint32_t revision_number = 0x7fffffff;
/// Attachments of one document.
inline constexpr size_t attachments = 1000;
/// Bytes of the name of an attachment, and of its content type.
inline constexpr size_t attachment_name_bytes = 512;
inline constexpr size_t content_type_bytes = 255;
/// Buckets of one node.
inline constexpr size_t buckets = 1000;
/// One of this many buckets is reserved for clients; peers may create only the others.
inline constexpr size_t buckets_of_clients = 10;
/// Tree nodes kept in the document's own row; older ancestry lies in a row of its own
/// (storage/README.md).
inline constexpr size_t recent_ancestry = 64;
/// Limits of one document's leaves, including deleted ones, and of its revision tree's nodes: for
/// an import (the node limit also for a client's write), and for merges of documents from peers.
/// The limits for merges are larger, so that documents which several nodes accepted while
/// partitioned still merge. The largest tree fits into a frame of the peer protocol.
inline constexpr size_t imported_leaves = 1000;
inline constexpr size_t imported_nodes = 50'000;
inline constexpr size_t local_name_bytes = 600; ///< of a local row
inline constexpr size_t merged_leaves = 10'000;
inline constexpr size_t merged_nodes = 100'000;
/// Revisions in one entry of the activity: a change that brings more is logged as several entries.
inline constexpr size_t entry_changes = 1000;
/// Bytes of the rows of an atomic group, which stay in memory until the group ends.
inline constexpr size_t atomic_bytes = 128 * mebibyte;
/// Queries of one bucket.
inline constexpr size_t queries = 1000;
/// Bytes of a query's map, and of its reduction.
inline constexpr size_t function_bytes = 64 * kibibyte;

/// Bytes of a selector's stored form.
inline constexpr size_t selector_bytes = mebibyte;
/// Conditions of a selector, with the names in its paths and the elements of its lists.
inline constexpr size_t selector_conditions = 20'000;
/// Work of a selector on one document: at most about half a second (step_budget.hpp).
inline constexpr uint64_t selector_steps = 4'000'000;
/// Bytes of a regular expression, and its nested groups.
inline constexpr size_t pattern_bytes = 4 * kibibyte;
inline constexpr uint32_t pattern_depth = 100;
/// PCRE2's limit of attempts from one position of the text, and of its memory.
inline constexpr uint32_t pattern_matches = 1'000'000;
inline constexpr uint32_t pattern_heap_bytes = 16 * mebibyte;

/// Changes of an index that are kept for live feeds, in number and in bytes; the oldest are removed
/// first.
inline constexpr uint64_t index_changes = 100'000;
inline constexpr uint64_t index_change_bytes = 64 * mebibyte;
/// Approximate bytes of one batch of an index. Client writes have priority over it.
inline constexpr size_t index_batch_bytes = 256 * kibibyte;
/// Rows read in one slice: rows of an index, partial results, rows of a long scan.
inline constexpr size_t slice_rows = 4096;
/// Rows and partial results that one batch of a first build of the block tree reads.
inline constexpr size_t index_build_rows = 32 * 1024;
/// Approximate bytes of the blocks given to a JavaScript reduction at once.
inline constexpr size_t reduce_input_bytes = mebibyte;

/// LevelDB: memory of one memtable (its log is replayed at start, so larger means a slower start).
inline constexpr size_t write_buffer_bytes = 8 * mebibyte;
/// LevelDB: bytes of its cache of blocks.
inline constexpr size_t block_cache_bytes = 16 * mebibyte;
/// Free space below which the store does not try to reopen after a failed write.
inline constexpr uint64_t reopen_free_bytes = 2 * mebibyte;
/// Free space below which writes are refused; on a small file system less (store_options).
inline constexpr uint64_t free_floor_bytes = 256 * mebibyte;
/// How long a measurement of the free space stays valid.
inline constexpr std::chrono::milliseconds free_space_age{200};
/// Rows of a dropped bucket removed in one slice.
inline constexpr size_t clean_up_rows = 5000;
/// Approximate bytes compacted in one slice to reclaim the space of dropped buckets; writes wait
/// meanwhile.
inline constexpr uint64_t compaction_bytes = 4 * mebibyte;
/// Problems of one bucket that a check of the store lists individually.
inline constexpr size_t verify_problems = 100;
/// Rows, and bytes of their values, that a check reads before it yields to other reads: about 10
/// ms.
inline constexpr size_t verify_slice_rows = 500;
inline constexpr size_t verify_slice_bytes = mebibyte;

} // namespace treadmill::defaults
