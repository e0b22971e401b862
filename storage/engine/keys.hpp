#pragma once
#include "storage/engine/writer.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The keys of the store (storage/README.md, "Keys"). All rows of a bucket lie together below its
/// number, so dropping it removes one range. Numbers are never reused.
namespace treadmill::keys {

/// The kind of a row of a bucket: the byte after the bucket's number. Frozen, as are those below.
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
inline constexpr char local = 0x0a;
inline constexpr char superseded_body = 0x0b;
/// Rows of the kinds from 0x80 to 0xfe may be left out: a version that does not know one neither
/// reads nor changes it, and removes it with its bucket.
inline bool is_optional(char kind) {
  const auto byte = static_cast<unsigned char>(kind);
  return byte >= 0x80 && byte < 0xff;
}
} // namespace row_kind
/// The kind of a row of an index: the byte after the index's number.
namespace index_kind {
inline constexpr char state = 0x00;
inline constexpr char row = 0x01;
inline constexpr char reverse = 0x02;
inline constexpr char change = 0x03;
inline constexpr char partial = 0x10; ///< plus the level
} // namespace index_kind
/// The kind of a row of `row_kind::query`: the byte after that kind.
namespace query_kind {
inline constexpr char last_index = 0x00;
inline constexpr char name = 0x01;
} // namespace query_kind

/// Marks that the digests of all buckets include the claims of leaves that were made elsewhere.
inline constexpr std::string_view claims_counted = "claims_counted";

std::string
meta(std::string_view name); ///< facts of the store: format, node id, last bucket number
std::string catalogue(std::string_view bucket); ///< bucket name → number and log id
std::string dead_bucket(uint32_t bucket);       ///< a dropped bucket whose rows await removal
std::string bucket_begin(uint32_t bucket);      ///< before all rows of a bucket
std::string bucket_end(uint32_t bucket);        ///< after all rows of a bucket
std::string bucket_state(uint32_t bucket);      ///< last sequence, chain, digest, counts
std::string document(uint32_t bucket, std::string_view id);
std::string losing_body(uint32_t bucket, std::string_view id,
                        std::string_view rev); ///< the body of a losing leaf
std::string older_ancestry(uint32_t bucket, std::string_view id);
std::string activity(uint32_t bucket, uint64_t sequence);
std::string conflict(uint32_t bucket,
                     std::string_view id); ///< present if the document has conflicts
/// How far the bucket has applied the log of a peer (its node id).
std::string checkpoint(uint32_t bucket, std::string_view peer);
/// Present if a later entry of the same document supersedes that one. (Absent if an older version,
/// which did not know this row, wrote the later entry.)
std::string superseded(uint32_t bucket, uint64_t sequence);
/// A value that belongs to the bucket on this node alone.
std::string local_row(uint32_t bucket, std::string_view name);
std::string local_rows_end(uint32_t bucket);
/// The body of a superseded revision, kept on request.
std::string superseded_body(uint32_t bucket, std::string_view id, std::string_view rev);
std::string superseded_bodies_begin(uint32_t bucket);
std::string superseded_bodies_end(uint32_t bucket);
/// A bucket that was dropped here, by name: peers cannot create it until it is created here again.
std::string left_bucket(std::string_view name);

// Indexes of queries (index.hpp): all rows of an index lie together below its bucket's number and
// its own number, which is unique in the bucket and never reused.
std::string index_begin(uint32_t bucket, uint32_t index);
std::string index_end(uint32_t bucket, uint32_t index);
std::string index_state(uint32_t bucket, uint32_t index);
/// `suffix`: that of a row (index.hpp), or a prefix of one to bound a scan.
std::string index_row(uint32_t bucket, uint32_t index, std::string_view suffix);
std::string index_reverse(uint32_t bucket, uint32_t index, std::string_view id);
std::string index_change(uint32_t bucket, uint32_t index, uint64_t sequence);
std::string index_changes_end(uint32_t bucket, uint32_t index);
/// The partial result of the block at `level` (from 1) that begins at the row with `suffix`.
std::string index_partial(uint32_t bucket, uint32_t index, unsigned level, std::string_view suffix);
std::string last_index(uint32_t bucket); ///< the last index number assigned in the bucket
std::string query(uint32_t bucket, std::string_view name); ///< which index serves the query
std::string queries_end(uint32_t bucket);
/// A dropped index whose rows await removal. (The key lies beside those of dropped buckets, so that
/// one scan finds the dropped indexes of all buckets.)
std::string dead_index(uint32_t bucket, uint32_t index);

/// Bytes before the suffix in `index_row` and `index_partial`, before the id in `index_reverse`.
inline constexpr size_t index_prefix = 11;
inline constexpr size_t query_prefix = 7; ///< bytes before the name in `query`
/// Greater than the first byte of every term, so prefix + this byte is the end of all keys with
/// that prefix.
inline constexpr char above_terms = '\xff';

inline constexpr size_t document_prefix =
    6; ///< bytes before the id in `document` and `conflict` keys
/// The exclusive ends of a bucket's documents, activity and conflicts, of the catalogue, and of the
/// dropped buckets and indexes.
std::string documents_end(uint32_t bucket);
std::string activity_end(uint32_t bucket);
std::string conflicts_end(uint32_t bucket);
std::string catalogue_end();
std::string dead_buckets_end();
std::string buckets_end(); ///< after all rows of all buckets

/// The id, name or sequence in a key of `document`, `catalogue`, and `activity` or `superseded`.
std::string_view id_of(std::string_view document_key);
std::string_view bucket_name_of(std::string_view catalogue_key);
uint64_t sequence_of(std::string_view activity_key);
/// The bucket number; works for `dead_index` and every row of a bucket too.
uint32_t number_of(std::string_view dead_bucket_key);
std::optional<uint32_t> dead_index_of(std::string_view dead_key); ///< nullopt for `dead_bucket`
/// The bucket or index that owns the row; nullopt for rows of the store and of `row_kind::query`,
/// which no writer keeps in memory.
std::optional<writer> writer_of(std::string_view key);
/// The name, suffix or sequence in a key of `query`, `index_row` or `index_partial`, and
/// `index_change`.
std::string_view query_of(std::string_view query_key);
std::string_view suffix_of(std::string_view index_row_key);
uint64_t change_sequence_of(std::string_view index_change_key);

} // namespace treadmill::keys
