#include "net/http/byte_channel.hpp"
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace treadmill::http {

namespace {

byte_channel::outcome outcome_of(int problem) {
  return problem == EAGAIN || problem == EWOULDBLOCK ? byte_channel::outcome::again
                                                     : byte_channel::outcome::failed;
}

iovec part_of(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()}; // NOLINT: writing only reads it
}

} // namespace

void byte_channel::open(int socket) {
  socket_ = socket;
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

void byte_channel::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void byte_channel::reset_at_close() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

byte_channel::transfer byte_channel::read(char* to, size_t room) {
  ssize_t size = -1;
  do size = ::recv(socket_, to, room, 0);
  while (size < 0 && errno == EINTR);
  if (size < 0) return {outcome_of(errno), 0, true};
  if (size == 0) return {outcome::ended, 0, true};
  // A short read means that the socket is empty.
  return {outcome::done, static_cast<size_t>(size), static_cast<size_t>(size) < room};
}

byte_channel::transfer byte_channel::write(std::string_view first, std::string_view second) {
  ssize_t size = -1;
  if (second.empty()) {
    do size = ::send(socket_, first.data(), first.size(), MSG_NOSIGNAL);
    while (size < 0 && errno == EINTR);
  } else {
    std::array<iovec, 2> parts{part_of(first), part_of(second)};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    do size = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
    while (size < 0 && errno == EINTR);
  }
  if (size < 0) return {outcome_of(errno), 0, false};
  return {outcome::done, static_cast<size_t>(size), false};
}

// The kernel's send queue shrinks as the peer takes bytes, long before the socket is writable
// again.
std::optional<size_t> byte_channel::untaken() const {
  int held = 0;
  if (::ioctl(socket_, SIOCOUTQ, &held) != 0) return std::nullopt;
  return static_cast<size_t>(held);
}

void byte_channel::end_output() { ::shutdown(socket_, SHUT_WR); }

byte_channel::peer byte_channel::look_at_peer() const {
  pollfd look{socket_, POLLRDHUP, 0};
  if (::poll(&look, 1, 0) <= 0) return peer::open;
  if (look.revents & (POLLERR | POLLHUP | POLLNVAL)) return peer::gone;
  return look.revents & POLLRDHUP ? peer::ended : peer::open;
}

std::string byte_channel::peer_address() const {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  std::array<char, NI_MAXHOST> text{};
  if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&from), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&from), size, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return {};
  std::string address = text.data();
  // An IPv4 client of a dual-stack socket.
  if (address.rfind("::ffff:", 0) == 0 && address.find('.') != std::string::npos)
    address.erase(0, 7);
  return address;
}

} // namespace treadmill::http
