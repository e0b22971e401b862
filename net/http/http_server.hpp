#pragma once
#include "net/http/defaults.hpp"
#include "net/http/http.hpp"
#include "storage/base/result.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::http {

/// An address where the server listens.
struct listen_address {
  std::string host = "127.0.0.1"; ///< an address or name; IPv6 without brackets
  uint16_t port = 0;              ///< 0: any free one
  std::string lenient_below{};    ///< as head_limits::lenient_below, of requests that come here
};

struct server_options {
  std::string host = "127.0.0.1"; ///< an address or name; IPv6 without brackets
  uint16_t port = 0;              ///< 0: any free one
  std::string lenient_below{};    ///< as listen_address::lenient_below
  /// More addresses: doors 1, 2, … of the same server, with the same limits, memory and threads.
  std::vector<listen_address> more_doors{};
  size_t threads = defaults::threads;
  size_t connections = defaults::connections;
  size_t connections_per_address = defaults::connections_per_address;
  size_t feed_clients = defaults::feed_clients;
  size_t refusals = defaults::refusals;
  size_t request_bytes = defaults::request_bytes;
  size_t total_request_bytes = defaults::total_request_bytes;
  size_t header_bytes = defaults::header_bytes;
  size_t header_count = defaults::header_count;
  size_t target_bytes = defaults::target_bytes;
  size_t keep_alive_requests = defaults::keep_alive_requests;
  size_t body_rate = defaults::body_rate;
  /// Returns the bytes of memory that handling a request needs beside its body; empty: none.
  /// Requests that need much memory wait for one another, in order, so that all together hold no
  /// more than `total_request_bytes`; if no other one is handled, a request is admitted whatever it
  /// needs.
  std::function<size_t(const request&)> work{};
  /// Finds the sinks of bodies; empty: no body has one. `request_bytes` does not hold for such a
  /// body.
  sink_factory open_sink{};
  std::chrono::milliseconds header_timeout = defaults::header_timeout;
  std::chrono::milliseconds body_timeout = defaults::body_timeout;
  std::chrono::milliseconds idle_timeout = defaults::idle_timeout;
  std::chrono::milliseconds send_timeout = defaults::send_timeout;
  std::chrono::milliseconds request_deadline = defaults::request_deadline;
  /// The clock for the Date header of answers. Any thread calls it.
  std::function<std::chrono::system_clock::time_point()> wall_clock =
      std::chrono::system_clock::now;
};

/// The server's own counters, for the metrics.
struct server_counters {
  uint64_t connections = 0;   ///< open now, feeds included
  uint64_t feed_clients = 0;  ///< open now
  uint64_t accepted = 0;      ///< since the start
  uint64_t refused = 0;       ///< connections answered 503 because of a limit
  uint64_t bad_requests = 0;  ///< refused before routing
  uint64_t timeouts = 0;      ///< connections ended because of a deadline
  uint64_t request_bytes = 0; ///< held now: bodies, answers that clients have not taken, work
  uint64_t waiting = 0;       ///< requests that wait for memory that others hold
};

/// One finished request, for metrics and access logs.
struct request_record {
  std::string_view method, route, path;
  int status = 0;
  std::chrono::microseconds duration{};
};

/// The HTTP server. cpp-httplib accepts its connections (http_listener.hpp); all else is
/// Treadmill's own.
///
/// All sockets are in one epoll set; a connection that waits for its next request, for the rest of
/// a request, for its answer or for room to send holds no thread. The server calls the handler only
/// after a request has arrived completely and the strict reader of heads (http_head.hpp) has
/// accepted it, so that no client can make a thread wait. If the server refuses a request before
/// routing, it answers in the JSON form of errors and closes the connection.
///
/// **Thread**: start, stop and the destructor from one thread; the handler is called on the
/// server's threads.
/// **Errors**: start answers io_error (the address cannot be bound, with the reason).
class server {
public:
  server(server_options options, handler handle,
         std::function<void(const request_record&)> record = {});
  ~server(); ///< stops
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  result<void> start();
  uint16_t port(size_t door = 0) const; ///< the bound port, after start
  /// Closes the listening socket and waiting connections, ends feeds (destroys their streams
  /// without notice and sends the closing chunk) and finishes requests that are being answered.
  /// Takes at most `grace`; in its last quarter (at most 250 ms) it cuts the connections that are
  /// still open.
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds(4000));
  server_counters counters() const;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill::http
