#pragma once
#include "net/rest_api.hpp"
#include "net/routes.hpp"
#include "net/url.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace treadmill::rest {

/// The most that `limit` may ask for.
inline constexpr uint64_t limit_most = 10'000'000;

/// Every parameter must be one of the route's, and its value what the route takes. Errors:
/// bad_request, which names all that are not known, or the one whose value is wrong; bad_encoding.
result<void> check_parameters(const http::query& query, std::span<const parameter> known,
                              const api_options& options);

/// Decimal digits and nothing else, at most `most`.
std::optional<uint64_t> read_number(std::string_view text, uint64_t most = UINT64_MAX);

/// A list of ids: a JSON array of strings where it begins with `[`, else plain ids with commas
/// between. Sorted, each once. Errors: bad_request.
result<std::vector<std::string>> read_ids(std::string_view text);

} // namespace treadmill::rest
