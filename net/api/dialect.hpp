#pragma once
#include "net/api/content_type.hpp"
#include "net/api/route.hpp"
#include "net/http/http.hpp"
#include "net/http/url.hpp"
#include "storage/base/result.hpp"
#include <optional>
#include <span>
#include <string_view>

namespace treadmill::api {

/// A variable piece of a path, for example the document of `/{bucket}/{id}`.
struct path_variable {
  std::string_view name; ///< without braces
  bool is_bucket = false;
  /// The error for a piece that begins with `_` and is not a fixed name at this place. `none`: the
  /// variable takes any piece.
  ec reserved = ec::none;
  std::string_view reason{}; ///< of `reserved`
};

/// How a dialect treats a part of a request that the route does not know.
enum class unknown : uint8_t { refused, ignored };

/// A REST interface as a table: its routes, the form of its errors, and its rules for slashes,
/// unknown parameters and bodies. **Lifetime**: static, as are the views.
struct dialect {
  std::span<const route> routes;
  std::span<const path_variable> variables;
  http::trailing_slash trailing_slash = http::trailing_slash::refused;
  unknown parameters = unknown::refused;
  http::repeated twice = http::repeated::refused; ///< a parameter of a query
  unknown bodies = unknown::refused;              ///< of a route that takes none
  unknown conditions = unknown::refused;
  /// Pages of allowed origins may send credentials: the answer names their origin, never `*`.
  bool cors_credentials = false;
  bool gzip_bodies = false;                ///< takes a body with `Content-Encoding: gzip`
  std::string_view cors_request_headers{}; ///< that pages of other origins may send
  std::string_view cors_answer_headers{};  ///< and read

  /// For the API's description: the members of `info`, and the JSON object `components`, which has
  /// a parameter for each variable, the response `Error` and a schema for each name that routes
  /// say.
  std::string_view info;
  std::string_view components;

  /// The answer for an error. `extra`: further members, each behind a comma.
  http::response (*error_answer)(const error& problem, std::string_view extra) = nullptr;
  /// The format of a body. Errors: unsupported_media_type.
  result<body_format> (*read_content_type)(std::string_view header,
                                           const request_body& body) = nullptr;
  /// The error for a path that no route has.
  error (*no_route)(std::span<const std::string_view> pieces) = nullptr;
  /// Another error than method_not_allowed for a method that the path does not take; empty: none.
  std::optional<error> (*no_method)(std::string_view path, std::string_view method) = nullptr;
};

} // namespace treadmill::api
