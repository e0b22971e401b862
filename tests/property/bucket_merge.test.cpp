#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "tests/crash/bucket_check.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace treadmill {
namespace {

using generator = std::mt19937_64;

size_t below(generator& random, size_t bound) { return static_cast<size_t>(random() % bound); }

template<typename List>
auto& any_of(generator& random, List&& list) {
  return list[below(random, list.size())];
}

/// One store in memory for the buckets of many nodes; a new one before it grows large.
class disk {
public:
  uint32_t new_bucket() {
    if (rows_ == nullptr || made_ == defaults::buckets) restart();
    return rows_->create_bucket("b" + std::to_string(made_++)).value().number;
  }
  bool fits(size_t buckets) const { return made_ + buckets <= defaults::buckets; }
  void restart() {
    rows_.reset();
    env_.reset(leveldb::NewMemEnv(leveldb::Env::Default()));
    store_options options;
    options.directory = "/store";
    options.env = env_.get();
    options.free_floor_bytes = 0;
    rows_ = std::move(store::open(options).value());
    made_ = 0;
  }
  store& rows() { return *rows_; }

private:
  std::unique_ptr<leveldb::Env> env_{};
  std::unique_ptr<store> rows_{};
  size_t made_ = 0;
};

/// One bucket on one node.
class node {
public:
  explicit node(disk& on) : disk_(on), number_(on.new_bucket()) { start(); }

  void start() {
    commit();
    core_.emplace(number_, view().state(number_).value(),
                  [this](std::string_view key) { return view().read(key); });
  }
  void commit() {
    if (!core_ || !core_->dirty()) return;
    const auto batch = core_->take_batch();
    const row_batch* rows = &batch.rows;
    REQUIRE(disk_.rows().commit({&rows, 1}, false));
    core_->committed(batch.number);
  }

  bucket_core& core() { return *core_; }
  read_view view() const { return disk_.rows().latest(); }
  uint32_t number() const { return number_; }

  /// Nothing where the document was never here.
  revision_tree tree(const std::string& id) {
    commit();
    auto found = view().full_tree(number_, id);
    if (found) return std::move(*found);
    REQUIRE(found.error().code == ec::not_found);
    return revision_tree();
  }
  std::string body(const std::string& id, const revision& rev) {
    commit();
    return view().leaf_body(number_, id, rev).value();
  }
  std::set<std::string> conflicts() {
    commit();
    std::set<std::string> ids;
    REQUIRE(view().scan(keys::conflict(number_, ""), keys::conflicts_end(number_),
                        [&](std::string_view key, std::string_view) {
                          ids.emplace(keys::id_of(key));
                          return true;
                        }));
    return ids;
  }

  /// A document, or one revision of it, as it is sent.
  replicated_document whole(const std::string& id) {
    replicated_document made;
    made.id = id;
    made.tree = tree(id);
    for (const auto& leaf : made.tree.leaves()) {
      if (!leaf.deleted) made.bodies.push_back({leaf.rev, body(id, leaf.rev)});
    }
    return made;
  }
  replicated_document single(const std::string& id, const revision_tree::node& sent) {
    replicated_document made;
    made.id = id;
    made.tree.add(sent.rev, sent.parent, sent.deleted, sent.foreign);
    if (sent.leaf && !sent.deleted) made.bodies.push_back({sent.rev, body(id, sent.rev)});
    return made;
  }

