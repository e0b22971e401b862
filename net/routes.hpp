#pragma once
#include "storage/result.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace treadmill::rest {

struct exchange;

/// The kind of resource that a path names. The route table says which methods it takes.
enum class shape : uint8_t {
  root,
  system,
  buckets,
  health,
  ready,
  metrics,
  openapi,
  compact,
  peers,
  peer,
  console,
  console_file,
  bucket,
  bulk,
  bulk_get,
  documents,
  conflicts,
  activity,
  exported,
  imported,
  verify,
  queries,
  query,
  document,
};
inline constexpr size_t shapes = static_cast<size_t>(shape::document) + 1;

enum class verb : uint8_t { get, post, put, patch, remove };
inline constexpr size_t verbs = 5;
std::string_view to_string(verb method);

/// The values that a query parameter takes; checked before the handler runs.
enum class takes : uint8_t {
  text,         ///< valid UTF-8
  flag,         ///< true or false
  limit,        ///< 0 to 10,000,000
  since,        ///< a sequence, one with the id of its log (log_position.hpp), or `now`
  milliseconds, ///< 0 to api_options::feed_timeout_most
  feed,         ///< normal, longpoll, continuous, eventsource
  live_feed,    ///< continuous, eventsource
  stale,        ///< ok
};

struct parameter {
  std::string_view name;
  takes what = takes::text;
  std::string_view about;
};

/// How a request's body is read.
enum class body_kind : uint8_t {
  none, ///< a body is refused, not silently ignored
  document,
  patch,
  bulk,  ///< may be NDJSON
  lines, ///< NDJSON, of documents with their revision histories
  ids,
  definition, ///< of a query
  query,      ///< a definition, or `{"terms":[…]}`
  peer,       ///< `{"zmq_uri":"…"}`
};

/// A successful answer, for the API's description.
struct described_answer {
  int status = 200;
  std::string_view schema; ///< of openapi.cpp's components; empty: no body
  std::string_view about;
};

/// One row of the route table: dispatch, Allow, the labels of metrics and the OpenAPI description
/// all come from it.
struct route {
  shape where = shape::root;
  verb method = verb::get;
  std::string_view
      name; ///< label of the metrics; at most 15 bytes, so that it costs no memory of its own
  std::string_view summary;
  std::span<const parameter> parameters;
  body_kind body = body_kind::none;
  std::span<const described_answer> answers;
  void (*handle)(exchange&) = nullptr;
  /// The handler evaluates If-Match and If-None-Match. Every other route except GET refuses them,
  /// so that a client's condition is never silently ignored.
  bool conditional = false;
};

std::span<const route> route_table();
/// "/{bucket}/{id}" and the like.
std::string_view pattern_of(shape where);
/// nullptr if the path does not take the method.
const route* find_route(shape where, verb method);
/// "GET, HEAD, OPTIONS": the value of Allow.
std::string allowed_methods(shape where);

struct matched_path {
  shape where = shape::root;
  std::string_view bucket; ///< as given in the path, decoded; not checked
  std::string_view id;     ///< of the document, or the name of the query, peer or file; likewise
};

/// Finds the resource of a path, whose `pieces` are split and decoded. Errors: not_found;
/// bad_bucket and bad_id (a piece begins with `_` and is not a known name).
result<matched_path> match_path(std::span<const std::string_view> pieces);

} // namespace treadmill::rest
