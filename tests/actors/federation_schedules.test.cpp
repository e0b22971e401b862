#include "actors/logging.hpp"
#include "tests/actors/peer_world.hpp"
#include "tests/seeds.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>
#include <sstream>

using namespace std::chrono_literals;

/// Whole nodes under random schedules: jobs of actors and frames in any order, frames that are
/// lost, connections that break, nodes that end. TREADMILL_SEEDS=FROM:TO chooses others.
namespace treadmill::test {
namespace {

struct acknowledged {
  std::string bucket{};
  std::string id{};
  revision rev{};
};

/// One run of one seed.
class schedule {
public:
  explicit schedule(uint64_t seed)
      : count_(2 + seed % 2), world_(names(), seed), random_(world_.random) {}

  void run() {
    world_.disorder = true;
    federate();
    for (int step = 0; step < 60; ++step) act();
    heal();
    converge();
    check();
  }

private:
  std::vector<std::string> names() const {
    std::vector<std::string> all{"a", "b", "c"};
    all.resize(count_);
    return all;
  }
  std::string any_name() { return names()[random_() % count_]; }
  std::string any_bucket() { return random_() % 4 == 0 ? "other" : "people"; }

  void federate() {
    for (size_t i = 1; i < count_; ++i) {
      const std::string from = names()[i];
      world_[from].gateway->add_peer({world_[names()[i - 1]].uri, true, {}}, soon(),
                                     [](result<peer_added>) {});
    }
    // A triangle or a chain.
    if (count_ == 3 && random_() % 2 == 0)
      world_["c"].gateway->add_peer({world_["a"].uri, true, {}}, soon(), [](result<peer_added>) {});
  }

  void act() {
    const std::string at = any_name();
    switch (random_() % 12) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: return write(at);
    case 5: return world_.network.drop(world_[at].uri, world_[any_name()].uri);
    case 6: return lossy();
    case 7: return cut(at);
    case 8: return restart(at);
    case 9: return kill_something(at);
    default: world_.advance(std::chrono::milliseconds(50 + random_() % 800));
    }
  }

  void write(const std::string& at) {
    if (!world_[at].is_up()) return;
    const std::string bucket = any_bucket();
    const std::string id = "d" + std::to_string(random_() % 5);
    write_op op = put(id, R"({"n":)" + std::to_string(random_() % 1000) + "}");
    if (random_() % 6 == 0) {
      op.what = write_op::kind::remove;
      op.body.clear();
    }
    auto box = std::make_shared<answer_box>();
    world_[at].gateway->write(bucket, true, group({op}), soon(),
                              [this, box, bucket, id](write_answer got) {
                                if (got.problem.code != ec::none) return;
                                for (const write_outcome& one : got.outcomes)
                                  if (one.ok()) written_.push_back({bucket, id, one.rev});
                              });
    for (uint64_t n = random_() % 30; n > 0; --n) world_.scheduler().try_run_once();
  }

  void lossy() {
    if (world_.network.spoil) {
      world_.network.spoil = {};
    } else {
      world_.network.spoil = [this](const std::string&) { return random_() % 5 == 0; };
    }
  }
  void cut(const std::string& at) {
    const std::string other = any_name();
    if (other == at) return world_.network.heal_all();
    if (random_() % 3 == 0) {
      world_.network.silenced = {world_[at].uri};
    } else {
      world_.network.cut(world_[at].uri, world_[other].uri);
    }
  }
  void restart(const std::string& at) {
    if (world_[at].is_up()) {
      // Writes that are not answered by then are nobody's.
      world_[at].stop([this] { world_.run_in_disorder(); }, random_() % 2 == 0);
    } else {
      world_[at].start();
    }
  }
  void kill_something(const std::string& at) {
    peer_node& one = world_[at];
    if (!one.is_up()) return;
    switch (random_() % 3) {
    case 0: return caf::anon_send_exit(one.peers_now, caf::exit_reason::kill);
    case 1: return caf::anon_send_exit(one.storage_now, caf::exit_reason::kill);
    default:
      caf::anon_send(one.subject, open_bucket{any_bucket(), false,
                                              std::make_shared<reply<result<bucket_started>>>(
                                                  [](result<bucket_started> got) {
                                                    if (got)
                                                      caf::anon_send_exit(got->actor,
                                                                          caf::exit_reason::kill);
                                                  },
                                                  fail(ec::internal, ""))});
    }
  }

