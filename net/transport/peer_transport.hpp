#pragma once
#include "net/transport/host_resolver.hpp"
#include "net/transport/transport_defaults.hpp"
#include "storage/base/result.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace treadmill::replication {

struct transport_options {
  /// `tcp://HOST:PORT`, valid for check_zmq_listen; port 0 selects a free one. Empty: only dials.
  std::string listen{};
  /// Bytes of one frame, in either direction. A peer that announces a larger one is disconnected.
  size_t message_bytes = size_t{16} * 1024 * 1024;
  /// Bytes of frames waiting to be sent, of one connection and of all: in the queue and inside
  /// ZeroMQ. A connection accepts a frame of any size as long as fewer bytes than its bound wait.
  size_t connection_queued_bytes = size_t{16} * 1024 * 1024;
  size_t queued_bytes = size_t{64} * 1024 * 1024;
  /// Bytes received and not delivered yet, of one connection (besides one unfinished frame) and of
  /// all. Above the bound of all, the connection with the most is cut. A peer that sends without
  /// waiting for answers is not slowed down: it is cut.
  size_t connection_held_bytes = size_t{8} * 1024 * 1024;
  size_t held_bytes = size_t{64} * 1024 * 1024;
  /// Incoming connections; above it the one that has been silent for longest is cut.
  size_t connections = defaults::incoming_connections;
  /// How long connecting and the ZMTP handshake may take.
  std::chrono::milliseconds handshake{5000};
  /// Interval of TCP keepalive probes, in whole seconds. A connection is closed after three
  /// intervals without an answer. The probes show only that the other machine is alive; senders of
  /// frames have to find out whether its process is.
  std::chrono::milliseconds heartbeat{5000};
  /// How long sending may continue for frames that were sent before hang_up or stop.
  std::chrono::milliseconds linger{200};
  /// The pause before a lost or failed connection is dialled again: the first one, and the maximum
  /// after doubling. Each has a random part.
  std::chrono::milliseconds reconnect_first{100};
  std::chrono::milliseconds reconnect_most{5000};
  /// How host names are looked up; empty: by the system.
  host_resolver::lookup look_up{};
};

/// The handlers that the transport calls, always on its own thread, which waits until a handler
/// returns. A handler may call everything of the transport except stop().
struct transport_handlers {
  std::function<void(uint64_t connection, std::string frame)> received{};
  /// Frames sent and received until now may be lost on either side. A dialled connection keeps its
  /// id and is dialled again; an incoming one is over, and its id becomes unknown.
  std::function<void(uint64_t connection)> lost{};
  /// A dialled peer is connected, for the first time or again. May be empty.
  std::function<void(uint64_t connection)> connected{};
};

struct transport_counters {
  uint64_t connections = 0; ///< connected dialled ones, and incoming ones that sent a frame
  uint64_t frames_in = 0;
  uint64_t frames_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;      ///< passed to ZeroMQ
  uint64_t dropped_frames = 0; ///< not sent: no such connection, not connected, or over a bound
  /// Received and not of exactly one part, or with too long an identity.
  uint64_t refused_frames = 0;
  /// Over the bound of held bytes or of connections, or with too long an identity.
  uint64_t cut_connections = 0;
  uint64_t waiting_bytes = 0; ///< current bytes that count for `queued_bytes`
};

/// Carries frames between this node and its peers over ZeroMQ. Frames are opaque strings; each
/// arrives whole or not at all, in order, on connections that this node dialled or that peers made.
///
/// It owns one thread, which owns all sockets: a ROUTER for incoming peers, a DEALER for each
/// dialled one. Frames to a peer that is not connected are dropped, never queued for later.
///
/// **Lifetime**: the destructor stops it.
/// **Thread**: any, but start and stop from one. It calls the handlers on its own thread.
/// **Errors**: only start returns errors. Later problems of connections are reported by `lost` and
/// counted.
/// **Units and limits**: connection ids begin at 1 and are never reused. Each waiting frame counts
/// 256 bytes in addition to its size. SECURITY.md has the memory that an attacker can make it
/// use.
class transport {
public:
  transport(transport_options options, transport_handlers handlers);
  ~transport();
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;

  /// Binds and starts the thread. Errors: bad_request (the address to listen on), io_error (the
  /// address is in use or not this machine's, or no file descriptors are left).
  result<void> start();
  /// The address that it listens on, with the real port; empty if it only dials. For `*` it is
  /// `tcp://*:PORT`.
  std::string endpoint() const;

  /// Connects to a peer, and reconnects until hang_up. Returns the connection; 0 if the address is
  /// invalid (check_zmq_uri) or the transport has stopped.
  uint64_t dial(const std::string& uri);
  /// Ends a connection after its sent frames have left, or after `linger`. Data that the other
  /// process has not read by then may be lost there: libzmq drops it with the connection. `lost` is
  /// not called for it.
  void hang_up(uint64_t connection);
  /// Queues a frame; never blocks. Returns false and drops the frame if the connection is unknown,
  /// too many bytes wait on it or on all, or the frame is larger than `message_bytes`. True is no
  /// promise of delivery: a frame is lost with its connection.
  bool send(uint64_t connection, std::string frame);

  /// Closes everything after the sent frames have left, or after `linger`, and joins the thread.
  void stop();

  transport_counters counters() const;

private:
  class loop;

  std::unique_ptr<loop> loop_;
};

} // namespace treadmill::replication
