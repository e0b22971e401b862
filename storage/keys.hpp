#pragma once
#include <cstdint>
#include <string>
#include <string_view>

/// The keys of the store (storage/README.md, "Keys"). All rows of a bucket lie together below its
/// number, so that dropping it is one range; numbers are never reused.
namespace treadmill::keys {

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

inline constexpr size_t document_prefix =
    6; ///< bytes before the id in `document` and `conflict` keys
/// The ends (exclusive) of the documents, the activity and the conflicts of a bucket, and of the
/// rows of all buckets' names and of all dropped ones.
std::string documents_end(uint32_t bucket);
std::string activity_end(uint32_t bucket);
std::string conflicts_end(uint32_t bucket);
std::string catalogue_end();
std::string dead_buckets_end();

/// What `document`, `catalogue` and `activity` were made from.
std::string_view id_of(std::string_view document_key);
std::string_view bucket_name_of(std::string_view catalogue_key);
uint64_t sequence_of(std::string_view activity_key);
uint32_t number_of(std::string_view dead_bucket_key);

} // namespace treadmill::keys
