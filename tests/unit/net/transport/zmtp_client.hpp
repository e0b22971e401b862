#pragma once
#include "tests/unit/net/http/raw_client.hpp"
#include <cstdint>
#include <string>
#include <string_view>

/// A peer that speaks ZMTP 3 by hand, so that it can break its rules.
namespace treadmill::test {

inline std::string zmtp_greeting() {
  using namespace std::string_literals;
  std::string greeting = "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL"s;
  greeting.resize(64, '\0');
  return greeting;
}

/// `flags`: 1 more parts follow, 2 a long size, 4 a command.
inline std::string zmtp_head(unsigned flags, uint64_t size) {
  std::string head(1, static_cast<char>(flags));
  if ((flags & 2) == 0) return head + static_cast<char>(size);
  for (int shift = 56; shift >= 0; shift -= 8) head += static_cast<char>(size >> shift & 0xff);
  return head;
}

inline std::string zmtp_frame(std::string_view bytes, bool more = false) {
  const unsigned flags = (more ? 1u : 0u) | (bytes.size() > 255 ? 2u : 0u);
  return zmtp_head(flags, bytes.size()).append(bytes);
}

inline std::string zmtp_property(std::string_view name, std::string_view value) {
  std::string text(1, static_cast<char>(name.size()));
  text.append(name);
  for (int shift = 24; shift >= 0; shift -= 8)
    text += static_cast<char>(value.size() >> shift & 0xff);
  return text.append(value);
}

/// `note`: a property that nobody knows.
inline std::string zmtp_ready(std::string_view identity = "", std::string_view note = "") {
  const std::string body = "\5READY" + zmtp_property("Socket-Type", "DEALER") +
                           zmtp_property("Identity", identity) + zmtp_property("X-Note", note);
  return zmtp_head(body.size() > 255 ? 6 : 4, body.size()) + body;
}

class zmtp_client : public raw_client {
public:
  explicit zmtp_client(uint16_t port, std::string_view identity = "", int receive_buffer = 0,
                       std::string_view note = "")
      : raw_client(port, receive_buffer) {
    // The library refuses frames that come before it has sent its own READY.
    if (!send(zmtp_greeting()) || !send(zmtp_ready(identity, note)) || !receive_until("ROUTER"))
      throw std::runtime_error("no greeting");
  }
};

/// A port at which connections are taken, and nothing else happens.
class raw_listener {
public:
  raw_listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(socket_, 8) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
  }
  ~raw_listener() { ::close(socket_); }
  raw_listener(const raw_listener&) = delete;
  raw_listener& operator=(const raw_listener&) = delete;

  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

  /// The next connection, until the other side ends it. False: that takes too long.
  template<typename Meanwhile>
  bool accept_until_end(Meanwhile meanwhile) {
    if (!is_readable(socket_)) return false;
    const int socket = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    meanwhile();
    char bytes[4096];
    bool has_ended = false;
    while (!has_ended && is_readable(socket))
      has_ended = ::recv(socket, bytes, sizeof bytes, MSG_DONTWAIT) <= 0;
    ::close(socket);
    return has_ended;
  }

private:
  static bool is_readable(int socket) {
    pollfd wanted{socket, POLLIN, 0};
    return ::poll(&wanted, 1, 20'000) == 1;
  }

  int socket_;
  uint16_t port_ = 0;
};

} // namespace treadmill::test
