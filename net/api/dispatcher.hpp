#pragma once
#include "net/api/api_options.hpp"
#include "net/api/dialect.hpp"
#include "net/http/http.hpp"
#include "net/http/http_server.hpp"
#include "net/node/node_backend.hpp"
#include <functional>
#include <memory>

namespace treadmill::api {

/// Turns the requests of one dialect into answers.
///
/// It answers reads on the calling thread from the store's read views, and forwards writes to the
/// backend, whose result it answers. It checks a request against the dialect's table before the
/// handler runs. It must outlive every request and stream that it made; `rules` and `backend` must
/// outlive it. **Thread**: any.
class dispatcher {
public:
  dispatcher(const dialect& rules, node_backend& backend, api_options options);
  ~dispatcher();
  void handle(const http::request& request, http::responder answer);
  /// The sink of a body that may be large, as http::sink_factory. If the route has sinks and the
  /// request fails its checks, the sink only answers the error.
  std::unique_ptr<http::body_sink> open_sink(const http::request& head);
  /// Counts one finished request; pass it to the server as its record function.
  void record(const http::request_record& done);
  /// Sets the source of the server's own counters in the metrics.
  void set_server_counters(std::function<http::server_counters()> counters);

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill::api
