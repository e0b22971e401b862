#include "net/transport/borrowed_socket.hpp"
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace treadmill::replication {

bool borrowed_socket::read_ends(int descriptor, ends& to) {
  socklen_t own_size = sizeof to.own;
  socklen_t peer_size = sizeof to.peer;
  return ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&to.own), &own_size) == 0 &&
         ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&to.peer), &peer_size) == 0;
}

bool borrowed_socket::is_same(const ends& one, const ends& other) {
  return std::memcmp(&one.own, &other.own, sizeof one.own) == 0 &&
         std::memcmp(&one.peer, &other.peer, sizeof one.peer) == 0;
}

borrowed_socket::borrowed_socket(int descriptor) {
  if (read_ends(descriptor, ends_)) descriptor_ = descriptor;
}

uint64_t borrowed_socket::bytes_given() const {
  if (descriptor_ < 0) return 0;
  tcp_info info{};
  socklen_t size = sizeof info;
  constexpr size_t needed = offsetof(tcp_info, tcpi_bytes_received) + sizeof(uint64_t);
  if (::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < needed)
    return 0;
  int unread = 0;
  if (::ioctl(descriptor_, SIOCINQ, &unread) != 0) return 0;
  const auto waiting = static_cast<uint64_t>(unread);
  return info.tcpi_bytes_received > waiting ? info.tcpi_bytes_received - waiting : 0;
}

uint64_t borrowed_socket::bytes_unconfirmed() const {
  int bytes = 0;
  if (descriptor_ < 0 || ::ioctl(descriptor_, SIOCOUTQ, &bytes) != 0) return 0;
  return static_cast<uint64_t>(bytes);
}

void borrowed_socket::end() const { shut(false); }
void borrowed_socket::cut() const { shut(true); }

void borrowed_socket::shut(bool at_once) const {
  if (descriptor_ < 0) return;
  // libzmq cannot close a duplicate descriptor, so its number is not reused between the check and
  // the shutdown.
  const int own = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return;
  ends found{};
  if (read_ends(own, found) && is_same(found, ends_)) {
    // libzmq's close() then resets the connection; otherwise data that the other side does not read
    // would stay queued for a minute.
    const linger none{1, 0};
    if (at_once) ::setsockopt(own, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    ::shutdown(own, SHUT_RDWR);
  }
  ::close(own);
}

} // namespace treadmill::replication
