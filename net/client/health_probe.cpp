#include "net/client/health_probe.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace treadmill::http {

namespace {

using steady = std::chrono::steady_clock;

struct socket_closer {
  int descriptor = -1;
  ~socket_closer() {
    if (descriptor >= 0) close(descriptor);
  }
};

/// Waits until the socket can be read or written; returns false if the deadline (or a minute) comes
/// first.
bool wait_for(int descriptor, short events, steady::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady::now()).count();
    if (left <= 0) return false;
    pollfd one{descriptor, events, 0};
    const int ready = poll(&one, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready >= 0 || errno != EINTR) return ready == 1;
  }
}

bool connect_to(int descriptor, const addrinfo& to, steady::time_point deadline) {
  if (connect(descriptor, to.ai_addr, to.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS || !wait_for(descriptor, POLLOUT, deadline)) return false;
  int problem = 0;
  socklen_t size = sizeof problem;
  return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0;
}

/// Sends the request over a connected socket and returns the status line, as far as it arrived.
std::string ask(int descriptor, const std::string& host, bool ready, steady::time_point deadline) {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string request = std::string("GET /_system/") + (ready ? "ready" : "health") +
                              " HTTP/1.1\r\nHost: " + (v6 ? "[" + host + "]" : host) +
                              "\r\nConnection: close\r\n\r\n";
  // The request fits into any socket's buffer, so one send takes all of it.
  if (send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) != ssize_t(request.size()))
    return {};
  std::string answer;
  std::array<char, 512> piece{};
  while (answer.find('\n') == std::string::npos && answer.size() < 4096 &&
         wait_for(descriptor, POLLIN, deadline)) {
    const ssize_t size = recv(descriptor, piece.data(), piece.size(), 0);
    if (size <= 0) break;
    answer.append(piece.data(), static_cast<size_t>(size));
  }
  return answer.substr(0, answer.find_first_of("\r\n"));
}

} // namespace

result<void> probe_health(const std::string& host, uint16_t port, std::chrono::milliseconds timeout,
                          bool ready) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0)
    return fail(ec::io_error, "there is no such host");
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  const auto deadline = steady::now() + timeout;
  for (const addrinfo* each = addresses.get(); each; each = each->ai_next) {
    const socket_closer peer{socket(
        each->ai_family, each->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, each->ai_protocol)};
    if (peer.descriptor < 0 || !connect_to(peer.descriptor, *each, deadline)) continue;
    const std::string status = ask(peer.descriptor, host, ready, deadline);
    if (status.starts_with("HTTP/1.1 200")) return {};
    return fail(ec::io_error, status.empty() ? "no answer came in time" : "it answers " + status);
  }
  return fail(ec::io_error, "no connection can be made");
}

} // namespace treadmill::http
