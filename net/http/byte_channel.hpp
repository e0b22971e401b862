#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// The bytes of one client in both directions: a plain socket. It owns the socket and never blocks.
///
/// A concrete class: the connection calls it for every request, and no call is virtual. TLS is to
/// become a second kind of this class, behind the same members. Their contract already covers it:
/// `drained` is about bytes that `read` can still return, not about the socket, and `untaken` about
/// what the peer has to take. A connection over TLS must retry both directions at each signal,
/// because reading may wait for output and writing for input.
///
/// **Thread**: one at a time. **Errors**: after `failed` only `close` does anything.
class byte_channel {
public:
  enum class outcome : uint8_t {
    done,   ///< at least one byte was moved
    again,  ///< no byte can be moved now; the socket's next signal tells when to try again
    ended,  ///< only of `read`: the peer has sent everything
    failed, ///< the channel is broken
  };
  struct transfer {
    outcome what = outcome::again;
    size_t bytes = 0;
    bool drained = false; ///< of `read`: nothing is left; the next byte raises a new signal
  };
  enum class peer : uint8_t {
    open,
    ended, ///< it will send no more; input may be unread
    gone,  ///< it takes no more either
  };

  byte_channel() = default;
  byte_channel(const byte_channel&) = delete;
  byte_channel& operator=(const byte_channel&) = delete;
  ~byte_channel() { close(); }

  /// Takes ownership of an accepted socket. Precondition: closed.
  void open(int socket);
  void close();
  /// Makes the next `close` a reset, so that the peer cannot mistake what was sent for the whole.
  void reset_at_close();
  /// What the reactor watches; -1: closed.
  int socket() const { return socket_; }

  transfer read(char* to, size_t room);
  /// Writes from `first` and then from `second` (which may be empty), as one piece where both fit.
  transfer write(std::string_view first, std::string_view second);
  /// Bytes that `write` took and the peer has not; nothing: unknown.
  std::optional<size_t> untaken() const;
  /// Tells the peer that no more bytes follow.
  void end_output();

  /// Asks the socket: a signal may be about an earlier one.
  peer look_at_peer() const;
  /// The peer's numeric address without the port; "": unknown.
  std::string peer_address() const;

private:
  int socket_ = -1;
};

} // namespace treadmill::http
