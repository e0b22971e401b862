// In one file: the world is one class, whose steps read best beside each other.
#include "tests/simulation/world.hpp"
#include "tests/simulation/checker.hpp"
#include "tests/simulation/forger.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/original_node.hpp"
#include <algorithm>
#include <iostream>
#include <set>

namespace treadmill::simulation {

namespace {

constexpr uint64_t most_events = 4'000'000;
constexpr ticks most_convergence{30'000};
constexpr ticks rescan_allowance{65'000}; ///< where a lie about digests has to be found out
constexpr ticks most_rest{20'000};
constexpr ticks quiet{20'000};
constexpr ticks poll{50};

/// Thrown where a run ends early.
struct run_ended {};

unsigned permille_of(fault what) {
  switch (what) {
  case fault::document_skipped:
  case fault::wrong_body_stored: return 30;
  case fault::reads_fail: return 20;
  case fault::bits_flipped: return 30;
  case fault::entry_left_out:
  case fault::changes_told_as_known: return 60;
  case fault::ancestry_forgotten:
  case fault::checkpoint_of_another_peer: return 300;
  case fault::requests_dropped:
  case fault::answers_dropped: return 700;
  default: return is_for_core(what) && is_frame_fault(what) ? 150 : 1000;
  }
}

class world final : public surroundings {
public:
  world(const plan& planned, bool trace);
  run_report go();

  ticks now() const override { return clock_.now(); }
  void after(ticks wait, schedule::action what) override { clock_.after(wait, std::move(what)); }
  random_source& random() override { return random_; }
  const plan& planned() const override { return plan_; }
  history& notes() override { return history_; }
  unsigned failing_commits() const override {
    return healed_ ? 0 : plan_.disturbances.failed_commits;
  }
  void send(size_t from, size_t to, std::string frame) override;
  void fail(const std::string& what) override;
  bool injects(fault what) override;
  void losing(size_t node, const std::function<void()>& loss) override;
  void made_again(size_t node, const std::string& bucket) override {
    dropped_.erase({node, bucket});
  }
  bool tracing() const override { return trace_; }
  void trace(const std::string& what) override;

private:
  // Clients
  void plan_operations();
  void operate();
  write_group some_group(size_t node, const std::string& bucket);
  write_op some_op(size_t node, const std::string& bucket);
  std::string some_id();
  std::string some_body(const std::string& id);
  std::string some_shared_body(const std::string& id);
  std::string with_news(size_t node, std::string body);
  void import_one(size_t node, const std::string& bucket);
  std::optional<revision> some_stale(const std::string& bucket, const std::string& id);

  // Disturbances
  void plan_disturbances();
  void plan_some(unsigned count, void (world::*disturb)());
  void crash_one();
  void crash(size_t node, ticks down);
  void wipe_one();
  void restore_one();
  void drop_one();
  void remove_one();
  void partition();
  void cut_for(std::vector<std::pair<size_t, size_t>> directions, ticks how_long);
  void flap(size_t a, size_t b, unsigned times);
  void lose_connection();
  void pause_one();
  size_t some_node() { return random_.below(nodes_.size()); }
  std::pair<size_t, size_t> some_edge();
  std::string some_bucket();
  ticks some_time(int64_t most) { return ticks(random_.between(0, most)); }
  std::string name(size_t node) const { return "node" + std::to_string(node); }

  // The end
  void run_for(ticks how_long);
  void heal();
  void upgrade_all();
  bool is_whole() const;
  void converge();
  void rest();
  void be_quiet();
  void check_links();
  bool lied_about_digests() const { return may_rescan(plan_.injected) || may_have_gaps(); }
  /// Somebody told of leaves without their ancestry: what that supersedes shows in digests alone.
  bool may_have_gaps() const {
    return plan_.content.forged > 0 && plan_.injected != fault::claims_not_told;
  }

  plan plan_;
  bool trace_;
  random_source random_;
  schedule clock_{};
  history history_{};
  participants nodes_{};
  network network_;
  checker checker_;
  frame_faults frame_faults_;
  std::vector<bool> joined_{};
  std::set<std::pair<size_t, std::string>> dropped_{};
  std::set<std::pair<size_t, std::string>> remade_{}; ///< of those, by healing
  size_t operations_left_ = 0;
  uint64_t unique_ = 0;
  bool healed_ = false;
  ticks pauses_end_{0};
  bool set_back_ = false; ///< a log was given up: links may start again from 0
  run_report report_{};
};

world::world(const plan& planned, bool trace)
    : plan_(planned), trace_(trace), random_(planned.seed + 1),
      network_(*this,
               [this](size_t from, size_t to, std::string frame) {
                 if (trace_)
                   this->trace(name(from) + " -> " + name(to) + " " + describe_frame(frame));
                 nodes_[to]->receive(from, std::move(frame));
               }),
      checker_(plan_, history_, nodes_),
      frame_faults_(plan_.injected, random_,
                    [this](size_t node, const std::string& bucket, uint64_t sequence) {
                      return nodes_[node]->chain_at(bucket, sequence);
                    }) {
  operations_left_ = plan_.operations;
  for (size_t i = 0; i < plan_.nodes; ++i) {
    if (plan_.original) {
      nodes_.push_back(std::make_unique<original_node>(*this, i, plan_.nodes));
    } else {
      nodes_.push_back(std::make_unique<node>(*this, i));
    }
  }
  joined_.assign(plan_.nodes, true);
}

// What nodes have around them
// -------------------------------------------------------------------------------------------------

void world::trace(const std::string& what) {
  if (trace_) std::cerr << clock_.now().count() << " " << what << "\n";
}

void world::fail(const std::string& what) {
  if (report_.problem.empty())
    report_.problem = what + " (at " + std::to_string(clock_.now().count()) + " ms)";
  trace("FAILED: " + what);
  throw run_ended{};
}

bool world::injects(fault what) {
  if (plan_.injected != what || (healed_ && is_for_core(what))) return false;
  if (!random_.chance(permille_of(what))) return false;
  ++report_.faults;
  return true;
}

void world::send(size_t from, size_t to, std::string frame) {
  const fault what = plan_.injected;
  if (is_frame_fault(what) && !(healed_ && is_for_core(what)) &&
      random_.chance(permille_of(what)) && frame_faults_.spoil(to, frame)) {
    ++report_.faults;
    if (frame.empty()) return;
  }
  network_.send(from, to, std::move(frame));
}

void world::losing(size_t node, const std::function<void()>& loss) {
  std::map<std::string, bucket_facts> before;
  for (const std::string& bucket : checker_.bucket_names())
    if (auto of = nodes_[node]->facts(bucket, true)) before[bucket] = std::move(*of);
  loss();
  set_back_ = true;
  history_.note_loss();
  for (const auto& [bucket, of] : before) {
    std::vector<bucket_facts> others;
    for (const auto& other : nodes_)
      if (auto facts = other->facts(bucket, true)) others.push_back(std::move(*facts));
    if (!nodes_[node]->has_bucket(bucket)) dropped_.insert({node, bucket});
    for (const auto& [id, document] : of.documents) {
      for (const tree_node& one : document.nodes) {
        const bool elsewhere = std::any_of(others.begin(), others.end(), [&](const auto& other) {
          const auto found = other.documents.find(id);
          return found != other.documents.end() && found->second.find(one.rev) != nullptr;
        });
        if (!elsewhere) history_.excuse({bucket, id}, one.rev);
      }
    }
  }
}

// Clients
// -------------------------------------------------------------------------------------------------

std::string world::some_bucket() {
  return "b" + std::to_string(random_.below(plan_.content.buckets));
}

void world::plan_operations() {
  if (operations_left_ == 0) return;
  clock_.after(some_time(2 * plan_.pause.count()), [this] {
    operate();
    plan_operations();
  });
}

void world::operate() {
  const size_t at = some_node();
  const std::string bucket = some_bucket();
  if (plan_.content.forged > 0 && random_.chance(plan_.content.forged)) {
    --operations_left_;
    ++report_.operations;
    return import_one(at, bucket);
  }
  write_group group = some_group(at, bucket);
  const size_t ops = std::min(group.ops.size(), operations_left_);
  group.ops.resize(ops);
  operations_left_ -= ops;
  report_.operations += ops;
  if (nodes_[at]->up()) nodes_[at]->write(bucket, std::move(group));
}

void world::import_one(size_t node, const std::string& bucket) {
  const std::string id = some_id();
  std::vector<revision> known;
  const auto found = history_.documents().find({bucket, id});
  if (found != history_.documents().end())
    for (const auto& [rev, of] : found->second) known.emplace_back(rev.first, rev.second);
  const forger make(random_, std::move(known),
                    [&](bool shared) { return shared ? some_shared_body(id) : some_body(id); });
  replicated_document made = make.document(id);
  if (nodes_[node]->up() && check_replicated(made, {}))
    nodes_[node]->import(bucket, std::move(made));
}

write_group world::some_group(size_t node, const std::string& bucket) {
  write_group group;
  size_t size = random_.chance(850) ? 1 : 1 + random_.below(6);
  group.atomic = random_.chance(300);
  while (size-- > 0) group.ops.push_back(some_op(node, bucket));
  return group;
}

std::string world::some_id() {
  if (random_.chance(plan_.content.queries)) return "_query/q" + std::to_string(random_.below(2));
  if (plan_.content.cold == 0 || random_.chance(plan_.content.hot_share))
    return "h" + std::to_string(random_.below(plan_.content.hot));
  return "c" + std::to_string(random_.below(plan_.content.cold));
}

/// One that other nodes may write as well.
std::string world::some_shared_body(const std::string& id) {
  const std::string number = std::to_string(random_.below(3));
  if (id.front() == '_') return R"({"map":"function(d){return )" + number + R"(}"})";
  return R"({"n":)" + number + "}";
}

std::string world::some_body(const std::string& id) {
  if (random_.chance(plan_.content.equal_bodies)) return some_shared_body(id);
  const std::string number = std::to_string(10 + unique_++);
  if (id.front() == '_') return R"({"map":"function(d){return )" + number + R"(}"})";
  size_t size = random_.chance(700) ? 0 : random_.below(200);
  if (random_.chance(plan_.content.inline_bodies)) size = 65'000 + random_.below(40'000);
  if (random_.chance(plan_.content.part_bodies)) size = 1'050'000 + random_.below(1'200'000);
  std::string pad(size, ' ');
  for (size_t i = 0; i < size; ++i) pad[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return R"({"n":)" + number + (size == 0 ? "" : R"(,"pad":")" + pad + "\"") + "}";
}

constexpr auto news = R"("new":123456789012345678901234567890)";

/// Some bodies get a member that only new nodes take.
std::string world::with_news(size_t node, std::string body) {
  if (plan_.is_old(node) || !random_.chance(plan_.content.new_bodies)) return body;
  body.pop_back();
  return body + ',' + news + '}';
}

/// Some revision that the document had at some time.
std::optional<revision> world::some_stale(const std::string& bucket, const std::string& id) {
  const auto found = history_.documents().find({bucket, id});
  if (found == history_.documents().end()) return std::nullopt;
  auto at = found->second.begin();
  std::advance(at, random_.below(found->second.size()));
  return revision(at->first.first, at->first.second);
}

write_op world::some_op(size_t node, const std::string& bucket) {
  write_op op;
  op.id = some_id();
  const size_t kind = random_.below(100);
  if (kind < 55) {
    op.what = write_op::kind::put;
    if (kind < 4) op.when = write_op::only::if_missing;
    if (kind >= 4 && kind < 8) op.when = write_op::only::if_there;
  } else if (kind < 65) {
    op.what = write_op::kind::create;
  } else if (kind < 77) {
    op.what = write_op::kind::patch;
  } else {
    op.what = write_op::kind::remove;
  }
  if (op.what == write_op::kind::patch && op.id.front() == '_') op.what = write_op::kind::put;
  if (op.what == write_op::kind::patch) {
    op.body = R"({"p)" + std::to_string(random_.below(3)) +
              "\":" + std::to_string(random_.chance(100) ? 1 : unique_++) + "}";
  } else if (op.what != write_op::kind::remove) {
    op.body = some_body(op.id);
    if (op.id.front() != '_') op.body = with_news(node, std::move(op.body));
  }
  if (op.what == write_op::kind::create) return op;
  if (random_.chance(300)) op.rev = nodes_[node]->some_leaf(bucket, op.id);
  if (random_.chance(50)) op.rev = some_stale(bucket, op.id);
  return op;
}

// Disturbances
// -------------------------------------------------------------------------------------------------

void world::plan_some(unsigned count, void (world::*disturb)()) {
  const int64_t length = static_cast<int64_t>(plan_.operations) * plan_.pause.count();
  for (; count > 0; --count)
    clock_.after(some_time(length), [this, disturb] {
      if (!healed_) (this->*disturb)();
    });
}

void world::plan_disturbances() {
  const disturbance_plan& d = plan_.disturbances;
  plan_some(d.crashes, &world::crash_one);
  plan_some(d.partitions, &world::partition);
  plan_some(d.connections_lost, &world::lose_connection);
  plan_some(d.pauses, &world::pause_one);
  plan_some(d.wipes, &world::wipe_one);
  plan_some(d.restores, &world::restore_one);
  plan_some(d.drops, &world::drop_one);
  plan_some(d.removals, &world::remove_one);
}

void world::crash(size_t at, ticks down) {
  trace(name(at) + " crashes");
  nodes_[at]->crash();
  const std::string wrong = checker_.check_checkpoints(at);
  if (!wrong.empty()) fail("after a crash: " + wrong);
  for (const auto& [a, b] : plan_.edges()) {
    if (a != at && b != at) continue;
    network_.lose_connection(a, b);
    const size_t other = a == at ? b : a;
    if (random_.chance(600)) nodes_[other]->connection_lost(at);
  }
  clock_.after(down, [this, at] {
    if (nodes_[at]->up() || !joined_[at]) return;
    trace(name(at) + " starts");
    nodes_[at]->start();
  });
}

void world::crash_one() {
  const size_t at = some_node();
  if (nodes_[at]->up()) crash(at, some_time(random_.chance(500) ? 50 : 4000));
}

void world::wipe_one() {
  const size_t at = some_node();
  if (!nodes_[at]->up()) return;
  crash(at, some_time(2000));
  trace(name(at) + " is wiped");
  losing(at, [&] { nodes_[at]->wipe(); });
  std::erase_if(dropped_, [&](const auto& item) { return item.first == at; });
}

/// A copy is kept now and brought back later.
void world::restore_one() {
  const size_t at = some_node();
  if (!nodes_[at]->up()) return;
  nodes_[at]->keep_copy();
  trace(name(at) + " keeps a copy");
  clock_.after(some_time(100 * plan_.pause.count()), [this, at] {
    if (healed_ || !nodes_[at]->up()) return;
    crash(at, some_time(2000));
    trace(name(at) + " is set back to its copy");
    losing(at, [&] { nodes_[at]->set_back(); });
    std::erase_if(dropped_, [&](const auto& item) { return item.first == at; });
  });
}

void world::drop_one() {
  const size_t at = some_node();
  const std::string bucket = some_bucket();
  if (!nodes_[at]->up()) return;
  trace(name(at) + " drops " + bucket);
  nodes_[at]->drop_bucket(bucket);
  if (random_.chance(300)) return; // left for good, or until all is healed
  clock_.after(some_time(3000), [this, at, bucket] {
    if (healed_ || !nodes_[at]->up()) return;
    trace(name(at) + " is to make " + bucket);
    nodes_[at]->make_bucket(bucket);
  });
}

std::pair<size_t, size_t> world::some_edge() {
  const auto edges = plan_.edges();
  const auto [a, b] = edges[random_.below(edges.size())];
  return random_.chance(500) ? std::pair{a, b} : std::pair{b, a};
}

void world::remove_one() {
  const auto [a, b] = some_edge();
  if (!nodes_[a]->up()) return;
  trace(name(a) + " removes " + name(b));
  nodes_[a]->remove_peer(b);
  clock_.after(some_time(3000), [this, one = a, other = b] {
    const bool here = random_.chance(500);
    const size_t at = here ? one : other;
    trace(name(at) + " adds " + name(here ? other : one));
    nodes_[at]->add_peer(here ? other : one, true);
  });
}

void world::cut_for(std::vector<std::pair<size_t, size_t>> directions, ticks how_long) {
  for (const auto& [from, to] : directions) network_.cut(from, to);
  clock_.after(how_long, [this, directions = std::move(directions)] {
    if (healed_) return;
    for (const auto& [from, to] : directions) network_.mend(from, to);
  });
}

void world::flap(size_t a, size_t b, unsigned times) {
  if (times == 0 || healed_) return;
  cut_for({{a, b}, {b, a}}, ticks(random_.between(20, 100)));
  clock_.after(ticks(200), [this, a, b, times] { flap(a, b, times - 1); });
}

/// Halves, one alone, one direction, or a connection that flaps.
void world::partition() {
  const ticks how_long(random_.between(50, random_.chance(300) ? 8000 : 1500));
  const auto [one, other] = some_edge();
  std::vector<std::pair<size_t, size_t>> cuts;
  const size_t shape = random_.below(4);
  trace("partition of shape " + std::to_string(shape));
  if (shape == 0) {
    std::vector<bool> half(nodes_.size());
    for (size_t i = 0; i < half.size(); ++i) half[i] = random_.chance(500);
    for (size_t i = 0; i < half.size(); ++i)
      for (size_t j = 0; j < half.size(); ++j)
        if (half[i] != half[j]) cuts.emplace_back(i, j);
  } else if (shape == 1) {
    for (size_t i = 0; i < nodes_.size(); ++i)
      if (i != one) cuts.insert(cuts.end(), {{i, one}, {one, i}});
  } else if (shape == 2) {
    cuts.emplace_back(one, other);
  } else {
    return flap(one, other, static_cast<unsigned>(random_.between(2, 12)));
  }
  cut_for(std::move(cuts), how_long);
}

void world::lose_connection() {
  const auto [a, b] = some_edge();
  trace("the connection of " + name(a) + " and " + name(b) + " is lost");
  network_.lose_connection(a, b);
  // Each side notices in its own time, or not at all.
  for (const auto& [here, there] : {std::pair{a, b}, std::pair{b, a}})
    if (random_.chance(850))
      clock_.after(some_time(random_.chance(700) ? 5 : 500),
                   [this, here = here, there = there] { nodes_[here]->connection_lost(there); });
}

void world::pause_one() {
  const size_t at = some_node();
  trace(name(at) + " is paused");
  const ticks until = now() + ticks(random_.between(100, random_.chance(300) ? 8000 : 2000));
  pauses_end_ = std::max(pauses_end_, until);
  nodes_[at]->pause(until);
}

// A run
// -------------------------------------------------------------------------------------------------

void world::run_for(ticks how_long) {
  const ticks end = clock_.now() + how_long;
  while (clock_.step(end))
    if (clock_.count() > most_events) fail("there is no end of events");
}

/// None of the nodes that spoke version 1 may have what it cannot carry.
void world::upgrade_all() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!plan_.is_old(i)) continue;
    for (const std::string& bucket : checker_.bucket_names()) {
      const auto of = nodes_[i]->facts(bucket, false);
      if (!of) continue;
      for (const auto& [id, document] : of->documents)
        for (const auto& [rev, body] : document.bodies)
          if (body.find(news) != std::string::npos)
            fail(name(i) + " has " + id + ", which version 1 of the protocol cannot carry");
    }
    trace(name(i) + " is upgraded");
    nodes_[i]->upgrade();
  }
}

void world::heal() {
  healed_ = true;
  trace("healing all");
  upgrade_all();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    joined_[i] = true;
    if (!nodes_[i]->up()) nodes_[i]->start();
  }
  checker_.note_holders();
  network_.heal();
  for (const auto& [a, b] : plan_.edges()) {
    if (!nodes_[a]->has_peer(b)) nodes_[a]->add_peer(b, true);
    if (!nodes_[b]->has_peer(a)) nodes_[b]->add_peer(a, true);
  }
  if (random_.chance(500)) remade_ = dropped_;
  for (const auto& [at, bucket] : remade_) nodes_[at]->make_bucket(bucket);
}