  /// False where nothing was new. A revision that is no leaf at its sender comes without its body,
  /// and is refused where it would be a leaf.
  bool take(const replicated_document& document) {
    REQUIRE(check_replicated(document, {}));
    const bucket_state before = core_->state();
    const bool dirty = core_->dirty();
    const auto logged = core_->merge(document);
    if (logged && !logged->empty()) {
      REQUIRE(core_->state().sequence == before.sequence + 1);
      return true;
    }
    REQUIRE(core_->state() == before);
    REQUIRE(core_->dirty() == dirty);
    if (!logged) REQUIRE(logged.error().code == ec::bad_rev);
    if (!logged) REQUIRE(document.bodies.empty());
    return false;
  }

private:
  disk& disk_;
  uint32_t number_;
  std::optional<bucket_core> core_{};
};

struct written {
  std::string id{};
  revision rev{};
};

struct history_options {
  size_t ids = 3;
  size_t steps = 40;
  size_t hot = 0; ///< so many of 10 writes go to the first document, without a revision
};

/// Nodes that write on their own and exchange now and then.
class history {
public:
  history(generator& random, disk& on, const history_options& options)
      : random_(random), options_(options) {
    const size_t count = 3 + below(random, 3);
    if (!on.fits(count)) on.restart();
    for (size_t i = 0; i < count; ++i) nodes_.push_back(std::make_unique<node>(on));
    for (size_t i = 0; i + 1 < options.ids; ++i) ids_.push_back("d" + std::to_string(i));
    ids_.push_back("_query/q");
  }

  void run() {
    for (size_t i = 0; i < options_.steps; ++i) {
      node& at = *any_of(random_, nodes_);
      switch (below(random_, 16)) {
      case 0: at.commit(); break;
      case 1: at.start(); break;
      case 2: import_elsewhere(at); break;
      case 3:
      case 4: send_whole(*any_of(random_, nodes_), at, any_of(random_, ids_)); break;
      case 5:
      case 6:
      case 7: send_one(at); break;
      default: write(at); break;
      }
    }
  }

  /// Until nobody learns anything new.
  void exchange_all() {
    for (bool anything = true; anything;) {
      anything = false;
      for (const auto& from : nodes_) {
        for (const auto& to : nodes_) {
          for (const std::string& id : ids_)
            if (from != to && send_whole(*from, *to, id)) anything = true;
        }
      }
    }
  }

  void check() {
    for (const auto& at : nodes_) check_alone(*at);
    node& first = *nodes_.front();
    for (const auto& other : nodes_) {
      REQUIRE(other->core().state().digest == first.core().state().digest);
      REQUIRE(other->core().state().documents == first.core().state().documents);
      REQUIRE(other->core().state().queries == first.core().state().queries);
      REQUIRE(other->conflicts() == first.conflicts());
      for (const std::string& id : ids_) {
        const auto one = first.whole(id);
        const auto two = other->whole(id);
        REQUIRE(one.tree == two.tree);
        REQUIRE(one.bodies == two.bodies);
        if (!one.tree.empty()) REQUIRE(one.tree.winner()->rev == two.tree.winner()->rev);
      }
    }
    for (const written& answered : answered_) {
      for (const auto& at : nodes_) REQUIRE(at->tree(answered.id).find(answered.rev) != nullptr);
    }
  }

  bool had_conflicts() const { return nodes_.front()->core().state().conflicts != 0; }

private:
  std::string random_body(const std::string& id) {
    const std::string number = std::to_string(below(random_, 6)); // the same edits now and then
    return is_query(id) ? R"({"map":"d => )" + number + R"("})" : R"({"n":)" + number + "}";
  }
  static bool is_query(const std::string& id) { return id.front() == '_'; }

  /// Any revision of the document there, most often a leaf.
  std::optional<revision> random_rev(node& at, const std::string& id) {
    const revision_tree tree = at.tree(id);
    if (tree.empty()) return std::nullopt;
    const auto leaves = tree.leaves();
    return below(random_, 4) != 0 ? any_of(random_, leaves).rev : any_of(random_, tree.nodes()).rev;
  }

