#include "tests/cluster/command.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>

namespace treadmill::cluster {

using namespace std::chrono_literals;

namespace {

/// What `treadmill status` with these arguments prints, and its exit code.
printed status(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "status");
  return run_command(std::move(arguments), 20s);
}

} // namespace

TEST_CASE("treadmill status shows a node's buckets, peers and queries") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  auto client = node.client();
  REQUIRE(client.send("PUT", "/people/sam", R"({"name":"Sam"})").status == 201);
  REQUIRE(client.send("POST", "/people/_query/name", R"({"map":"doc => doc.name"})").status == 201);
  REQUIRE(client.get("/people/_query/name").status == 200);
  const std::string url = "http://127.0.0.1:" + std::to_string(node.where().port);

  const auto [text, code] = status({url});
  CAPTURE(text);
  CHECK(code == 0);
  CHECK(text.find(url) != std::string::npos);
  CHECK(text.find("\n  people ") != std::string::npos);
  CHECK(text.find("\n  people/name  ready     1 ") != std::string::npos);

  const auto [json, json_code] = status({url, "--json"});
  CHECK(json_code == 0);
  CHECK(json.find(R"("queries":{"people":{"queries":[{"name":"name")") != std::string::npos);

  child_process watching({TREADMILL_BINARY, {"status", url, "--watch", "--json"}});
  CHECK(!watching.wait_for_line(R"("documents":1)", 10s).empty());
  REQUIRE(client.send("PUT", "/people/ann", R"({"name":"Ann"})").status == 201);
  CHECK(!watching.wait_for_line(R"("documents":2)", 10s).empty());
  watching.signal(SIGINT);
  const auto end = watching.wait(10s);
  REQUIRE(end);
  CHECK(end->signal == SIGINT);
}

TEST_CASE("treadmill status says what stands in the way") {
  const temporary_folder folder;
  uint16_t port = 0;
  {
    node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
    REQUIRE(node.wait_ready());
    port = node.where().port;
  }
  const auto [text, code] = status({"http://127.0.0.1:" + std::to_string(port)});
  CHECK(code == 1);
  CHECK(text.find("no connection can be made") != std::string::npos);
}

} // namespace treadmill::cluster
