#include "net/client/node_client.hpp"
#include "tests/unit/net/client/served_node.hpp"
#include <arpa/inet.h>
#include <chrono>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace treadmill::http {
namespace {

/// Takes connections, and answers each first request with a text, or with nothing.
class bad_server {
public:
  explicit bad_server(std::string answer, bool closes = false)
      : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(::listen(listening_, 8) == 0);
    REQUIRE(::getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port = ntohs(at.sin_port);
    if (answer.empty()) return; // the kernel takes connections, and nobody reads them
    thread_ = std::thread([this, answer = std::move(answer), closes] {
      for (int client = 0; (client = ::accept(listening_, nullptr, nullptr)) >= 0;) {
        char request[4096];
        if (::recv(client, request, sizeof request, 0) > 0)
          static_cast<void>(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL));
        if (closes) ::close(client);
      }
    });
  }
  ~bad_server() {
    ::shutdown(listening_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listening_);
  }
  bad_server(const bad_server&) = delete;
  bad_server& operator=(const bad_server&) = delete;

  uint16_t port = 0;

private:
  int listening_;
  std::thread thread_{};
};

std::string problem(const result<std::string>& answer) {
  return answer ? "answered" : answer.error().reason;
}

} // namespace

TEST_CASE("a node that is there is reached, and nobody else") {
  tests::served_node node;
  CHECK(node.client->reach());
  const bad_server other("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", true);
  const auto none = node_client("127.0.0.1", other.port).reach();
  REQUIRE_FALSE(none);
  CHECK(none.error().reason == "it answers HTTP/1.1 404 Not Found: is a node running there?");
  const auto nobody = node_client("127.0.0.1", 1).reach();
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().reason == "no connection can be made: is a node running there?");
}

TEST_CASE("why an answer did not come is told") {
  const bad_server silent("");
  CHECK(problem(node_client("127.0.0.1", silent.port, 1000ms).get("/")) ==
        "nothing came from it for 1 s");
  const bad_server cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", true);
  CHECK(problem(node_client("127.0.0.1", cut.port, 10s).get("/")) ==
        "it ended the connection before the answer was whole");
  CHECK(problem(node_client("127.0.0.1", 1).get("/")) == "no connection can be made");
  tests::served_node node;
  node.send("PUT", "/b/x", "{}");
  const auto refused = node.client->get("/b/_export", [](std::string_view) { return false; });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "the rest of the answer could not be taken");
  const auto missing = node.client->get("/c/_export", [](std::string_view) { return true; });
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ec::not_found);
}

} // namespace treadmill::http
