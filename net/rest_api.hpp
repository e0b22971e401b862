#pragma once
#include "net/http.hpp"
#include "net/http_server.hpp"
#include "net/node_backend.hpp"
#include "storage/json.hpp"
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::rest {

struct api_options {
  std::vector<std::string>
      cors_origins; ///< allowed origins; "*" allows all; empty: this node's own only
  json_limits limits{};
  std::chrono::milliseconds feed_heartbeat = http::defaults::feed_heartbeat;
  std::chrono::milliseconds feed_timeout = http::defaults::feed_timeout;
  std::chrono::milliseconds feed_timeout_most{24L * 3600 * 1000};
  std::function<http::clock::time_point()>
      now; ///< for heartbeats and timeouts of feeds; empty: the steady clock
};

/// The REST interface of DESIGN section 5 (documents, bulk, listings, buckets, activity, system):
/// it turns requests into answers.
///
/// It answers reads on the calling thread from the store's read views, and forwards writes to the
/// backend, whose result it answers. One table has the routes (method, path shape, name, handler):
/// Allow, metrics labels and the OpenAPI description all come from it. It must outlive every
/// request and stream that it made; `backend` must outlive it. **Thread**: any.
class api {
public:
  api(node_backend& backend, api_options options);
  ~api();
  void handle(const http::request& request, http::responder answer);
  /// Counts one finished request; pass it to the server as its record function.
  void record(const http::request_record& done);
  /// Sets the source of the server's own counters in the metrics.
  void set_server_counters(std::function<http::server_counters()> counters);
  /// The routes, as "GET /{bucket}/{id}": for the test that compares the OpenAPI description with
  /// them.
  std::vector<std::string> routes() const;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill::rest
