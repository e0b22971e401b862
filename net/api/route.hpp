#pragma once
#include "net/http/http.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace treadmill::api {

struct exchange;
struct api_options;

enum class verb : uint8_t { get, post, put, patch, remove, copy };
inline constexpr size_t verbs = 6;
std::string_view to_string(verb method);

/// The values that a query parameter takes. They are checked before the handler runs.
struct parameter_type {
  std::string_view schema; ///< JSON Schema, for the API's description
  /// Errors: bad_request, bad_encoding.
  result<void> (*check)(std::string_view name, std::string_view value, const api_options& options);
};

struct parameter {
  std::string_view name;
  const parameter_type* type;
  std::string_view about;
};

/// The bodies that a route takes. Schemas are named as in the dialect's description.
struct request_body {
  std::string_view schema{}; ///< of JSON; empty: the route takes no body
  std::string_view lines{};  ///< of a line of NDJSON; empty: that is not taken
  bool merge_patch = false;
};

/// A successful answer, for the API's description.
struct described_answer {
  int status = 200;
  std::string_view schema; ///< of JSON; empty: none
  std::string_view about;
  std::string_view lines{};                 ///< of a line of NDJSON; empty: none is sent
  std::span<const std::string_view> text{}; ///< media types of answers that are not JSON
};

/// One call. Dispatch, `Allow`, the labels of metrics and the API's description use nothing else.
struct route {
  verb method = verb::get;
  /// Fixed names and `{variables}`, which the dialect lists as `path_variable`s. The last one may
  /// be
  /// `{name...}`: it takes the rest of the path, with its slashes.
  std::string_view path;
  std::string_view name; ///< label of the metrics; at most 15 bytes, so that it costs no allocation
  std::string_view summary;
  std::span<const parameter> parameters;
  request_body body;
  std::span<const described_answer> answers;
  void (*handle)(exchange&) = nullptr;
  /// The handler evaluates If-Match and If-None-Match.
  bool conditional = false;
  /// Makes the sink of a body in chunks or above the limit, for a request that passed all checks of
  /// the route and has no body yet; it moves `answer` out. Returns nullptr if this request's body
  /// goes to `handle`, within the limit. nullptr: no body of this route has a sink.
  result<std::unique_ptr<http::body_sink>> (*open_sink)(exchange&) = nullptr;
};

} // namespace treadmill::api
