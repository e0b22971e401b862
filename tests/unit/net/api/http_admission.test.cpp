#include "net/api/request_work.hpp"
#include "net/http/http_server.hpp"
#include "tests/unit/net/http/raw_client.hpp"
#include <atomic>
#include <deque>
#include <doctest/doctest.h>
#include <mutex>
#include <string>
#include <vector>

namespace http = treadmill::http;
using treadmill::test::eventually;
using treadmill::test::raw_client;
using namespace std::chrono_literals;

namespace {

constexpr size_t much = size_t{10} * 1024 * 1024;

/// A server whose requests with a body "much" take much memory, and wait for the test to be
/// answered.
struct busy_node {
  explicit busy_node(http::server_options options = {}, size_t memory = 2 * much + 1000)
      : server(made(std::move(options), memory),
               [this](const http::request& request, http::responder answer) {
                 const std::lock_guard lock(mutex);
                 if (!request.body.starts_with("much")) return give(std::move(answer), "small");
                 order += std::string(request.path);
                 waiting.push_back(std::move(answer));
               }) {
    REQUIRE(server.start());
  }
  ~busy_node() { server.stop(); }
  static http::server_options made(http::server_options options, size_t memory) {
    options.total_request_bytes = memory;
    options.work = [](const http::request& request) {
      return request.body.starts_with("much") ? much : size_t{0};
    };
    return options;
  }
  static void give(http::responder answer, std::string body) {
    http::response made;
    made.content_type = "text/plain";
    made.body = std::move(body);
    answer(std::move(made));
  }
  size_t handled() {
    const std::lock_guard lock(mutex);
    return waiting.size();
  }
  void answer_first() {
    http::responder first;
    {
      const std::lock_guard lock(mutex);
      first = std::move(waiting.front());
      waiting.pop_front();
    }
    give(std::move(first), "done");
  }
  raw_client ask(char name) const {
    raw_client client(server.port());
    client.send("PUT /" + std::string(1, name) +
                " HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nmuch");
    return client;
  }
  bool small_is_answered() const {
    raw_client client(server.port());
    return client.request("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nsmall").body ==
           "small";
  }

  std::mutex mutex;
  std::deque<http::responder> waiting;
  std::string order;
  http::server server;
};

} // namespace

TEST_CASE("requests that take much memory are handled one after another, in order, small ones "
          "beside them") {
  busy_node node;
  std::vector<raw_client> clients;
  for (const char name : {'a', 'b', 'c', 'd'}) {
    clients.push_back(node.ask(name));
    REQUIRE(eventually(
        [&] { return node.server.counters().waiting + node.handled() == clients.size(); }));
  }
  for (size_t left = clients.size(); left > 0; --left) {
    REQUIRE(eventually([&] { return node.handled() == 1; }));
    CHECK(node.server.counters().waiting == left - 1);
    CHECK(node.server.counters().request_bytes >= much);
    CHECK(node.small_is_answered());
    node.answer_first();
    CHECK(clients[clients.size() - left].read().body == "done");
  }
  CHECK(node.order == "/a/b/c/d");
  CHECK(eventually([&] { return node.server.counters().request_bytes == 0; }));
}

TEST_CASE(
    "two that fit together are handled together, and one that is larger than all is let in alone") {
  {
    busy_node node({}, 4 * much + 1000);
    std::vector<raw_client> clients;
    for (const char name : {'a', 'b', 'c'}) clients.push_back(node.ask(name));
    REQUIRE(eventually([&] { return node.handled() == 2 && node.server.counters().waiting == 1; }));
    node.answer_first();
    CHECK(eventually([&] { return node.handled() == 2 && node.server.counters().waiting == 0; }));
    node.answer_first();
    node.answer_first();
  }
  busy_node small({}, much / 2);
  auto client = small.ask('a');
  REQUIRE(eventually([&] { return small.handled() == 1; }));
  small.answer_first();
  CHECK(client.read().body == "done");
}

TEST_CASE("one that waits for memory in vain is told so, and one whose client leaves takes "
          "nobody's turn") {
  http::server_options options;
  options.request_deadline = 300ms;
  busy_node node(options);
  auto first = node.ask('a');
  REQUIRE(eventually([&] { return node.handled() == 1; }));
  {
    auto leaves = node.ask('b');
    REQUIRE(eventually([&] { return node.server.counters().waiting == 1; }));
    const linger now{1, 0}; // a reset
    ::setsockopt(leaves.socket(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  CHECK(eventually([&] { return node.server.counters().waiting == 0; }));
  auto second = node.ask('c');
  const auto told = second.read();
  CHECK(told.status == 503);
  CHECK(told.has("overloaded"));
  CHECK(told.header("retry-after") == "1");
  CHECK(second.request("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nsmall").body ==
        "small");
  CHECK(first.read().status == 504);
  node.answer_first(); // late: only now is its memory given back
  auto third = node.ask('d');
  REQUIRE(eventually([&] { return node.handled() == 1; }));
  node.answer_first();
  CHECK(third.read().body == "done");
  CHECK(node.order == "/a/d");
}

TEST_CASE("what a body takes is told by its size, its members and what is made of it") {
  const auto work = [](std::string_view method, std::string_view path, const std::string& body) {
    http::request request;
    request.method = method;
    request.path = path;
    request.body = body;
    return treadmill::api::work_bytes(request);
  };
  CHECK(work("GET", "/b/d", "") == 0);
  const std::string text = "{\"a\":\"" + std::string(10'000, 'x') + "\"}";
  CHECK(work("PUT", "/b/d", text) >= 2 * text.size());
  CHECK(work("PUT", "/b/d", text) < 3 * text.size());
  std::string members = "{";
  for (int i = 0; i < 10'000; ++i) members += "\"" + std::to_string(i) + "\":1,";
  members.back() = '}';
  CHECK(work("PUT", "/b/d", members) >= 2 * members.size() + 10'000 * 24);
  CHECK(work("PATCH", "/b/d", members) >= work("PUT", "/b/d", members) + 10'000 * 96);
  std::string lines;
  for (int i = 0; i < 10'000; ++i) lines += "{}\n";
  CHECK(work("POST", "/b/_bulk", lines) >= 10'000 * 700);
  CHECK(work("POST", "/b/_bulk/", lines) == work("POST", "/b/_bulk", lines));
  CHECK(work("POST", "/b/_import", lines) == work("POST", "/b/_bulk", lines));
  CHECK(work("POST", "/b/%5Fbulk", lines) == work("POST", "/b/_bulk", lines));
  CHECK(work("POST", "/b/_%69mport", lines) == work("POST", "/b/_import", lines));
  CHECK(work("POST", "/b/x%2F_bulk", lines) < 10'000 * 10);
  CHECK(work("POST", "/b", lines) < 10'000 * 10);
  // More than the limit of documents is refused, and costs no more.
  std::string many = "{\"docs\":[";
  for (int i = 0; i < 1'000'000; ++i) many += "1,";
  CHECK(work("POST", "/b/_bulk", many) < 100 * 1024 * 1024 + 40 * many.size());
}