  void heal() {
    world_.network.heal_all();
    world_.network.spoil = {};
    for (const std::string& name : names())
      if (!world_[name].is_up()) world_[name].start();
    world_.advance(1s);
    // Once more, for who was not there, or died, when it was asked.
    federate();
  }

  void converge() {
    const auto agreed = [&] {
      for (const char* bucket : {"people", "other"}) {
        size_t have = 0;
        for (const std::string& name : names()) have += world_[name].digest(bucket).empty() ? 0 : 1;
        if (have != 0 && !world_.agree(names(), bucket)) return false;
      }
      return true;
    };
    CHECK(world_.eventually(agreed, 60s));
    CAPTURE(states());
    world_.advance(2s); // a link that was just made knows of nothing yet
    CHECK(world_.eventually([&] { return are_at_rest(); }, 20s));
    CHECK(agreed());
  }

  std::string states() {
    std::ostringstream out;
    for (const std::string& name : names()) {
      for (const auto& peer : world_[name].board->all()) {
        out << "\n"
            << name << " of " << peer.name << " (" << peer.zmq_uri
            << "): " << to_string(peer.status.state) << " " << peer.refusal;
        for (const auto& bucket : peer.status.buckets)
          out << ", " << bucket.bucket << " at " << bucket.sequence << " behind " << bucket.behind;
      }
      for (const bucket_info& bucket : world_[name].rows->buckets())
        out << "; " << bucket.name << " has " << world_[name].sequence(bucket.name);
    }
    return out.str();
  }

  /// Whether the node knows the revision: as a leaf, or as an ancestor of one.
  void check() {
    for (const std::string& name : names()) {
      const store& rows = *world_[name].rows;
      for (const acknowledged& one : written_) {
        INFO(name, " ", one.bucket, " ", one.id, " ", one.rev.text());
        const auto info = rows.find_bucket(one.bucket);
        REQUIRE(info);
        const auto tree = rows.latest().full_tree(info->number, one.id);
        REQUIRE(tree);
        CHECK(tree->find(one.rev) != nullptr);
      }
      check_checkpoints(name);
    }
  }
  /// Every link has taken in all of its peer's logs.
  bool are_at_rest() {
    for (const std::string& name : names()) {
      for (const auto& peer : world_[name].board->all()) {
        if (peer.status.state != link_state::live) return false;
        for (const auto& bucket : peer.status.buckets)
          if (bucket.behind != 0) return false;
      }
    }
    return true;
  }
  void check_checkpoints(const std::string& name) {
    for (const auto& peer : world_[name].board->all()) {
      for (const auto& bucket : peer.status.buckets) {
        const auto stored = world_[name].stored_checkpoint(bucket.bucket, peer.node_id);
        INFO(states());
        if (stored) CHECK(stored->sequence <= bucket.sequence);
      }
    }
  }

  size_t count_;
  peer_world world_;
  std::mt19937_64& random_;
  std::vector<acknowledged> written_{};
};

} // namespace

TEST_CASE("whole nodes under random schedules agree, and have all that was acknowledged") {
  const auto [from, to] = seeds_asked_for(1, 500);
  const bool trace = std::getenv("TREADMILL_TRACE") != nullptr;
  log::start({trace ? log::level::debug : log::level::off, log::format::text, ""});
  for (uint64_t seed = from; seed <= to; ++seed) {
    CAPTURE(seed);
    schedule(seed).run();
    if (doctest::getContextOptions()->success) std::cout << "seed " << seed << '\n';
  }
  log::start({log::level::info, log::format::text, ""});
}

} // namespace treadmill::test
