#pragma once
#include "actors/interfaces.hpp"
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace treadmill {

/// The transport of frames: ZeroMQ, or a replacement in a test. Thread safe.
struct frame_carrier {
  std::function<uint64_t(const std::string& uri)> dial{}; ///< 0: the address cannot be dialled
  std::function<void(uint64_t connection)> hang_up{}; ///< after the frames that were sent over it
  std::function<bool(uint64_t connection, std::string frame)> send{};
};

/// Connects the carrier of frames to the actors: sends frames of a connection that belongs to a
/// link to that link, and everything else to the gateway.
///
/// Lifetime: longer than the gateway's actor. Attaching a new gateway hangs up all connections of
/// its predecessor. **Thread**: any. **Units and limits**: `defaults::frames_waiting` bounds the
/// frames that wait for an actor: for each connection with a link, and for all others together.
/// More frames are dropped.
class peer_wire {
public:
  explicit peer_wire(frame_carrier carrier) : carrier_(std::move(carrier)) {}
  peer_wire(const peer_wire&) = delete;
  peer_wire& operator=(const peer_wire&) = delete;

  // For the gateway's actor.
  void attach(zmq_gateway_actor gateway);
  void detach(); ///< from now on, drops all frames
  uint64_t dial(const std::string& uri);
  void hang_up(uint64_t connection);
  void route(uint64_t connection, peer_link_actor link);
  void unroute(uint64_t connection);
  /// Number of frames of this connection that were sent to a link.
  uint64_t heard(uint64_t connection) const;

  // For links.
  bool send(uint64_t connection, std::string frame);
  /// The frame no longer waits. Links and the gateway must call this for each received frame.
  void handled(const frame_received& came);

  // For the carrier.
  void received(uint64_t connection, std::string frame);
  void lost(uint64_t connection);
  void made(uint64_t connection);

private:
  struct known_connection {
    peer_link_actor link{}; ///< none: the gateway
    uint64_t heard = 0;
    size_t waiting = 0; ///< bytes that wait for the link
  };
  zmq_gateway_actor gateway() const;

  const frame_carrier carrier_;
  mutable std::mutex mutex_{};
  zmq_gateway_actor gateway_{};
  std::map<uint64_t, known_connection> known_{};
  size_t waiting_ = 0; ///< bytes that wait for the gateway
};

} // namespace treadmill
