#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace treadmill {

/// Why something was not done. Values are frozen: they travel in messages. One sentence each.
enum class ec : uint8_t {
  none = 0,
  bad_request = 1,          ///< The request is wrong in a way that no other code names.
  bad_json = 2,             ///< The text is not JSON (or a number that no double can hold).
  not_object = 3,           ///< JSON, but not an object where one is needed.
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
  length_required = 16,     ///< A body without a length.
  unsupported_media_type = 17, ///< A Content-Type or Content-Encoding that is not taken.
  method_not_allowed = 18,     ///< The path is there, but not for this method.
  forbidden = 19,              ///< A browser page of another origin asks.
  overloaded = 20,             ///< A bounded queue is full; nothing was applied; try again later.
  shutting_down = 21,          ///< The node is ending; nothing was applied.
  deadline_exceeded = 22,      ///< The deadline passed before the work was handed over.
  ambiguous = 23,              ///< It may or may not have been applied: ask again to know.
  disk_full = 24,       ///< The store takes no writes until space is freed; nothing was applied.
  io_error = 25,        ///< The store could not be read or written.
  corrupt = 26,         ///< Stored bytes fail their check.
  internal = 27,        ///< A fault of ours.
  http_version = 28,    ///< An HTTP version that is not spoken here.
  request_timeout = 29, ///< The client did not finish sending its request in time.
  not_applied = 30,     ///< Part of an atomic group of which another part was refused.
  bad_query = 31,       ///< A query's name breaks the rules of names.hpp.
  query_suspended = 32, ///< Too many documents broke the query's map: define it again.
  bad_map = 33,         ///< A map or reduce function that does not compile.
  bad_reduce = 34,      ///< A reduction met a value that it cannot take, or its function failed.
  unavailable = 35,     ///< A part that this needs is missing here, or does not start.
};

/// The last value of `ec`: for tests that walk all of them.
inline constexpr ec last_ec = ec::unavailable;

/// The code word that an answer carries, for example "bad_json".
std::string_view to_string(ec code);

/// A code, and a phrase without paths, input or exception text, fit to be shown to a client: lower
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
