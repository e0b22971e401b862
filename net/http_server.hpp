#pragma once
#include "net/defaults.hpp"
#include "net/http.hpp"
#include "storage/result.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace treadmill::http {

struct server_options {
  std::string host = "127.0.0.1"; ///< an address or name; IPv6 without brackets
  uint16_t port = 0;              ///< 0: any free one
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
  /// Bytes that handling a request takes beside its body; empty: nothing. Requests that take much
  /// wait for one another, in order, so that all together hold no more than `total_request_bytes`.
  std::function<size_t(const request&)> work{};
  std::chrono::milliseconds header_timeout = defaults::header_timeout;
  std::chrono::milliseconds body_timeout = defaults::body_timeout;
  std::chrono::milliseconds idle_timeout = defaults::idle_timeout;
  std::chrono::milliseconds send_timeout = defaults::send_timeout;
  std::chrono::milliseconds request_deadline = defaults::request_deadline;
  /// What the Date of answers is taken from. Any thread calls it.
  std::function<std::chrono::system_clock::time_point()> wall_clock =
      std::chrono::system_clock::now;
};

/// What the server counts about itself; for the metrics.
struct server_counters {
  uint64_t connections = 0;   ///< open now, feeds included
  uint64_t feed_clients = 0;  ///< open now
  uint64_t accepted = 0;      ///< since the start
  uint64_t refused = 0;       ///< connections answered 503 because of a limit
  uint64_t bad_requests = 0;  ///< refused before routing
  uint64_t timeouts = 0;      ///< connections ended because of a deadline
  uint64_t request_bytes = 0; ///< bodies held now, answers to them that wait to be taken, and work
  uint64_t waiting = 0;       ///< requests that wait until others give back memory
};

/// One finished request, for metrics and access logs.
struct request_record {
  std::string_view method, route, path;
  int status = 0;
  std::chrono::microseconds duration{};
};

/// The HTTP server: cpp-httplib, which accepts connections, parses heads and writes answers, made
/// safe.
///
/// All sockets wait in one epoll; a connection that waits for its next request, for the rest of a
/// request, for its answer or for room to send holds no thread. A request is handed to cpp-httplib
/// only after it has arrived whole and our own strict reader of heads has accepted it, from a
/// memory stream: nothing that a client does can make a thread wait. An error found before routing
/// is answered in our JSON form and the connection is closed.
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
  uint16_t port() const; ///< the bound port, after start
  /// Closes the listening socket and waiting connections, ends feeds (their streams are told
  /// nothing, they are destroyed after the closing chunk was sent), finishes requests that are
  /// being answered, for at most `grace`.
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds(4000));
  server_counters counters() const;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill::http
