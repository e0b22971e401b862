#include "tests/cluster/node_process.hpp"
#include "tests/cluster/peers.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <doctest/doctest.h>
#include <memory>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

/// Asked again while the node, which answers already, has not started what serves peers.
http_answer add_peer_to(http_client client, const std::string& uri) {
  http_answer answer;
  eventually([&] {
    answer = client.send("POST", "/_system/peers", "{\"zmq_uri\":\"" + uri + "\"}");
    return !answer.says("the node is starting");
  });
  return answer;
}

/// A node on loopback with its store; it can be ended and started again, on the same ports.
class peer_node {
public:
  explicit peer_node(std::string name) : name_(std::move(name)) { start(); }

  void start(const std::vector<std::string>& further = {}) {
    node_options options{.executable = TREADMILL_BINARY, .data = folder_ / "data", .name = name_};
    options.http = "127.0.0.1:" + std::to_string(where_.port);
    options.zmq = zmq_uri_;
    options.arguments = further;
    process = std::make_unique<node_process>(options);
    const bool ready = process->wait_ready();
    INFO(process->output());
    REQUIRE(ready);
    where_ = process->where();
    const std::string shown = process->client().get("/_system").member("zmq_uri");
    REQUIRE(!shown.empty());
    zmq_uri_ = shown;
  }
  void kill() { process->kill(); }

  http_answer ask(std::string_view method, std::string_view target, std::string_view body = {}) {
    return process->client().send(method, target, body);
  }
  http_answer add_peer(const peer_node& other) {
    return add_peer_to(process->client(), other.zmq_uri_);
  }
  http_answer peers() { return ask("GET", "/_system/peers"); }
  const address& where() const { return where_; }
  const std::string& zmq_uri() const { return zmq_uri_; }
  std::string store_folder() const { return folder_ / "data"; }

  std::unique_ptr<node_process> process{};

private:
  std::string name_;
  temporary_folder folder_{};
  address where_{"127.0.0.1", 0};
  std::string zmq_uri_ = "tcp://127.0.0.1:0";
};

} // namespace

TEST_CASE("two nodes are federated by one call, and what is written on either arrives on both") {
  peer_node a("a");
  peer_node b("b");
  const http_answer added = a.add_peer(b);
  CAPTURE(added.body);
  CHECK(added.status == 201);
  CHECK(added.member("name") == "b");
  CHECK(a.add_peer(b).status == 200);
  CHECK(eventually([&] { return b.peers().says("\"name\":\"a\""); }));

  CHECK(a.ask("PUT", "/people/sam", R"({"name":"Sam"})").status == 201);
  CHECK(eventually([&] { return b.ask("GET", "/people/sam").says("Sam"); }));
  CHECK(b.ask("PATCH", "/people/sam", R"({"city":"Bergen"})").ok());
  CHECK(eventually([&] { return a.ask("GET", "/people/sam").says("Bergen"); }));
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
  CHECK(a.ask("DELETE", "/people/sam").ok());
  CHECK(eventually([&] { return b.ask("GET", "/people/sam").says("deleted"); }));
}

TEST_CASE("a conflict is shown alike on both nodes, and resolved on both by deleting the loser") {
  peer_node a("a");
  peer_node b("b");
  CHECK(a.ask("PUT", "/people/sam", R"({"from":"a"})").ok());
  CHECK(b.ask("PUT", "/people/sam", R"({"from":"b"})").ok());
  CHECK(a.add_peer(b).status == 201);
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
  const http_answer shown = a.ask("GET", "/people/sam?conflicts=true");
  CHECK(shown.body == b.ask("GET", "/people/sam?conflicts=true").body);
  CHECK(a.ask("GET", "/people/_conflicts").body == b.ask("GET", "/people/_conflicts").body);
  const size_t at = shown.body.find("_conflicts\":[\"");
  REQUIRE(at != std::string::npos);
  const std::string loser = shown.body.substr(at + 14, shown.body.find('"', at + 14) - at - 14);
  CHECK(a.ask("DELETE", "/people/sam?rev=" + loser).ok());
  CHECK(eventually([&] { return !b.ask("GET", "/people/sam?conflicts=true").says(loser); }));
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
}

