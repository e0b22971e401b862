#pragma once
#include "actors/interfaces.hpp"
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace treadmill {

/// What carries frames: the ZeroMQ transport, or, in a test, anything. Thread safe.
struct frame_carrier {
  std::function<uint64_t(const std::string& uri)> dial{}; ///< 0: it cannot be dialled
  std::function<void(uint64_t connection)> hang_up{};     ///< after what was sent on it
  std::function<bool(uint64_t connection, std::string frame)> send{};
};

/// Between the carrier of frames and the actors: frames of a connection that belongs to a link go
/// straight to it, all else goes to the gateway.
///
/// It outlives the gateway's actor: a new one that is attached hangs up everything that its
/// predecessor had. **Thread**: any. **Units and limits**: frames that wait for an actor are
/// bounded by `defaults::frames_waiting` for each connection; more are dropped.
class peer_wire {
public:
  explicit peer_wire(frame_carrier carrier) : carrier_(std::move(carrier)) {}
  peer_wire(const peer_wire&) = delete;
  peer_wire& operator=(const peer_wire&) = delete;

  // For the gateway's actor
  void attach(zmq_gateway_actor gateway);
  void detach(); ///< what comes is dropped from here on
  uint64_t dial(const std::string& uri);
  void hang_up(uint64_t connection);
  void route(uint64_t connection, peer_link_actor link);
  void unroute(uint64_t connection);
  /// Frames that came for the link that the connection is routed to.
  uint64_t heard(uint64_t connection) const;

  // For links
  bool send(uint64_t connection, std::string frame);
  /// The frame waits no more. To be called for each that comes, by the gateway too.
  void handled(const frame_received& came);

  // For the carrier
  void received(uint64_t connection, std::string frame);
  void lost(uint64_t connection);
  void made(uint64_t connection);

private:
  struct known_connection {
    peer_link_actor link{}; ///< none: the gateway
    uint64_t heard = 0;
    size_t waiting = 0; ///< bytes, for the link
  };
  zmq_gateway_actor gateway() const;

  const frame_carrier carrier_;
  mutable std::mutex mutex_{};
  zmq_gateway_actor gateway_{};
  std::map<uint64_t, known_connection> known_{};
  size_t waiting_ = 0; ///< bytes, for the gateway
};

} // namespace treadmill
