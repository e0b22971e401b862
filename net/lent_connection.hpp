#pragma once
#include <cstdint>
#include <netinet/in.h>
#include <sys/socket.h>

namespace treadmill::replication {

/// A TCP connection whose descriptor belongs to libzmq, which may close it at any time. Its number
/// may then be anything else of this process, so it is recognised by its two addresses.
///
/// **Thread**: any, one at a time.
class lent_connection {
public:
  lent_connection() = default;
  /// A descriptor that is closed already gives a connection that has received nothing.
  explicit lent_connection(int descriptor);

  /// Bytes that it has received and its owner has read, so far. 0: it is gone, or the system cannot
  /// tell.
  uint64_t bytes_given() const;
  /// Bytes that its owner has written and the other side has not confirmed. 0: it is gone.
  uint64_t bytes_unconfirmed() const;
  /// Ends it in both directions, so that its owner finds it closed. What was written before still
  /// arrives.
  void end() const;
  /// The same, and what is on its way in either direction is thrown away.
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