/// What healing began is done: a bucket that is not there yet keeps nobody apart.
bool world::is_whole() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& one) { return one->up(); }) &&
         std::all_of(remade_.begin(), remade_.end(), [this](const auto& made) {
           return nodes_[made.first]->has_bucket(made.second);
         });
}

void world::converge() {
  const ticks begin = now();
  const ticks most = lied_about_digests() ? rescan_allowance : most_convergence;
  while (!is_whole() || !checker_.converged()) {
    if (now() - begin >= most) {
      const std::string wrong = checker_.check_all();
      fail("the nodes did not come together: " + (wrong.empty() ? "digests differ" : wrong));
    }
    run_for(poll);
  }
  report_.convergence = now() - begin;
}

void world::rest() {
  const ticks begin = now();
  const auto rests = [&] {
    return checker_.checkpoints_at_end() &&
           std::all_of(nodes_.begin(), nodes_.end(),
                       [](const auto& one) { return one->idle() && one->settled(); });
  };
  while (!rests()) {
    if (now() - begin >= most_rest) {
      const std::string wrong = checker_.check_all();
      fail("no rest: " + (wrong.empty() ? "something is still on its way" : wrong));
    }
    run_for(poll);
  }
  run_for(ticks(7000)); // the last acknowledgements, and requests whose wait had grown
  report_.rest = now() - begin;
}

