#pragma once
#include "storage/result.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace treadmill::rest {

struct exchange;

/// What a path names. Which methods it takes is in the route table.
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

/// What the value of a query parameter must be; checked before the handler runs.
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

/// What a request's body is read as.
enum class body_kind : uint8_t {
  none, ///< a body is refused, so that what a client meant by it is not lost in silence
  document,
  patch,
  bulk,  ///< may be NDJSON
  lines, ///< NDJSON, of documents with their pasts
  ids,
  definition, ///< of a query
  query,      ///< a definition, or `{"terms":[…]}`
  peer,       ///< `{"zmq_uri":"…"}`
};

/// An answer that is no error; for the API's description.
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
  /// The handler looks at If-Match and If-None-Match. Any other route that is no GET refuses them:
  /// what a client makes a condition is not passed over.
  bool conditional = false;
};

std::span<const route> route_table();
/// "/{bucket}/{id}" and the like.
std::string_view pattern_of(shape where);
/// nullptr where the method is not taken there.
const route* find_route(shape where, verb method);
/// "GET, HEAD, OPTIONS": the value of Allow.
std::string allowed_methods(shape where);

struct matched_path {
  shape where = shape::root;
  std::string_view bucket; ///< as it stands in the path, decoded; not checked
  std::string_view id;     ///< of the document, or the name of the query, peer or file: the same
};

/// What a path names, split and decoded. Errors: not_found; bad_bucket and bad_id where a piece
/// begins with `_` and names nothing.
result<matched_path> match_path(std::span<const std::string_view> pieces);

} // namespace treadmill::rest
