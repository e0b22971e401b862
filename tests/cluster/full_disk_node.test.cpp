#include "tests/cluster/node_process.hpp"
#include "tests/cluster/small_disk.hpp"
#include "tests/property/seed.hpp"
#include "tests/skip.hpp"
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <thread>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

constexpr int cycles = 24;
constexpr uint64_t mebibyte = 1024 * 1024;

/// A node on a small disk, a client that writes to it, and what was acknowledged.
class filled_node {
public:
  filled_node(const small_disk& disk, uint64_t seed, std::vector<std::string> settings)
      : options_{.executable = TREADMILL_BINARY,
                 .data = disk / "data",
                 .arguments = std::move(settings)},
        disk_(disk), random_(seed) {
    start();
  }

  void start() {
    client_.reset();
    node_.emplace(options_);
    const bool ready = node_->wait_ready();
    INFO(node_->output());
    REQUIRE(ready);
    client_.emplace(node_->where());
  }

  http_client& client() { return *client_; }
  node_process& process() { return *node_; }

  /// One document of that size; what does not compress. Answers the status.
  int write(size_t size) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>('!' + random_() % 90);
    for (char& c : text)
      if (c == '"' || c == '\\') c = ' ';
    const std::string id = "d" + std::to_string(++last_);
    const auto answer =
        client_->send("POST", "/bucket", R"({"id":")" + id + R"(","text":")" + text + "\"}");
    if (answer.status == 201) {
      acknowledged_[id] = answer.member("rev");
    } else if (answer.status == 500) {
      CHECK(answer.member("error") == "ambiguous");
      ++ambiguous_;
    } else {
      refused_.push_back(id);
      INFO(answer.body);
      CHECK(answer.status == 507);
      CHECK(answer.member("error") == "disk_full");
    }
    return answer.status;
  }

  /// Writes until the disk is full and the node says so.
  void fill(size_t size) {
    for (int i = 0; i < 20'000; ++i)
      if (write(size) == 507) return;
    FAIL("the disk did not become full");
  }

  /// What a node without room does: it reads, it lives, and it is not ready.
  void serves_reads_only() {
    CHECK(write(10) == 507);
    const auto& [id, rev] = *acknowledged_.begin();
    const auto read = client_->get("/bucket/" + id);
    CHECK(read.status == 200);
    CHECK(read.member("rev") == rev);
    CHECK(client_->send("PUT", "/bucket/" + id, R"({"n":1})").status == 507);
    CHECK(client_->send("DELETE", "/bucket/" + id).status == 507);
    CHECK(client_->send("POST", "/bucket/_bulk", R"({"docs":[{"id":"never"}]})").status == 507);
    CHECK(client_->get("/_system/ready").status == 503);
    CHECK(client_->get("/_system/health").status == 200);
    CHECK(client_->get("/_system").says("\"writable\":false"));
    CHECK(client_->get("/bucket/_activity?since=0&limit=1").status == 200);
  }

  /// Once there is room it takes writes again by itself, and soon.
  void takes_writes_again() {
    const auto begin = std::chrono::steady_clock::now();
    while (write(10) != 201) {
      INFO(node_->output());
      INFO(disk_.files());
      REQUIRE(std::chrono::steady_clock::now() < begin + 10s);
      std::this_thread::sleep_for(20ms);
    }
    CHECK(client_->get("/_system/ready").status == 200);
  }

  /// Everything acknowledged is there, nothing refused is, and the counts fit.
  void has_everything() {
    for (const auto& [id, rev] : acknowledged_) {
      const auto answer = client_->get("/bucket/" + id);
      if (answer.member("rev") == rev) continue;
      FAIL("lost: ", id, " ", rev, ": ", answer.status, " ", answer.body.substr(0, 100));
    }
    for (const std::string& id : refused_) CHECK(client_->get("/bucket/" + id).status == 404);
    CHECK(client_->get("/bucket/never").status == 404);
    refused_.clear();
    const auto facts = client_->get("/bucket");
    const uint64_t held = number_in(facts.body, "documents");
    CHECK(held >= acknowledged_.size());
    CHECK(held <= acknowledged_.size() + ambiguous_);
    CHECK(number_in(facts.body, "sequence") == held); // each was written once
    const auto log = client_->get("/bucket/_activity");
    CHECK(number_in(log.body, "count") == held);
    CHECK(number_in(log.body, "last_seq") == held);
  }

  void restart() {
    node_->signal(SIGTERM);
    const auto end = node_->wait(5s);
    REQUIRE(end);
    CHECK(end->code == 0);
    start();
  }
  void kill_and_start() {
    node_->kill();
    start();
  }

  uint64_t below(uint64_t end) { return random_() % end; }
  size_t acknowledged() const { return acknowledged_.size(); }
  uint64_t ambiguous() const { return ambiguous_; }

private:
  static uint64_t number_in(const std::string& body, const std::string& name) {
    const size_t at = body.rfind('"' + name + "\":");
    REQUIRE(at != std::string::npos);
    return std::strtoull(body.c_str() + at + name.size() + 3, nullptr, 10);
  }

  node_options options_;
  const small_disk& disk_;
  std::mt19937_64 random_;
  std::optional<node_process> node_{};
  std::optional<http_client> client_{};
  std::map<std::string, std::string> acknowledged_{}; ///< id → revision
  std::vector<std::string> refused_{};
  uint64_t ambiguous_ = 0; ///< documents that may be there
  uint64_t last_ = 0;
};

} // namespace

