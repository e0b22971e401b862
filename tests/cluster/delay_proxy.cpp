#include "tests/cluster/delay_proxy.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <list>
#include <poll.h>
#include <random>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace treadmill::cluster {

namespace {

using clock = std::chrono::steady_clock;

/// Bytes that one direction holds back; its sender waits then.
constexpr size_t held_most = size_t{4} << 20;

class descriptor {
public:
  explicit descriptor(int number) : number_(number) {}
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  descriptor(descriptor&& from) noexcept : number_(std::exchange(from.number_, -1)) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return number_; }

private:
  int number_;
};

sockaddr_in socket_address(const std::string& host, uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &made.sin_addr);
  return made;
}

descriptor stream_socket() {
  return descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// What one side has sent and the other has not got yet.
struct held_back {
  std::deque<std::pair<clock::time_point, std::string>> pieces{};
  size_t bytes = 0;
};

struct pair_of_sockets {
  descriptor a;
  descriptor b;
  held_back from_a{};
  held_back from_b{};
};

} // namespace

class delay_proxy::loop {
public:
  loop(descriptor listening, address to, std::chrono::milliseconds most, int stop)
      : listening_(std::move(listening)), to_(std::move(to)), most_(most), stop_(stop) {}

  void run() {
    for (;;) {
      std::vector<pollfd> waiting{{stop_, POLLIN, 0}, {listening_.get(), POLLIN, 0}};
      for (const pair_of_sockets& one : pairs_) {
        waiting.push_back({one.a.get(), events_of(one.from_a), 0});
        waiting.push_back({one.b.get(), events_of(one.from_b), 0});
      }
      // A millisecond is fine enough for what is held back longer.
      ::poll(waiting.data(), waiting.size(), pairs_.empty() ? -1 : 1);
      if (waiting[0].revents != 0) return;
      size_t at = 2;
      pairs_.remove_if([&](pair_of_sockets& one) {
        const bool a_comes = waiting[at].revents != 0;
        const bool b_comes = waiting[at + 1].revents != 0;
        at += 2;
        return (a_comes && !take(one.a, one.from_a)) || (b_comes && !take(one.b, one.from_b)) ||
               !give(one.from_a, one.b) || !give(one.from_b, one.a);
      });
      if (waiting[1].revents != 0) accept_one();
    }
  }

private:
  static short events_of(const held_back& held) { return held.bytes < held_most ? POLLIN : 0; }

  void accept_one() {
    descriptor came(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (came.get() < 0) return;
    descriptor there = stream_socket();
    const sockaddr_in at = socket_address(to_.host, to_.port);
    const int done = ::connect(there.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
    if (done != 0 && errno != EINPROGRESS) return;
    pairs_.push_back({std::move(came), std::move(there)});
  }

  /// False: the connection is over.
  bool take(const descriptor& from, held_back& held) {
    std::array<char, 65536> bytes{};
    const ssize_t got = ::recv(from.get(), bytes.data(), bytes.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    auto due = clock::now() + std::chrono::milliseconds(random_() % (most_.count() + 1));
    if (!held.pieces.empty()) due = std::max(due, held.pieces.back().first);
    held.pieces.emplace_back(due, std::string(bytes.data(), static_cast<size_t>(got)));
    held.bytes += static_cast<size_t>(got);
    return true;
  }

  static bool give(held_back& held, const descriptor& to) {
    while (!held.pieces.empty() && held.pieces.front().first <= clock::now()) {
      std::string& piece = held.pieces.front().second;
      const ssize_t sent = ::send(to.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
      held.bytes -= static_cast<size_t>(sent);
      piece.erase(0, static_cast<size_t>(sent));
      if (piece.empty()) held.pieces.pop_front();
    }
    return true;
  }

  const descriptor listening_;
  const address to_;
  const std::chrono::milliseconds most_;
  const int stop_;
  std::list<pair_of_sockets> pairs_{};
  std::minstd_rand random_{1};
};

delay_proxy::delay_proxy(const std::string& host, address to, std::chrono::milliseconds most) {
  descriptor listening = stream_socket();
  sockaddr_in at = socket_address(host, 0);
  socklen_t size = sizeof at;
  if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(listening.get(), 16) != 0 ||
      ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    problem_ = std::string("no proxy: ") + std::strerror(errno);
    return;
  }
  port_ = ntohs(at.sin_port);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  loop_ = std::make_unique<loop>(std::move(listening), std::move(to), most, stop_);
  thread_ = std::thread([this] { loop_->run(); });
}

delay_proxy::~delay_proxy() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  static_cast<void>(::write(stop_, &one, sizeof one) == sizeof one);
  thread_.join();
  ::close(stop_);
}

} // namespace treadmill::cluster
