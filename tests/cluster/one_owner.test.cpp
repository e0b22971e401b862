#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <chrono>
#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

/// The first node still takes writes and has what it had.
void unharmed(const node_process& node, const std::string& rev) {
  auto client = node.client();
  CHECK(client.get("/bucket/a").member("rev") == rev);
  CHECK(client.send("PUT", "/bucket/b", R"({"n":2})").ok());
  CHECK(client.get("/_system/ready").status == 200);
}

} // namespace

TEST_CASE("a second process on the same data is refused with a clear message, and the first goes "
          "on unharmed") {
  const temporary_folder folder;
  const node_options options{.executable = TREADMILL_BINARY, .data = folder / "data"};
  node_process first(options);
  REQUIRE(first.wait_ready());
  const auto made = first.client().send("PUT", "/bucket/a", R"({"n":1})");
  REQUIRE(made.status == 201);
  node_process second(options);
  const auto end = second.wait(10s);
  REQUIRE(end);
  CHECK(end->code == 1);
  INFO(second.output());
  CHECK(second.output().find("in use by another") != std::string::npos);
  CHECK(second.output().find("\"ready\"") == std::string::npos);
  unharmed(first, made.member("rev"));
}

// With SO_REUSEPORT, which the HTTP library sets by itself, both would listen, and the kernel would
// deal the connections out between them.
TEST_CASE("a second process on the same port is refused with a clear message") {
  const temporary_folder folder;
  node_process first({.executable = TREADMILL_BINARY, .data = folder / "first"});
  REQUIRE(first.wait_ready());
  const auto made = first.client().send("PUT", "/bucket/a", R"({"n":1})");
  REQUIRE(made.status == 201);
  const std::string at = "127.0.0.1:" + std::to_string(first.where().port);
  node_process second({.executable = TREADMILL_BINARY, .data = folder / "second", .http = at});
  const auto end = second.wait(10s);
  REQUIRE(end);
  CHECK(end->code == 1);
  INFO(second.output());
  CHECK(second.output().find(at) != std::string::npos);
  CHECK(second.output().find("already in use") != std::string::npos);
  unharmed(first, made.member("rev"));
}

TEST_CASE("a port is free for the next node as soon as one was killed, connections open or not") {
  const temporary_folder folder;
  node_options options{.executable = TREADMILL_BINARY, .data = folder / "data"};
  node_process first(options);
  REQUIRE(first.wait_ready());
  auto client = first.client();
  REQUIRE(client.get("/_system/health").status == 200);
  first.kill();
  options.http = "127.0.0.1:" + std::to_string(first.where().port);
  node_process second(options);
  INFO(second.output());
  REQUIRE(second.wait_ready());
  CHECK(second.client().get("/_system/health").status == 200);
}

} // namespace treadmill::cluster