TEST_CASE(
    "a full disk: writes get 507 and reads go on; with room again, writes go on by themselves "
    "and nothing acknowledged is lost") {
  const small_disk disk(16);
  if (!disk.problem().empty()) return test::skip("no small disk can be mounted: " + disk.problem());
  const uint64_t seed = property_seed("full disk");
  CAPTURE(seed);
  filled_node node(disk, seed, {"--free-disk-floor", "0", "--write-buffer", "1MiB"});
  REQUIRE(node.write(100) == 201);
  for (int cycle = 1; cycle <= cycles; ++cycle) {
    CAPTURE(cycle);
    disk.place_ballast(20'000 + node.below(250'000));
    node.fill(200 + node.below(16'000));
    node.serves_reads_only();
    if (cycle % 8 == 5) node.process().kill(); // a full disk and a crash
    disk.remove_ballast();
    if (cycle % 8 == 5) node.start();
    node.takes_writes_again();
    node.has_everything();
    if (cycle % 6 == 0) {
      node.restart();
      node.has_everything();
    }
  }
  node.kill_and_start();
  node.has_everything();
  std::cout << cycles << " cycles, " << node.acknowledged() << " writes acknowledged, "
            << node.ambiguous() << " ambiguous" << std::endl;
}

TEST_CASE("with a floor, writes get 507 before the disk is really full") {
  const small_disk disk(64);
  if (!disk.problem().empty()) return test::skip("no small disk can be mounted: " + disk.problem());
  const uint64_t seed = property_seed("full disk with a floor");
  CAPTURE(seed);
  // What is written here fits in one table: LevelDB has nothing to compact, which takes room too.
  filled_node node(disk, seed, {"--free-disk-floor", "4MiB"});
  REQUIRE(node.write(100) == 201);
  for (int cycle = 0; cycle < 3; ++cycle) {
    CAPTURE(cycle);
    disk.place_ballast(9 * mebibyte / 2);
    node.fill(500);
    CHECK(disk.free_bytes() > 3 * mebibyte);
    CHECK(disk.free_bytes() < 9 * mebibyte / 2);
    node.serves_reads_only();
    disk.remove_ballast();
    node.takes_writes_again();
    node.has_everything();
  }
  CHECK(node.ambiguous() == 0);
}

} // namespace treadmill::cluster
