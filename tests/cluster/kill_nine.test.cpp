#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include "storage/engine/store.hpp"
#include "tests/cluster/bucket_model.hpp"
#include "tests/cluster/feed_follower.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/cluster/write_load.hpp"
#include "tests/property/seed.hpp"
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

constexpr unsigned writers = 6;
constexpr int full_check_every = 20;

int kills_wanted() {
  const char* given = std::getenv("TREADMILL_KILLS");
  return given != nullptr ? std::atoi(given) : 200;
}

/// One node that is killed and started again on the same data, its writers and its followers, and
/// what each bucket must hold.
class killed_node {
public:
  explicit killed_node(uint64_t seed) : random_(seed) {
    for (unsigned i = 0; i < writers; ++i)
      writers_.push_back(std::make_unique<writer>(i, seed, buckets_));
    for (size_t i = 0; i < buckets_.size(); ++i) {
      models_.emplace_back(buckets_[i], i);
      const auto how = i == 1 ? feed_follower::kind::eventsource : feed_follower::kind::continuous;
      followers_.push_back(std::make_unique<feed_follower>(board_, buckets_[i], how));
    }
    shown_.resize(buckets_.size());
  }
  ~killed_node() {
    for (const auto& one : followers_) one->stop();
    board_.end();
  }
  killed_node(const killed_node&) = delete;
  killed_node& operator=(const killed_node&) = delete;

  void start() {
    // Small and large tables in turn, so that kills meet compactions too.
    const char* write_buffer = below(2) == 0 ? "1MiB" : "8MiB";
    node_.emplace(node_options{.executable = TREADMILL_BINARY,
                               .data = folder_ / "data",
                               .arguments = {"--write-buffer", write_buffer}});
  }

  void wait_ready() {
    const bool ready = node_->wait_ready();
    INFO(node_->output());
    REQUIRE(ready);
  }

