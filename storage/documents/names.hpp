#pragma once
#include "storage/base/result.hpp"
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace treadmill {

/// True if `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// A document id: 1 to 512 bytes of valid UTF-8, not beginning with `_`, without control characters
/// (U+0000 to U+001F, U+007F to U+009F). Errors: bad_id; the reason names the broken rule.
result<void> check_id(std::string_view id);

/// A bucket name: `[a-z0-9][a-z0-9_.-]{0,127}`. Errors: bad_bucket.
result<void> check_bucket_name(std::string_view name);

/// The prefix of the names of local buckets: no link announces such a bucket to a peer, or accepts
/// one from a peer. `treadmill bench` writes to such a bucket.
inline constexpr std::string_view local_bucket_prefix = "treadmill-bench-";
inline bool stays_local(std::string_view bucket) { return bucket.starts_with(local_bucket_prefix); }

/// A query name: `[A-Za-z0-9][A-Za-z0-9_.-]{0,127}`. Errors: bad_query.
result<void> check_query_name(std::string_view name);

/// A UUID of version 7 (RFC 9562) in its usual text: ordered by `unix_ms` (milliseconds, 48 bits
/// are used), then by `random`. The caller supplies time and randomness.
std::string make_uuid7(uint64_t unix_ms, const std::array<uint8_t, 10>& random);

/// A new id from the system's clock and randomness; later calls in one process return larger ids.
/// **Thread**: any.
std::string make_document_id();

} // namespace treadmill
