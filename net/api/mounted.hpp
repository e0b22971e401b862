#pragma once
#include "net/http/http.hpp"
#include <optional>
#include <string_view>

namespace treadmill::api {

/// The request for a dialect that is mounted below a prefix: without the prefix in its path. The
/// target keeps it. `prefix`: begins with a slash and does not end with one. Nothing: the path is
/// not below it. Views into the same bytes as those of `request`.
std::optional<http::request> below(const http::request& request, std::string_view prefix);

} // namespace treadmill::api