  /// Kills it while it starts.
  void kill_early() {
    std::this_thread::sleep_for(std::chrono::microseconds(below(30'000)));
    node_->kill();
  }

  /// Writes with all writers, and kills it in the middle.
  void kill_under_load() {
    board_.set(node_->where());
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (auto& one : writers_) threads.emplace_back([&] { one->run(node_->where(), stop); });
    std::this_thread::sleep_for(std::chrono::microseconds(15'000 + below(300'000)));
    const bool was_alive = !node_->wait(0ms);
    node_->kill();
    board_.set(std::nullopt);
    stop = true;
    for (std::thread& one : threads) one.join();
    const std::string output = node_->output();
    INFO(output);
    REQUIRE(was_alive); // nothing but a kill ends it
    collect();
  }

  /// What was acknowledged up to the last kill is there, and nothing else.
  void check() {
    auto client = node_->client(30s);
    for (size_t i = 0; i < models_.size(); ++i) {
      models_[i].read_on(client);
      models_[i].settle(records_);
      models_[i].check_changed(client, random_);
      check_shown(i);
    }
    records_.clear();
    report();
  }

  void check_all() {
    auto client = node_->client(30s);
    for (bucket_model& one : models_) one.check_all(client, random_);
    report();
  }

  /// After a clean end and another start everything is as it was before.
  void restart_cleanly() {
    std::vector<std::string> digests;
    for (const bucket_model& one : models_) digests.push_back(one.digest());
    node_->signal(SIGTERM);
    const auto end = node_->wait(5s);
    REQUIRE(end);
    CHECK(end->code == 0);
    board_.set(std::nullopt);
    start();
    wait_ready();
    check();
    check_all();
    for (size_t i = 0; i < models_.size(); ++i) CHECK(models_[i].digest() == digests[i]);
  }

  /// The followers get to see everything that is in the logs.
  void let_followers_finish() {
    board_.set(node_->where());
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (size_t i = 0; i < models_.size(); ++i) {
      while (followers_[i]->last() < models_[i].sequence() &&
             std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(5ms);
      check_shown(i);
      CHECK(shown_[i] == models_[i].sequence());
    }
    report();
  }

  /// The chain values, which REST does not show, from the files of the ended node.
  void check_chains() {
    node_->signal(SIGTERM);
    REQUIRE(node_->wait(5s));
    auto opened = store::open({.directory = folder_ / "data"});
    REQUIRE(opened);
    const store& rows = **opened;
    for (const bucket_model& one : models_) check_chain(rows, one);
  }

  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t unknown() const { return unknown_; }
  uint64_t requests() const { return requests_; }

private:
  uint64_t below(uint64_t end) { return random_() % end; }

  void collect() {
    for (auto& one : writers_) {
      records_.push_back(one->take());
      const write_record& record = records_.back();
      acknowledged_ += record.acknowledged.size();
      unknown_ += record.unknown.size();
      requests_ += record.requests;
      problems_.insert(problems_.end(), record.problems.begin(), record.problems.end());
    }
  }

  /// What a follower was shown is in the log, there and then and ever after.
  void check_shown(size_t at) {
    const auto& log = models_[at].entries();
    for (const seen_entry& entry : followers_[at]->take()) {
      ++shown_[at];
      if (entry.sequence == 0 || entry.sequence > log.size() || log[entry.sequence - 1] != entry)
        problems_.push_back("a follower of " + buckets_[at] + " was shown " + entry.id + " " +
                            entry.rev + " at " + std::to_string(entry.sequence) +
                            ", which the log does not have");
    }
    if (const std::string gap = followers_[at]->problem(); !gap.empty())
      problems_.push_back("a follower of " + buckets_[at] + ": " + gap);
  }

  void report() {
    for (bucket_model& one : models_)
      for (std::string& problem : std::exchange(one.problems, {}))
        problems_.push_back(std::move(problem));
    std::string text;
    for (size_t i = 0; i < problems_.size() && i < 20; ++i) text += problems_[i] + "\n";
    INFO(text);
    REQUIRE(problems_.size() == 0);
  }

  static void check_chain(const store& rows, const bucket_model& model) {
    const auto bucket = rows.find_bucket(model.name());
    REQUIRE(bucket);
    hash128 chain{};
    uint64_t entries = 0;
    const auto view = rows.snapshot();
    const auto read =
        view.scan(keys::activity(bucket->number, 0), keys::activity_end(bucket->number),
                  [&](std::string_view key, std::string_view value) {
                    const auto entry = activity_entry::decode(keys::sequence_of(key), value);
                    REQUIRE(entry);
                    chain = next_chain(chain, entry->id, entry->changes);
                    ++entries;
                    return entry->chain == chain;
                  });
    REQUIRE(read);
    CHECK(entries == model.sequence());
    CHECK(view.state(bucket->number).value().chain == chain);
  }

  std::mt19937_64 random_;
  temporary_folder folder_{};
  const std::vector<std::string> buckets_{"alpha", "beta", "gamma"};
  std::optional<node_process> node_{};
  address_board board_{};
  std::vector<std::unique_ptr<writer>> writers_{};
  std::vector<bucket_model> models_{};
  std::vector<std::unique_ptr<feed_follower>> followers_{};
  std::vector<uint64_t> shown_{}; ///< entries that each follower has seen
  std::vector<write_record> records_{};
  std::vector<std::string> problems_{};
  uint64_t acknowledged_ = 0;
  uint64_t unknown_ = 0;
  uint64_t requests_ = 0;
};

} // namespace

// The seed gives what is written and when the kills come; how threads meet is the machine's, so a
// replay is alike and not the same.
TEST_CASE("nothing acknowledged is lost when a node is killed under load, and its log has no gap") {
  const uint64_t seed = property_seed("kill -9");
  const int kills = kills_wanted();
  killed_node node(seed);
  for (int kill = 1; kill <= kills; ++kill) {
    CAPTURE(seed);
    CAPTURE(kill);
    node.start();
    if (kill % 10 == 7) { // one in ten is killed while it recovers from the kill before
      node.kill_early();
      continue;
    }
    node.wait_ready();
    node.check();
    if (kill % full_check_every == 0) node.check_all();
    node.kill_under_load();
  }
  node.start();
  node.wait_ready();
  node.check();
  node.check_all();
  node.restart_cleanly();
  node.let_followers_finish();
  node.check_chains();
  std::cout << kills << " kills, " << node.requests() << " requests, " << node.acknowledged()
            << " writes acknowledged, " << node.unknown() << " without an answer" << std::endl;
  CHECK(node.acknowledged() > static_cast<uint64_t>(kills));
}

} // namespace treadmill::cluster
