#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace treadmill {

/// Why an operation failed. Values are frozen, since messages carry them. One sentence each.
enum class ec : uint8_t {
  none = 0,
  bad_request = 1,          ///< The request is wrong in a way that no other code names.
  bad_json = 2,             ///< The text is not JSON (or has a number out of a double's range).
  not_object = 3,           ///< JSON, but not an object where an object is required.
  duplicate_key = 4,        ///< An object names a member twice.
  too_deep = 5,             ///< Nested deeper than the limit.
  bad_encoding = 6,         ///< Not valid UTF-8, or half of a surrogate pair.
  bad_id = 7,               ///< A document id breaks the rules of names.hpp.
  bad_bucket = 8,           ///< A bucket name breaks the rules of names.hpp.
  bad_rev = 9,              ///< Not the text of a revision.
  not_found = 10,           ///< No such bucket, document, revision or query.
  conflict = 11,            ///< The named revision is not a live leaf, or the id is live already.
  precondition_failed = 12, ///< If-Match or If-None-Match does not hold.
  too_large = 13,           ///< Larger than a limit allows.
  uri_too_long = 14,        ///< The request line is longer than the limit.
  headers_too_large = 15,   ///< The header block is larger than the limit.
  length_required = 16,     ///< The request has a body without a length.
  unsupported_media_type = 17, ///< An unsupported Content-Type or Content-Encoding.
  method_not_allowed = 18,     ///< The path exists, but not for this method.
  forbidden = 19,              ///< The request comes from a browser page of another origin.
  overloaded = 20,             ///< A bounded queue is full; nothing was applied; try again later.
  shutting_down = 21,          ///< The node is stopping; nothing was applied.
  deadline_exceeded = 22,      ///< The deadline passed before the work was submitted.
  ambiguous = 23,              ///< It may or may not have been applied; read again to find out.
  disk_full = 24,       ///< The store refuses writes until space is freed; nothing was applied.
  io_error = 25,        ///< The store could not be read or written.
  corrupt = 26,         ///< Stored bytes fail their check.
  internal = 27,        ///< A bug in Treadmill.
  http_version = 28,    ///< An unsupported HTTP version.
  request_timeout = 29, ///< The client did not finish sending its request in time.
  not_applied = 30,     ///< Part of an atomic group of which another part was refused.
  bad_query = 31,       ///< A query's name breaks the rules of names.hpp.
  query_suspended = 32, ///< Too many documents broke the query's map; define it again.
  bad_map = 33,         ///< A map or reduce function that does not compile.
  bad_reduce = 34,      ///< A reduction met an unsupported value, or its function failed.
  unavailable = 35,     ///< A component that this needs is missing on this node, or does not start.
  missing_stub = 36,    ///< An attachment is named as being there, and is not.
};

/// The last value of `ec`, for tests that iterate over all of them.
inline constexpr ec last_ec = ec::missing_stub;

/// The code word in an answer, for example "bad_json".
std::string_view to_string(ec code);

/// A code, and a phrase that may be shown to a client: no paths, no input, no exception text; lower
/// case, no full stop at its end.
struct error {
  ec code = ec::internal;
  std::string reason;
};

template<typename T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(ec code, std::string reason) {
  return tl::unexpected<error>(error{code, std::move(reason)});
}

} // namespace treadmill