  void write(node& at) {
    write_op op;
    const bool hot = below(random_, 10) < options_.hot;
    op.id = hot ? ids_.front() : any_of(random_, ids_);
    const size_t kind = hot ? 0 : below(random_, 8);
    op.what = kind < 4   ? write_op::kind::put
              : kind < 5 ? write_op::kind::create
              : kind < 6 ? write_op::kind::patch
                         : write_op::kind::remove;
    if (op.what == write_op::kind::patch && is_query(op.id)) op.what = write_op::kind::put;
    if (op.what != write_op::kind::remove) op.body = random_body(op.id);
    if (!hot && op.what != write_op::kind::create && below(random_, 2) == 0)
      op.rev = random_rev(at, op.id);
    const auto outcome = at.core().apply({{op}, below(random_, 4) == 0}).front();
    if (outcome.ok()) answered_.push_back({op.id, outcome.rev});
  }

  static bool send_whole(node& from, node& to, const std::string& id) {
    const replicated_document sent = from.whole(id);
    return !sent.tree.empty() && to.take(sent);
  }

  /// One revision of another node, where its parent is known already.
  void send_one(node& to) {
    node& from = *any_of(random_, nodes_);
    const std::string& id = any_of(random_, ids_);
    const revision_tree there = from.tree(id);
    const revision_tree here = to.tree(id);
    std::vector<revision_tree::node> some;
    for (const auto& sent : there.nodes()) {
      const bool first = sent.parent.empty();
      if (first || here.find(sent.parent) != nullptr) some.push_back(sent);
    }
    if (!some.empty()) to.take(from.single(id, any_of(random_, some)));
  }

  /// A revision that another kind of database made, after one that is known or after none.
  void import_elsewhere(node& at) {
    const std::string& id = any_of(random_, ids_);
    const revision_tree here = at.tree(id);
    revision parent;
    if (!here.empty() && below(random_, 3) != 0) parent = any_of(random_, here.nodes()).rev;
    const auto gap = static_cast<uint32_t>(1 + below(random_, 3));
    const revision rev(parent.number() + gap, "theirs" + std::to_string(++imported_));
    replicated_document made;
    made.id = id;
    const bool deleted = below(random_, 4) == 0;
    made.tree.add(rev, parent, deleted, below(random_, 2) == 0);
    if (!deleted) made.bodies.push_back({rev, random_body(id)});
    REQUIRE(at.take(made));
    answered_.push_back({id, rev});
  }

  void check_alone(node& at) {
    at.commit();
    const auto found = test::check_bucket(at.view(), at.number());
    REQUIRE_MESSAGE(found.problem.empty(), found.problem);
    const auto problem = test::check_revisions(at.view(), at.number(), found.activity);
    REQUIRE_MESSAGE(problem.empty(), problem);
    REQUIRE(at.core().state() == at.view().state(at.number()).value());
  }