TEST_CASE("peers and checkpoints survive kill -9, and what was written meanwhile is caught up") {
  peer_node a("a");
  peer_node b("b");
  CHECK(a.add_peer(b).status == 201);
  CHECK(a.ask("PUT", "/people/d0", "{}").ok());
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
  b.kill();
  for (int i = 1; i < 50; ++i) CHECK(a.ask("PUT", "/people/d" + std::to_string(i), "{}").ok());
  CHECK(eventually([&] { return a.peers().says("unreachable"); }));
  b.start();
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
  a.kill();
  for (int i = 0; i < 50; ++i) CHECK(b.ask("PUT", "/people/e" + std::to_string(i), "{}").ok());
  a.start();
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
  CHECK(eventually([&] { return a.peers().says("\"state\":\"live\""); }));
  CHECK(a.ask("GET", "/people").says("\"documents\":100"));
}

TEST_CASE("a peer that is removed on one side is removed on both, and can be added again") {
  peer_node a("a");
  peer_node b("b");
  CHECK(a.add_peer(b).status == 201);
  CHECK(eventually([&] { return b.peers().says("\"name\":\"a\""); }));
  CHECK(a.ask("DELETE", "/_system/peers/b").status == 200);
  CHECK(a.ask("DELETE", "/_system/peers/b").status == 404);
  CHECK(a.peers().says("\"count\":0"));
  CHECK(eventually([&] { return b.peers().says("\"count\":0"); }));
  CHECK(a.ask("PUT", "/people/sam", "{}").ok());
  CHECK(a.add_peer(b).status == 201);
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
}

TEST_CASE("queries are the same on all nodes") {
  peer_node a("a");
  peer_node b("b");
  CHECK(a.add_peer(b).status == 201);
  CHECK(a.ask("PUT", "/people/sam", R"({"name":"Sam"})").ok());
  CHECK(a.ask("POST", "/people/_query/name", R"({"map":"doc => doc.name"})").status == 201);
  const std::string rows = R"("rows":[{"key":"sam","value":"Sam","name":"Sam"}])";
  CHECK(eventually([&] { return b.ask("GET", "/people/_query/name").says(rows); }));
}

TEST_CASE("an address that is no peer's is refused, and one that does not answer is tried on") {
  peer_node a("a");
  const auto add = [&](const std::string& uri) {
    return a.ask("POST", "/_system/peers", "{\"zmq_uri\":\"" + uri + "\"}");
  };
  for (const char* bad : {"http://127.0.0.1:1445", "tcp://127.0.0.1", "ipc:///tmp/x", "inproc://x",
                          "tcp://127.0.0.1:0", "tcp://169.254.169.254:80", "", "tcp://:1445"}) {
    CAPTURE(bad);
    CHECK(add(bad).status == 400);
  }
  CHECK(a.ask("POST", "/_system/peers", "{}").status == 400);
  CHECK(add(a.zmq_uri()).status == 400); // itself
  CHECK(a.peers().says("\"count\":0"));
  CHECK(add("tcp://127.0.0.1:9").status == 202);
  CHECK(a.peers().says("\"name\":\"127.0.0.1:9\""));
}

TEST_CASE("a second node with the same identity is told so, and takes no part") {
  peer_node a("a");
  peer_node b("b");
  CHECK(a.add_peer(b).status == 201);
  CHECK(a.ask("PUT", "/people/sam", "{}").ok());
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
  b.kill();
  temporary_folder copied;
  std::filesystem::copy(b.store_folder(), copied / "data",
                        std::filesystem::copy_options::recursive);
  b.start();
  CHECK(eventually([&] { return a.peers().says("\"state\":\"live\""); }));
  node_process copy({.executable = TREADMILL_BINARY, .data = copied / "data", .name = "b"});
  REQUIRE(copy.wait_ready());
  const http_answer refused = add_peer_to(copy.client(), a.zmq_uri());
  INFO(refused.body);
  CHECK(refused.status == 409);
  CHECK(refused.says("identity"));
  CHECK(a.peers().says("\"state\":\"live\""));
  CHECK(a.ask("PUT", "/people/eva", "{}").ok());
  CHECK(eventually([&] { return agree({a.where(), b.where()}, "people"); }));
}

} // namespace treadmill::cluster
