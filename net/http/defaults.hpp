#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the network layer, with its unit and what it means.
namespace treadmill::http::defaults {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Bytes of one whole request body.
inline constexpr size_t request_bytes = 16 * 1024 * 1024;
/// Bytes of all request bodies that are being received or handled at one time; above it new ones
/// are answered 503.
inline constexpr size_t total_request_bytes = 256 * 1024 * 1024;
/// Bytes of the request line and the headers together; number of headers; bytes of the request
/// target.
inline constexpr size_t header_bytes = 16 * 1024;
inline constexpr size_t header_count = 100;
inline constexpr size_t target_bytes = 8192;
/// Connections at one time, feed clients not counted; further ones are answered 503 and closed.
inline constexpr size_t connections = 512;
/// Connections of one client address at one time; 0: no limit.
inline constexpr size_t connections_per_address = 0;
/// Feed clients (continuous, eventsource, longpoll) at one time; further ones are answered 503.
inline constexpr size_t feed_clients = 256;
/// Connections beyond the limits that are answered 503 at one time; further ones are closed without
/// an answer.
inline constexpr size_t refusals = 64;
/// Threads that read, handle and answer requests. None waits for a client.
inline constexpr size_t threads = 16;
/// From a request's first byte to the end of its headers.
inline constexpr seconds header_timeout{10};
/// From the end of the headers to the end of the body, unless the body arrives at `body_rate` or
/// faster.
inline constexpr seconds body_timeout{30};
/// Bytes a second. A body that takes longer than `body_timeout` and arrives slower than this is
/// refused.
inline constexpr size_t body_rate = 1024;
/// How long a connection may wait between two requests.
inline constexpr seconds idle_timeout{60};
/// How long an answer may make no progress towards its client.
inline constexpr seconds send_timeout{10};
/// Requests of one connection before it is closed.
inline constexpr size_t keep_alive_requests = 10'000;
/// One request's time from its last byte to its answer.
inline constexpr seconds request_deadline{30};
/// Bytes of a streamed answer that are produced before its client has taken them.
inline constexpr size_t send_buffer_bytes = 256 * 1024;
/// Waiting connections in the kernel's queue of the listening socket.
inline constexpr int listen_backlog = 1024;
/// Feeds: the time between heartbeats while nothing happens, and how long a longpoll waits.
inline constexpr milliseconds feed_heartbeat{30'000};
inline constexpr milliseconds feed_timeout{60'000};

/// Limits of a trial of a map: documents, bytes of their bodies, rows of the bucket that are read
/// to find them, and bytes of the rows that are shown.
inline constexpr size_t trial_documents = 100;
inline constexpr size_t trial_bytes = 4 * 1024 * 1024;
inline constexpr size_t trial_looks = 10'000;
inline constexpr size_t trial_answer_bytes = 1024 * 1024;

} // namespace treadmill::http::defaults
