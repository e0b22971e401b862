#pragma once
#include <cstdint>
#include <netinet/in.h>
#include <sys/socket.h>

namespace treadmill::replication {

/// A TCP connection whose descriptor belongs to libzmq, which may close it at any time. The process
/// may then reuse the number, so this class recognises the connection by its two addresses.
///
/// **Thread**: any, one at a time.
class borrowed_socket {
public:
  borrowed_socket() = default;
  /// If the descriptor is closed already, the connection counts as having received nothing.
  explicit borrowed_socket(int descriptor);

  /// Bytes that the connection received and libzmq has read so far. 0: the connection is gone, or
  /// the system cannot tell.
  uint64_t bytes_given() const;
  /// Bytes that libzmq has written and the other side has not confirmed. 0: the connection is gone.
  uint64_t bytes_unconfirmed() const;
  /// Shuts it down in both directions, so that libzmq finds it closed. Data written before still
  /// arrives.
  void end() const;
  /// The same, but discards data in flight in both directions.
  void cut() const;

private:
  void shut(bool at_once) const;
  struct ends {
    sockaddr_storage own{};
    sockaddr_storage peer{};
  };
  static bool read_ends(int descriptor, ends& to);
  static bool is_same(const ends& one, const ends& other);

  int descriptor_ = -1;
  ends ends_{};
};

} // namespace treadmill::replication
