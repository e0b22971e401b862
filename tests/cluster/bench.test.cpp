#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>

namespace treadmill::cluster {

using namespace std::chrono_literals;

TEST_CASE("treadmill bench measures a node, and leaves nothing behind") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  const std::string url = "http://127.0.0.1:" + std::to_string(node.where().port);
  auto client = node.client();
  const auto buckets = [&] { return client.get("/_system/buckets").line(); };

  child_process asked(
      {TREADMILL_BINARY, {"bench", url, "--seconds", "1", "--connections", "4", "--json"}});
  REQUIRE(asked.wait_for_line(R"("figures":[{"what":"post","connections":1,)", 60s) != "");
  const auto end = asked.wait(10s);
  REQUIRE(end);
  const std::string json = asked.output();
  CAPTURE(json);
  CHECK(end->code == 0);
  CHECK(json.find(R"({"what":"post","connections":4,)") != std::string::npos);
  CHECK(json.find(R"({"what":"bulk","connections":1,)") != std::string::npos);
  CHECK(json.find(R"({"what":"get","connections":4,)") != std::string::npos);
  CHECK(json.find(R"("documents":0,)") == std::string::npos);
  CHECK(buckets() == R"({"buckets":[],"count":0})");

  // What a bench that was killed left behind is named by the next one.
  client.send("PUT", "/treadmill-bench-00000000");
  child_process stopped({TREADMILL_BINARY, {"bench", url, "--seconds", "20"}});
  REQUIRE(!stopped.wait_for_line("durability", 10s).empty());
  stopped.signal(SIGINT);
  const auto stop = stopped.wait(10s);
  REQUIRE(stop);
  CHECK(stop->code == 1);
  CHECK(stopped.output().find("it was stopped") != std::string::npos);
  CHECK(stopped.output().find("curl -X DELETE " + url + "/treadmill-bench-00000000") !=
        std::string::npos);
  client.send("DELETE", "/treadmill-bench-00000000");
  CHECK(buckets() == R"({"buckets":[],"count":0})");

  child_process wrong({TREADMILL_BINARY, {"bench", url, "--connections", "many"}});
  const auto refused = wrong.wait(10s);
  REQUIRE(refused);
  CHECK(refused->code == 2);

  child_process cut({TREADMILL_BINARY, {"bench", url, "--seconds", "20"}});
  REQUIRE(!cut.wait_for_line("durability", 10s).empty());
  node.kill();
  const auto lost = cut.wait(20s);
  REQUIRE(lost);
  CHECK(lost->code == 1);
  CHECK(cut.output().find(" stays there") != std::string::npos);
}

} // namespace treadmill::cluster
