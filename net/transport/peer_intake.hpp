#pragma once
#include "net/transport/borrowed_socket.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace treadmill::replication {

/// The bytes that one TCP connection has delivered to libzmq and that the transport has not taken
/// yet: unfinished messages, whose parts libzmq keeps until the last one arrives; ZMTP commands of
/// the peer; frames that wait for their turn. libzmq bounds none of it, so a peer could exhaust the
/// memory. This class finds such a peer by the bytes that the system has given to libzmq, and cuts
/// it.
///
/// **Thread**: any, one at a time.
class peer_intake {
public:
  using time_point = std::chrono::steady_clock::time_point;

  peer_intake() = default;
  peer_intake(int descriptor, time_point now) : connection_(descriptor), last_heard_(now) {}

  /// The transport has taken a message of this many bytes on the wire (see bytes_of_part).
  void took(uint64_t bytes, time_point now) {
    taken_ += bytes;
    last_heard_ = now;
  }
  time_point last_heard() const { return last_heard_; }

  void look();
  /// As of the last `look`.
  uint64_t held() const { return held_; }

  /// The other side has confirmed all bytes that the system was given to send.
  bool is_idle() const;
  void end(); ///< shuts the connection down gracefully
  void cut();
  bool is_cut() const { return is_cut_; }

private:
  borrowed_socket connection_{};
  time_point last_heard_{};
  uint64_t taken_ = 0;
  uint64_t held_ = 0;
  bool is_cut_ = false;
};

/// Bytes of a message part as ZMTP sends it, with its header.
inline constexpr uint64_t bytes_of_part(size_t size) { return size + (size > 255 ? 9 : 2); }

/// Updates all of them and cuts those that hold more than `most_of_one`; then cuts the largest ones
/// until the total is at most `most_of_all`. Returns how many it cut.
size_t cut_holding(const std::vector<peer_intake*>& intakes, uint64_t most_of_one,
                   uint64_t most_of_all);

} // namespace treadmill::replication
