#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The keys of the store (storage/README.md, "Keys"). All rows of a bucket lie together below its
/// number, so that dropping it is one range; numbers are never reused.
namespace treadmill::keys {

/// What a row of a bucket is: the byte after the bucket's number. Frozen, as those below.
namespace row_kind {
inline constexpr char state = 0x00;
inline constexpr char document = 0x01;
inline constexpr char losing_body = 0x02;
inline constexpr char older_ancestry = 0x03;
inline constexpr char activity = 0x04;
inline constexpr char index = 0x05;
inline constexpr char query = 0x06;
inline constexpr char conflict = 0x07;
inline constexpr char checkpoint = 0x08;
inline constexpr char superseded = 0x09;
} // namespace row_kind
/// What a row of an index is: the byte after the index's number.
namespace index_kind {
inline constexpr char state = 0x00;
inline constexpr char row = 0x01;
inline constexpr char reverse = 0x02;
inline constexpr char change = 0x03;
inline constexpr char partial = 0x10; ///< plus the level
} // namespace index_kind
/// What a row of `row_kind::query` is: the byte after that.
namespace query_kind {
inline constexpr char last_index = 0x00;
inline constexpr char name = 0x01;
} // namespace query_kind

/// A fact: the digests of all buckets take in what leaves are that were made elsewhere.
inline constexpr std::string_view claims_counted = "claims_counted";

std::string
meta(std::string_view name); ///< facts of the store: format, node id, next bucket number
std::string catalogue(std::string_view bucket); ///< bucket name → number and log id
std::string dead_bucket(uint32_t bucket);  ///< a dropped bucket whose rows are still to be removed
std::string bucket_begin(uint32_t bucket); ///< before all rows of a bucket
std::string bucket_end(uint32_t bucket);   ///< after all rows of a bucket
std::string bucket_state(uint32_t bucket); ///< last sequence, chain, digest, counts
std::string document(uint32_t bucket, std::string_view id);
std::string losing_body(uint32_t bucket, std::string_view id,
                        std::string_view rev); ///< body of a leaf that does not win
std::string older_ancestry(uint32_t bucket, std::string_view id);
std::string activity(uint32_t bucket, uint64_t sequence);
std::string conflict(uint32_t bucket,
                     std::string_view id); ///< there where the document has conflicts
/// How far the bucket has taken in what a peer, by its node id, has of it.
std::string checkpoint(uint32_t bucket, std::string_view peer);
/// There where a later entry of the same document has superseded that one. (Not where a version
/// before this row was known wrote the later one.)
std::string superseded(uint32_t bucket, uint64_t sequence);
/// A bucket that was dropped here, by name, and is not taken from peers until it is made again.
std::string left_bucket(std::string_view name);

// Indexes of queries (index.hpp): all rows of one lie together below its bucket's number and its
// own, which is unique in the bucket and never reused.
std::string index_begin(uint32_t bucket, uint32_t index);
std::string index_end(uint32_t bucket, uint32_t index);
std::string index_state(uint32_t bucket, uint32_t index);
/// `suffix`: of the row (index.hpp); where the rows begin or end, the beginning of one.
std::string index_row(uint32_t bucket, uint32_t index, std::string_view suffix);
std::string index_reverse(uint32_t bucket, uint32_t index, std::string_view id);
std::string index_change(uint32_t bucket, uint32_t index, uint64_t sequence);
std::string index_changes_end(uint32_t bucket, uint32_t index);
/// The partial result of the block of that level (from 1) that begins at the row with `suffix`.
std::string index_partial(uint32_t bucket, uint32_t index, unsigned level, std::string_view suffix);
std::string last_index(uint32_t bucket); ///< the last index number that was given in the bucket
std::string query(uint32_t bucket, std::string_view name); ///< which index serves the query
std::string queries_end(uint32_t bucket);
/// A dropped index whose rows are still to be removed. (Beside the dropped buckets, so that those
/// of all buckets are found at once.)
std::string dead_index(uint32_t bucket, uint32_t index);

/// Bytes before the suffix in `index_row` and `index_partial`, before the id in `index_reverse`.
inline constexpr size_t index_prefix = 11;
inline constexpr size_t query_prefix = 7; ///< bytes before the name in `query`
/// Above the beginning of every term, so that prefix + this is the end of what begins with prefix.
inline constexpr char above_terms = '\xff';

inline constexpr size_t document_prefix =
    6; ///< bytes before the id in `document` and `conflict` keys
/// The ends (exclusive) of the documents, the activity and the conflicts of a bucket, and of the
/// rows of all buckets' names and of all dropped ones.
std::string documents_end(uint32_t bucket);
std::string activity_end(uint32_t bucket);
std::string conflicts_end(uint32_t bucket);
std::string catalogue_end();
std::string dead_buckets_end();
std::string buckets_end(); ///< after all rows of all buckets

/// What `document`, `catalogue`, and `activity` or `superseded` were made from.
std::string_view id_of(std::string_view document_key);
std::string_view bucket_name_of(std::string_view catalogue_key);
uint64_t sequence_of(std::string_view activity_key);
/// Of `dead_index` too, and of every row of a bucket.
uint32_t number_of(std::string_view dead_bucket_key);
std::optional<uint32_t> dead_index_of(std::string_view dead_key); ///< nothing for `dead_bucket`
/// What `query`, `index_row`, `index_partial` and `index_change` were made from.
std::string_view query_of(std::string_view query_key);
std::string_view suffix_of(std::string_view index_row_key);
uint64_t change_sequence_of(std::string_view index_change_key);

} // namespace treadmill::keys
