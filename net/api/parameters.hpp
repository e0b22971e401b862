#pragma once
#include "net/api/api_options.hpp"
#include "net/api/dialect.hpp"
#include "net/http/url.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace treadmill::api {

/// The most that `limit` may ask for.
inline constexpr uint64_t limit_most = 10'000'000;

/// The types of parameters that dialects share.
namespace takes {

extern const parameter_type text;  ///< valid UTF-8
extern const parameter_type flag;  ///< true or false
extern const parameter_type limit; ///< 0 to limit_most
/// A sequence, one with the id of its log (log_position.hpp), or `now`.
extern const parameter_type since;
extern const parameter_type milliseconds; ///< 0 to api_options::feed_timeout_most
extern const parameter_type feed;         ///< normal, longpoll, continuous, eventsource
extern const parameter_type live_feed;    ///< continuous, eventsource
extern const parameter_type stale;        ///< ok

} // namespace takes

/// Checks that each parameter has a value of its type, and with `others` refused that the route has
/// every parameter. Errors: bad_request (names all unknown ones, or the one whose value is wrong);
/// bad_encoding.
result<void> check_parameters(const http::query& query, std::span<const parameter> known,
                              unknown others, const api_options& options);

/// Reads decimal digits and nothing else; nothing if the number exceeds `most`.
std::optional<uint64_t> read_number(std::string_view text, uint64_t most = UINT64_MAX);

/// Reads a list of ids: a JSON array of strings if it begins with `[`, else plain ids with commas
/// between. The result is sorted and has no duplicates. Errors: bad_request.
result<std::vector<std::string>> read_ids(std::string_view text);

} // namespace treadmill::api
