#include "net/client/health_probe.hpp"
#include <array>
#include <atomic>
#include <csignal>
#include <doctest/doctest.h>
#include <functional>
#include <netinet/in.h>
#include <pthread.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using treadmill::http::probe_health;

namespace {

/// Takes one connection, calls `before`, and answers with a fixed text; an empty text: never
/// answers.
class one_answer {
public:
  explicit one_answer(std::string text, std::function<void()> before = {})
      : before_(std::move(before)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_, 4) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, text = std::move(text)] { serve(text); });
  }
  ~one_answer() {
    finish();
    close(listener_);
  }
  one_answer(const one_answer&) = delete;
  one_answer& operator=(const one_answer&) = delete;

  /// After it `request` may be read.
  void finish() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

  uint16_t port = 0;
  std::string request;

private:
  void serve(const std::string& text) {
    const int peer = accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    std::array<char, 1024> piece{};
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t size = recv(peer, piece.data(), piece.size(), 0);
      if (size <= 0) break;
      request.append(piece.data(), static_cast<size_t>(size));
    }
    if (before_) before_();
    if (!text.empty())
      send(peer, text.data(), text.size(), MSG_NOSIGNAL);
    else
      (void)recv(peer, piece.data(), piece.size(), 0); // until the prober gives up
    close(peer);
  }

  std::function<void()> before_;
  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  std::thread thread_;
};

} // namespace

TEST_CASE("a node that answers 200 is alive") {
  one_answer node("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(probe_health("127.0.0.1", node.port, 5s));
  node.finish();
  CHECK(node.request.starts_with("GET /_system/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"));
}

TEST_CASE("a node can be asked whether it is ready") {
  one_answer node("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  CHECK(!probe_health("127.0.0.1", node.port, 5s, true));
  node.finish();
  CHECK(node.request.starts_with("GET /_system/ready HTTP/1.1\r\n"));
}

TEST_CASE("a name is resolved, and its addresses are tried in turn") {
  // localhost may be ::1 first, where nothing listens.
  one_answer node("HTTP/1.1 200 OK\r\n\r\n");
  CHECK(probe_health("localhost", node.port, 5s));
}

TEST_CASE("a node that answers something else is not alive") {
  one_answer node("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  const auto answer = probe_health("127.0.0.1", node.port, 5s);
  REQUIRE(!answer);
  CHECK(answer.error().reason == "it answers HTTP/1.1 503 Service Unavailable");
}

TEST_CASE("a node that does not answer is given up in time") {
  one_answer node("");
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = probe_health("127.0.0.1", node.port, 100ms);
  REQUIRE(!answer);
  CHECK(answer.error().reason == "no answer came in time");
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
}

TEST_CASE("a signal does not end the wait for a node") {
  static std::atomic<int> signals{0};
  struct sigaction counted {};
  struct sigaction before {};
  counted.sa_handler = [](int) { ++signals; };
  REQUIRE(sigaction(SIGUSR1, &counted, &before) == 0);
  const pthread_t prober = pthread_self();
  one_answer node("HTTP/1.1 200 OK\r\n\r\n", [prober] {
    while (signals < 200) {
      pthread_kill(prober, SIGUSR1);
      std::this_thread::yield();
    }
  });
  CHECK(probe_health("127.0.0.1", node.port, 10s));
  node.finish();
  CHECK(sigaction(SIGUSR1, &before, nullptr) == 0);
}

TEST_CASE("where nothing listens there is no connection, and an unknown name is no host") {
  uint16_t port = 0;
  {
    one_answer node("HTTP/1.1 200 OK\r\n\r\n");
    port = node.port;
  }
  CHECK(probe_health("127.0.0.1", port, 1s).error().reason == "no connection can be made");
  CHECK(probe_health("no such host", 1, 1s).error().reason == "there is no such host");
}
