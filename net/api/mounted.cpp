#include "net/api/mounted.hpp"

namespace treadmill::api {

std::optional<http::request> below(const http::request& request, std::string_view prefix) {
  std::string_view path = request.path;
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  http::request made = request;
  made.path = path.empty() ? std::string_view("/") : path;
  return made;
}

} // namespace treadmill::api