  generator& random_;
  const history_options options_;
  std::vector<std::unique_ptr<node>> nodes_{};
  std::vector<std::string> ids_{};
  std::vector<written> answered_{};
  int imported_ = 0;
};

size_t run_histories(generator& random, size_t rounds, const history_options& options) {
  disk on;
  on.restart();
  size_t with_conflicts = 0;
  for (size_t round = 0; round < rounds; ++round) {
    CAPTURE(round);
    history made(random, on, options);
    made.run();
    made.exchange_all();
    made.check();
    with_conflicts += made.had_conflicts() ? 1 : 0;
  }
  return with_conflicts;
}

/// All revisions of a document that were ever made anywhere, with leaps in their numbers: far
/// enough for much to be forgotten.
std::vector<revision_tree::node> random_universe(generator& random) {
  std::vector<revision_tree::node> all;
  const size_t size = 100 + below(random, 300);
  const size_t leaps = below(random, 40);
  for (size_t i = 0; i < size; ++i) {
    revision_tree::node made;
    if (!all.empty() && below(random, 100) != 0) {
      const size_t back = below(random, 20) == 0 ? below(random, all.size()) : below(random, 2);
      made.parent = all[all.size() - 1 - std::min(back, all.size() - 1)].rev;
    }
    const auto step =
        static_cast<uint32_t>(below(random, 200) < leaps ? 1 + below(random, 1200) : 1);
    made.rev = revision(made.parent.number() + step, "h" + std::to_string(i));
    made.foreign = below(random, 2) == 0;
    made.deleted = below(random, 6) == 0;
    all.push_back(made);
  }
  return all;
}

/// Some of it: one, a stretch of what was made together, or any.
replicated_document random_part(generator& random, const std::vector<revision_tree::node>& all,
                                size_t& next) {
  replicated_document made;
  made.id = "x";
  std::vector<size_t> chosen;
  const size_t kind = below(random, 20);
  const size_t count = kind < 17 ? 1 + below(random, 2) : 1 + below(random, 150);
  for (size_t i = 0; i < count; ++i) {
    if (kind == 19) {
      chosen.push_back(below(random, all.size()));
    } else {
      // Mostly in the order in which they were made, with gaps that are filled later.
      if (below(random, 30) == 0) next = below(random, all.size());
      chosen.push_back(next++ % all.size());
    }
  }
  for (const size_t i : chosen)
    made.tree.add(all[i].rev, all[i].parent, all[i].deleted, all[i].foreign);
  for (const auto& leaf : made.tree.leaves()) {
    if (!leaf.deleted) made.bodies.push_back({leaf.rev, R"({"rev":")" + leaf.rev.text() + "\"}"});
  }
  return made;
}

} // namespace

TEST_CASE("nodes that exchange their documents end with the same, and lose no write") {
  generator random(property_seed("bucket_merge.exchange"));
  CHECK(run_histories(random, 2000, {}) > 500);
}

TEST_CASE("the same with long histories, whose trees lie in two rows") {
  generator random(property_seed("bucket_merge.long"));
  history_options options;
  options.ids = 2;
  options.steps = 500;
  options.hot = 9;
  CHECK(run_histories(random, 10, options) > 0);
}

TEST_CASE("a tree that grows in two rows is the tree that one row would hold") {
  generator random(property_seed("bucket_merge.rows"));
  disk on;
  on.restart();
  size_t in_two_rows = 0;
  size_t forgotten_later = 0;
  size_t nodes = 0;
  for (int round = 0; round < 25; ++round) {
    CAPTURE(round);
    const auto all = random_universe(random);
    node at(on);
    revision_tree expected;
    bool same = true; // as what is stored
    size_t next = 0;
    for (size_t step = 0; step < all.size(); ++step) {
      const replicated_document part = random_part(random, all, next);
      const bool changed = !at.core().merge(part).value().empty();
      const bool should_change = expected.merge(part.tree);
      if (same) REQUIRE(changed == should_change);
      same = step % 4 == 0;
      if (!same) continue;
      const revision_tree stored = at.tree("x");
      REQUIRE(stored.leaves() == expected.leaves());
      for (const auto& kept : expected.nodes()) {
        const auto* found = stored.find(kept.rev);
        REQUIRE(found != nullptr);
        REQUIRE(*found == kept);
      }
      forgotten_later += stored.nodes().size() - expected.nodes().size();
      expected = stored;
      const auto row = at.view().read(keys::document(at.number(), "x")).value().value();
      const auto recent = document_row::decode(row).value().tree().value();
      REQUIRE(recent.leaves() == expected.leaves());
      nodes += stored.nodes().size();
      in_two_rows += at.view().read(keys::older_ancestry(at.number(), "x"))->has_value() ? 1 : 0;
    }
    at.commit();
    const auto found = test::check_bucket(at.view(), at.number());
    REQUIRE_MESSAGE(found.problem.empty(), found.problem);
  }
  // What a leap makes old enough lies there until both rows are written anew; a new leaf nearby can
  // keep it.
  CHECK(forgotten_later < nodes / 100);
  CHECK(in_two_rows > 200);
}

} // namespace treadmill
