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

/// Checks that every parameter is one of the route's and that the route takes its value. Errors:
/// bad_request (names all unknown ones, or the one whose value is wrong); bad_encoding.
result<void> check_parameters(const http::query& query, std::span<const parameter> known,
                              const api_options& options);

/// Reads decimal digits and nothing else; nothing if the number exceeds `most`.
std::optional<uint64_t> read_number(std::string_view text, uint64_t most = UINT64_MAX);

/// Reads a list of ids: a JSON array of strings if it begins with `[`, else plain ids with commas
/// between. The result is sorted and has no duplicates. Errors: bad_request.
result<std::vector<std::string>> read_ids(std::string_view text);

} // namespace treadmill::rest
