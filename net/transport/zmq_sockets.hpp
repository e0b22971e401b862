#pragma once
#include "net/transport/peer_commands.hpp"
#include "net/transport/peer_transport.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

/// What the two sides of the transport share. Only incoming_peers, dialled_peers and peer_transport
/// include it, because it includes cppzmq.
namespace treadmill::replication {

struct atomic_counters {
  std::atomic<uint64_t> connections = 0;
  std::atomic<uint64_t> frames_in = 0;
  std::atomic<uint64_t> frames_out = 0;
  std::atomic<uint64_t> bytes_in = 0;
  std::atomic<uint64_t> bytes_out = 0;
  std::atomic<uint64_t> dropped_frames = 0;
  std::atomic<uint64_t> refused_frames = 0;
  std::atomic<uint64_t> cut_connections = 0;
};

struct transport_context {
  const transport_options& options;
  const transport_handlers& handlers;
  peer_commands& commands;
  atomic_counters& counters;
  zmq::context_t& zmq;
  std::chrono::steady_clock::time_point now{}; ///< of this turn of the loop
};

/// How much is received from one socket before the next one gets its turn.
struct turn {
  static constexpr int most_messages = 256;
  static constexpr uint64_t most_bytes = uint64_t{4} * 1024 * 1024;

  int messages = 0;
  uint64_t bytes = 0;

  bool is_over() const { return messages >= most_messages || bytes >= most_bytes; }
  void took(uint64_t more) {
    ++messages;
    bytes += more;
  }
};

struct monitor_event {
  uint16_t what = 0;  ///< ZMQ_EVENT_…
  uint32_t value = 0; ///< for most events a descriptor
};

/// A ZeroMQ socket with its monitor, which reports events of its connections.
///
/// **Thread**: one at a time. **Errors**: the constructor and watch throw zmq::error_t; the other
/// members throw nothing.
class peer_socket {
public:
  /// Sets the options that both sides share.
  peer_socket(transport_context& context, zmq::socket_type type, bool ipv6);
  /// Closes the socket when its sent frames have left, or after `linger`. Does not block: libzmq
  /// waits in the background.
  ~peer_socket();
  peer_socket(const peer_socket&) = delete;
  peer_socket& operator=(const peer_socket&) = delete;

  /// From now on read_event returns the events in `events`. `name` is unique in the context.
  void watch(const std::string& name, int events);
  std::optional<monitor_event> read_event();

  zmq::socket_t& zmq() { return socket_; }
  zmq::socket_t& monitor() { return monitor_; }

  /// Returns false if there is no message.
  bool receive(zmq::message_t& to);
  /// Reads the remaining parts of the message whose part `last` was read, and returns their bytes
  /// on the wire. 0: no parts remained.
  uint64_t skip_rest(const zmq::message_t& last);
  /// Returns false and drops the frame if there is no peer to send to.
  bool send(std::unique_ptr<waiting_frame> frame);

private:
  zmq::context_t& context_;
  std::chrono::milliseconds linger_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_{};
};

/// Counts a received frame and forwards it to the handler.
void forward(transport_context& context, uint64_t connection, const zmq::message_t& frame);

} // namespace treadmill::replication
