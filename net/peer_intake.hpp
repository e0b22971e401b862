#pragma once
#include "net/lent_connection.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace treadmill::replication {

/// What one TCP connection has brought and the transport has not taken yet: messages that are not
/// finished, whose parts libzmq keeps until the last one has come; what a peer says about itself;
/// frames that wait for their turn. libzmq has no bound for any of it, so that a peer could fill
/// the memory. Such a peer is found here, by the bytes that the system has given to libzmq, and
/// cut.
///
/// **Thread**: any, one at a time.
class peer_intake {
public:
  using time_point = std::chrono::steady_clock::time_point;

  peer_intake() = default;
  peer_intake(int descriptor, time_point now) : connection_(descriptor), last_heard_(now) {}

  /// A message has been taken, of so many bytes on the wire (see bytes_of_part).
  void took(uint64_t bytes, time_point now) {
    taken_ += bytes;
    last_heard_ = now;
  }
  time_point last_heard() const { return last_heard_; }

  void look();
  /// At the last look.
  uint64_t held() const { return held_; }

  bool is_idle() const; ///< nothing that the system was given to send is on its way
  void end();           ///< the connection, in order
  void cut();
  bool is_cut() const { return is_cut_; }

private:
  lent_connection connection_{};
  time_point last_heard_{};
  uint64_t taken_ = 0;
  uint64_t held_ = 0;
  bool is_cut_ = false;
};

/// Bytes of a message's part as ZMTP sends it, with its head.
inline constexpr uint64_t bytes_of_part(size_t size) { return size + (size > 255 ? 9 : 2); }

/// Looks at all of them and cuts those that hold more than `most_of_one`, then those that hold the
/// most until together they hold no more than `most_of_all`. Returns how many it cut.
size_t cut_holding(const std::vector<peer_intake*>& intakes, uint64_t most_of_one,
                   uint64_t most_of_all);

} // namespace treadmill::replication
