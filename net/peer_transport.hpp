#pragma once
#include "net/host_resolver.hpp"
#include "net/replication_defaults.hpp"
#include "storage/result.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace treadmill::replication {

struct transport_options {
  /// `tcp://HOST:PORT`, as check_zmq_listen takes it; port 0 takes a free one. Empty: only dials.
  std::string listen{};
  /// Bytes of one frame, either way. A peer that announces a larger one is disconnected.
  size_t message_bytes = size_t{16} * 1024 * 1024;
  /// Bytes of frames that wait to be sent, of one connection and of all: in the queue and inside
  /// ZeroMQ. A connection takes a frame as long as less than its bound waits, whatever its size.
  size_t connection_queued_bytes = size_t{16} * 1024 * 1024;
  size_t queued_bytes = size_t{64} * 1024 * 1024;
  /// Bytes that have come and were not handed over yet, of one connection beside a frame that is
  /// not finished, and of all; above it the connection with the most is cut. A peer that sends
  /// without waiting for answers is not slowed down: it is cut.
  size_t connection_held_bytes = size_t{8} * 1024 * 1024;
  size_t held_bytes = size_t{64} * 1024 * 1024;
  /// Connections that peers have made; above it the one that has been silent for longest is cut.
  size_t connections = defaults::incoming_connections;
  /// How long a connection may take to be made, and to greet.
  std::chrono::milliseconds handshake{5000};
  /// The other machine is asked for a sign of life this often, in whole seconds, and a connection
  /// is given up after three times as long without one. That its process is alive, too, is for
  /// those who send frames to find out.
  std::chrono::milliseconds heartbeat{5000};
  /// How long frames that were sent before hang_up or stop may take to leave.
  std::chrono::milliseconds linger{200};
  /// The pause before a lost or failed connection is dialled again: at first, and at most after
  /// doubling. Each has a random part.
  std::chrono::milliseconds reconnect_first{100};
  std::chrono::milliseconds reconnect_most{5000};
  /// How names of hosts are looked up; by default the system does it.
  host_resolver::lookup look_up{};
};

/// What the transport tells, always on its own thread: nothing else moves until a handler returns.
/// They may call everything of the transport but stop().
struct transport_handlers {
  std::function<void(uint64_t connection, std::string frame)> received{};
  /// Frames sent and received until now may be missing on either side. A dialled connection keeps
  /// its id and is dialled again; an incoming one is over, and its id is not known any more.
  std::function<void(uint64_t connection)> lost{};
  /// A dialled peer has been reached, for the first time or again. May be absent.
  std::function<void(uint64_t connection)> connected{};
};

struct transport_counters {
  uint64_t connections = 0; ///< dialled ones that are reached, and incoming ones that sent a frame
  uint64_t frames_in = 0;
  uint64_t frames_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;       ///< handed to ZeroMQ
  uint64_t dropped_frames = 0;  ///< not sent: no such connection, not connected, or over a bound
  uint64_t refused_frames = 0;  ///< received, but not of exactly one part
  uint64_t cut_connections = 0; ///< over the bound of unfinished frames or of connections
  uint64_t waiting_bytes = 0;   ///< what counts for `queued_bytes`, now
};

/// Carries frames between this node and its peers over ZeroMQ: opaque strings, each arriving whole
/// or not at all, in order, on connections that this node dialled or that peers made.
///
/// It owns one thread, which owns all sockets: a ROUTER for the peers that come, a DEALER for each
/// one that is dialled. Frames of a peer that is not connected are dropped, never kept for later.
///
/// **Lifetime**: the destructor stops it.
/// **Thread**: any, but start and stop from one. The handlers are called on its own thread.
/// **Errors**: of start alone. What happens to connections later is told by `lost` and counted.
/// **Units and limits**: connection ids begin at 1 and are never used again. Each waiting frame
/// counts 256 bytes more than it has. See net/README.md for what an attacker can make it hold.
class transport {
public:
  transport(transport_options options, transport_handlers handlers);
  ~transport();
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;

  /// Binds and begins. Errors: bad_request (the address to listen on), io_error (it is in use, or
  /// not this machine's).
  result<void> start();
  /// The address that peers can reach it at, with its real port; empty where it only dials. For
  /// `*` it is `tcp://*:PORT`.
  std::string endpoint() const;

  /// Connects to a peer, again and again until hang_up. Returns the connection, 0 where the
  /// address is not one (check_zmq_uri) or the transport has stopped.
  uint64_t dial(const std::string& uri);
  /// Ends a connection, after what was sent on it has left, or after `linger`. What the other
  /// process has not read by then may be lost there: libzmq drops it with the connection. `lost` is
  /// not called for it.
  void hang_up(uint64_t connection);
  /// Queues a frame; never blocks. False, and the frame is dropped: the connection is not known,
  /// too much waits on it or on all, or the frame is larger than `message_bytes`. True is no
  /// promise: a frame is lost with its connection.
  bool send(uint64_t connection, std::string frame);

  /// Closes everything, after what was sent before it or after `linger`, and joins the thread.
  void stop();

  transport_counters counters() const;

private:
  class loop;

  std::unique_ptr<loop> loop_;
};

} // namespace treadmill::replication