/// At rest there are heartbeats, and nothing else.
void world::be_quiet() {
  const uint64_t frames = network_.frames();
  const uint64_t bytes = network_.bytes();
  run_for(quiet);
  report_.quiet_frames = network_.frames() - frames;
  report_.quiet_bytes = network_.bytes() - bytes;
  const uint64_t directions = 2 * plan_.edges().size();
  const auto beats = static_cast<uint64_t>(quiet.count() / 1000 + 1);
  if (report_.quiet_frames > directions * beats) fail("there is more than heartbeats at rest");
  if (report_.quiet_bytes > directions * beats * (32 + 64 * plan_.content.buckets))
    fail("heartbeats are too large");
}

void world::check_links() {
  const fault what = plan_.injected;
  for (const auto& one : nodes_) {
    const link_counts counts = one->counts();
    report_.links.entries += counts.entries;
    report_.links.documents += counts.documents;
    report_.links.fetched += counts.fetched;
    report_.links.rejected += counts.rejected;
    report_.links.restarts += counts.restarts;
    report_.links.rescans += counts.rescans;
  }
  if (report_.links.rescans > 0 && !may_rescan(what) && !may_have_gaps())
    fail("only unequal digests showed what was missing");
  if (report_.links.rejected > 0 && !may_reject(what)) fail("a frame of a right node was rejected");
  if (report_.links.restarts > 0 && !set_back_ && what == fault::none)
    fail("a link started again from 0 although no log was given up");
}

