#include "tests/cluster/island.hpp"
#include "tests/property/seed.hpp"
#include "tests/skip.hpp"
#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <iostream>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

constexpr auto settle_limit = 60s;

planned_write next_write(std::mt19937_64& random) {
  planned_write made;
  made.id =
      random() % 3 == 0 ? "own" + std::to_string(random()) : "hot" + std::to_string(random() % 12);
  if (random() % 8 != 0) made.body = "{\"n\":" + std::to_string(random()) + "}";
  return made;
}

/// What goes wrong on one island, all of it from a number.
class schedule {
public:
  schedule(test_network& network, const small_disk& disk, uint64_t number)
      : random_(number), nodes_(network, disk, below(3) == 0 ? network.hosts() : 3, "shop") {
    const size_t shape = below(3);
    island::links links;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      for (size_t j = i + 1; j < nodes_.size(); ++j) {
        const bool closes = shape == 2 && i == 0 && j + 1 == nodes_.size();
        if (shape == 0 || j == i + 1 || closes) links.emplace_back(i, j);
      }
    }
    story_ = std::to_string(nodes_.size()) + (shape == 0   ? " in a mesh"
                                              : shape == 1 ? " in a chain"
                                                           : " in a ring");
    if (below(3) == 0) {
      nodes_.put_far_away(std::chrono::milliseconds(10 + below(1000)));
      story_ += ", one far away";
    }
    story_ += ":";
    nodes_.start_all(links);
  }

  void run() {
    nodes_.begin_writing(next_write, random_());
    for (size_t faults = 2 + below(3); faults > 0; --faults) one_fault();
    nodes_.end_writing();
    nodes_.network().heal();
    nodes_.disk().remove_ballast();
    if (removed_) nodes_.federate(); // one side may not have heard of what the other was told
    INFO(story_);
    nodes_.check(settle_limit);
  }

  const std::string& story() const { return story_; }
  const island& nodes() const { return nodes_; }

private:
  size_t below(size_t limit) { return random_() % limit; }
  void pause(size_t most) { std::this_thread::sleep_for(std::chrono::milliseconds(below(most))); }

  void one_fault() {
    const size_t host = below(nodes_.size());
    const size_t other = (host + 1 + below(nodes_.size() - 1)) % nodes_.size();
    test_network& network = nodes_.network();
    switch (below(13)) {
    case 0:
      story_ += " halves";
      for (size_t i = 0; i < nodes_.size() / 2; ++i)
        for (size_t j = nodes_.size() / 2; j < nodes_.size(); ++j) nodes_.cut_both(i, j);
      break;
    case 1:
      story_ += " isolated";
      nodes_.isolate(host);
      break;
    case 2:
      story_ += " one-way";
      network.cut(host, other);
      break;
    case 3: flap(host, other); break;
    case 4: lose(host, static_cast<unsigned>(1 + below(30))); break;
    case 5:
      story_ += " reset";
      network.reset(host, other);
      network.reset(other, host);
      break;
    case 6:
      story_ += " stopped";
      nodes_.signal(host, SIGSTOP);
      pause(3000);
      nodes_.signal(host, SIGCONT);
      break;
    case 7:
    case 8:
      story_ += " killed";
      nodes_.kill(host);
      pause(1000);
      nodes_.start(host);
      break;
    case 9:
      story_ += " set-back";
      nodes_.set_back(host);
      break;
    case 10:
      story_ += " full-disk";
      nodes_.disk().place_ballast(0);
      pause(3000);
      nodes_.disk().remove_ballast();
      break;
    case 11: remove(); break;
    default:
      story_ += " slow";
      network.slow_down(host, "256kbit");
      pause(2000);
      network.speed_up(host);
    }
    pause(1500);
    if (below(2) == 0) network.heal();
  }

  void flap(size_t host, size_t other) {
    story_ += " flapping";
    for (int n = 0; n < 5; ++n) {
      nodes_.cut_both(host, other);
      std::this_thread::sleep_for(100ms);
      nodes_.network().heal();
      std::this_thread::sleep_for(100ms);
    }
  }
  void lose(size_t host, unsigned percent) {
    story_ += " loss" + std::to_string(percent);
    for (size_t j = 0; j < nodes_.size(); ++j) {
      if (j == host) continue;
      nodes_.network().lose(host, j, percent);
      nodes_.network().lose(j, host, percent);
    }
  }
  void remove() {
    story_ += " removed";
    removed_ = true;
    const auto [i, j] = nodes_.linked()[below(nodes_.linked().size())];
    http_client(nodes_.node(i), 5s).send("DELETE", "/_system/peers/box" + std::to_string(j));
    pause(1000);
  }

  std::mt19937_64 random_;
  island nodes_;
  bool removed_ = false;
  std::string story_{};
};

/// TREADMILL_SCHEDULES=FROM:TO, else 15 from a random number on. (The suite runs this file twice,
/// side by side: schedules mostly wait.)
std::pair<uint64_t, uint64_t> schedules() {
  const char* given = std::getenv("TREADMILL_SCHEDULES");
  if (given == nullptr) {
    const uint64_t from = property_seed("schedules") % 1'000'000;
    return {from, from + 14};
  }
  char* rest = nullptr;
  const uint64_t from = std::strtoull(given, &rest, 10);
  return {from, *rest == ':' ? std::strtoull(rest + 1, nullptr, 10) : from};
}

} // namespace

TEST_CASE(
    "whatever cuts them off, kills or slows them, nodes agree in the end and nothing is lost") {
  test_network hosts(5);
  if (!hosts.problem().empty()) return test::skip(hosts.problem());
  const small_disk disk(96);
  if (!disk.problem().empty()) return test::skip("no mount: " + disk.problem());
  const auto [from, to] = schedules();
  size_t writes = 0;
  std::vector<std::chrono::milliseconds> settled;
  for (uint64_t number = from; number <= to; ++number) {
    INFO("TREADMILL_SCHEDULES=", number);
    schedule one(hosts, disk, number);
    one.run();
    writes += one.nodes().writes();
    settled.push_back(one.nodes().settled);
    std::cout << number << " " << one.story() << ": " << one.nodes().writes()
              << " writes, agreed after " << one.nodes().settled.count() << " ms" << std::endl;
  }
  std::sort(settled.begin(), settled.end());
  std::cout << settled.size() << " schedules, " << writes << " acknowledged writes, agreed after "
            << settled[settled.size() / 2].count() << " ms (half), " << settled.back().count()
            << " ms (all)" << std::endl;
}

} // namespace treadmill::cluster