run_report world::go() {
  const bool late = plan_.disturbances.late_joiners > 0 && plan_.nodes > 2;
  try {
    for (const auto& [a, b] : plan_.edges()) {
      const bool both = random_.chance(500);
      nodes_[a]->add_peer(b, true);
      if (both) nodes_[b]->add_peer(a, true);
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (late && i + 1 == nodes_.size()) {
        joined_[i] = false;
        clock_.after(some_time(static_cast<int64_t>(plan_.operations) * plan_.pause.count()),
                     [this, i] {
                       if (joined_[i]) return;
                       joined_[i] = true;
                       trace(name(i) + " joins");
                       nodes_[i]->start();
                     });
        continue;
      }
      nodes_[i]->start();
    }
    plan_operations();
    plan_disturbances();
    while (operations_left_ > 0) run_for(ticks(100));
    run_for(std::max(pauses_end_ - now(), ticks(0)) + some_time(1000));
    heal();
    converge();
    rest();
    be_quiet();
    if (const std::string wrong = checker_.check_all(); !wrong.empty()) fail(wrong);
    for (const auto& [at, bucket] : dropped_)
      if (nodes_[at]->has_bucket(bucket)) fail(name(at) + " has " + bucket + ", which it left");
    check_links();
  } catch (const run_ended&) {
  }
  report_.events = clock_.count();
  report_.acknowledged = history_.acknowledged_count();
  report_.excused = history_.excused_count();
  report_.frames = network_.frames();
  report_.bytes = network_.bytes();
  report_.duration = now();
  return report_;
}

} // namespace

run_report run(const plan& planned, bool trace) { return world(planned, trace).go(); }

} // namespace treadmill::simulation
