#include "storage/engine/bucket_core.hpp"
#include "storage/engine/keys.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

/// Documents that contradict each other about their revisions, in random orders.
namespace treadmill {
namespace {

using generator = std::mt19937_64;

size_t below(generator& random, size_t bound) { return static_cast<size_t>(random() % bound); }

constexpr uint32_t bucket = 1;
const std::string id = "d";

/// What is told of one revision.
struct told {
  revision parent{};
  std::optional<std::string> body{}; ///< nothing: a tombstone, or it has children where it is told
  bool foreign = true;
  bool leaf = true;
  bool proven = false; ///< the hash computes
};
using all_told = std::map<revision, std::vector<told>>;

/// A bucket on rows in a map.
class node {
public:
  node() : core_(bucket, {}, [this](std::string_view key) { return read(std::string(key)); }) {}

  bool take(const replicated_document& document) {
    REQUIRE(check_replicated(document, {}));
    const uint64_t before = core_.state().sequence;
    const auto logged = core_.merge(document);
    REQUIRE_MESSAGE(logged, logged.error().reason);
    REQUIRE(core_.state().sequence == before + (logged->empty() ? 0 : 1));
    return !logged->empty();
  }
  void commit() {
    if (!core_.dirty()) return;
    const auto batch = core_.take_batch();
    batch.rows.for_each(
        [&](std::string_view key, std::string_view value) { rows_[std::string(key)] = value; },
        [&](std::string_view key) { rows_.erase(std::string(key)); });
    core_.committed(batch.number);
  }
  replicated_document whole() {
    commit();
    replicated_document made;
    made.id = id;
    if (rows_.count(keys::document(bucket, id)) == 0) return made;
    const auto row = document_row::decode(rows_[keys::document(bucket, id)]).value();
    REQUIRE(!row.older);
    made.tree = row.tree().value();
    for (const auto& leaf : made.tree.leaves()) {
      if (leaf.deleted) continue;
      made.bodies.push_back({leaf.rev, std::string(row.body)});
      if (leaf.rev == row.winner) continue;
      made.bodies.back().body = rows_.at(keys::losing_body(bucket, id, leaf.rev.text()));
    }
    return made;
  }
  bucket_core& core() { return core_; }
  size_t losing_bodies() const {
    return static_cast<size_t>(std::count_if(rows_.begin(), rows_.end(), [](const auto& row) {
      return row.first[keys::document_prefix - 1] == keys::row_kind::losing_body;
    }));
  }

private:
  result<std::optional<std::string>> read(const std::string& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<std::string, std::string> rows_{};
  bucket_core core_;
};

/// A few revisions, and documents that tell of them whatever comes to somebody's mind.
class contradictions {
public:
  explicit contradictions(generator& random) : random_(random) {
    for (size_t i = 0; i < 2 + below(random, 3); ++i) make_chain();
    for (size_t i = 0; i < 2 + below(random, 5); ++i)
      names_.emplace_back(static_cast<uint32_t>(1 + below(random, 4)), std::string(1, letter()));
  }

  replicated_document next() {
    replicated_document made;
    made.id = id;
    std::vector<revision_tree::node> nodes;
    std::set<revision> known;
    for (size_t count = 1 + below(random_, 3); count-- > 0;) {
      revision_tree::node one = below(random_, 3) == 0 ? true_node() : forged_node();
      if (known.insert(one.rev).second) nodes.push_back(one);
    }
    made.tree = revision_tree::of(nodes);
    // Only a leaf that is what its hash says can come as Treadmill's own.
    for (auto& one : nodes) {
      const auto* kept = made.tree.find(one.rev);
      if (kept == nullptr || !kept->leaf || one.elsewhere()) continue;
      const auto& right = own_.at(one.rev);
      one.parent = right.parent;
      one.deleted = !right.body;
    }
    made.tree = revision_tree::of(nodes);
    for (auto& one : nodes) one.foreign = one.foreign || is_false(made.tree, one.rev);
    made.tree = revision_tree::of(nodes);
    for (const auto& leaf : made.tree.leaves())
      if (!leaf.deleted)
        made.bodies.push_back({leaf.rev, leaf.elsewhere() ? body() : *own_.at(leaf.rev).body});
    note(made);
    return made;
  }

  const all_told& told_of() const { return told_; }
  const std::map<revision, told>& own() const { return own_; }

private:
  char letter() { return static_cast<char>('a' + below(random_, 6)); }
  std::string body() { return R"({"n":)" + std::to_string(below(random_, 3)) + "}"; }

  void make_chain() {
    revision parent;
    for (size_t length = 1 + below(random_, 3); length-- > 0;) {
      const bool deleted = below(random_, 4) == 0;
      told made{parent, deleted ? std::nullopt : std::optional(body()), false};
      parent = make_revision(parent, deleted, made.body.value_or(""));
      if (own_.emplace(parent, made).second) names_.push_back(parent);
    }
  }
  revision_tree::node true_node() {
    const auto at =
        std::next(own_.begin(), static_cast<std::ptrdiff_t>(below(random_, own_.size())));
    revision_tree::node made;
    made.rev = at->first;
    made.parent = at->second.parent;
    made.deleted = !at->second.body;
    return made;
  }
  revision_tree::node forged_node() {
    revision_tree::node made;
    made.rev = names_[below(random_, names_.size())];
    const revision& parent = names_[below(random_, names_.size())];
    if (parent.number() < made.rev.number()) made.parent = parent;
    made.deleted = below(random_, 4) == 0;
    // A lie about an ancestor cannot be told from the truth.
    made.foreign = below(random_, 3) != 0 || made.parent.number() + 1 != made.rev.number() ||
                   !made.rev.is_native();
    return made;
  }
  bool is_false(const revision_tree& tree, const revision& rev) const {
    const auto* kept = tree.find(rev);
    if (!kept->leaf || kept->elsewhere()) return false;
    const auto& right = own_.at(rev);
    return kept->parent != right.parent || kept->deleted != !right.body;
  }
  void note(const replicated_document& document) {
    for (const auto& one : document.tree.nodes()) {
      told claim{one.parent, std::nullopt, one.foreign};
      for (const auto& sent : document.bodies)
        if (sent.rev == one.rev) claim.body = sent.body;
      const bool computes =
          one.leaf && one.rev.is_native() &&
          make_revision(one.parent, one.deleted, claim.body.value_or("")) == one.rev;
      claim.foreign = claim.foreign && !computes;
      claim.leaf = one.leaf;
      claim.proven = computes;
      told_[one.rev].push_back(claim);
    }
  }

  generator& random_;
  std::map<revision, told> own_{};
  std::vector<revision> names_{};
  all_told told_{};
};

/// What must come of it, worked out from all that was told at once.
std::map<revision, std::optional<std::string>> expected_leaves(all_told all) {
  std::set<revision> superseded;
  std::map<revision, std::optional<std::string>> leaves;
  std::vector<revision> todo;
  for (const auto& [rev, claims] : all) todo.push_back(rev);
  while (!todo.empty()) { // a tombstone that is made can have been told of
    const revision rev = todo.back();
    todo.pop_back();
    const auto claims = all[rev];
    std::set<revision> parents;
    for (const told& claim : claims)
      if (!claim.parent.empty()) parents.insert(claim.parent);
    superseded.insert(parents.begin(), parents.end());
    for (const told& claim : claims) {
      if (claim.parent.empty() || parents.size() < 2) continue;
      const revision name = displaced_revision(rev, claim.parent);
      const bool there = std::any_of(all[name].begin(), all[name].end(), [&](const told& c) {
        return c.parent == claim.parent && !c.body;
      });
      if (!there) {
        all[name].push_back({claim.parent, std::nullopt, true});
        todo.push_back(name);
      }
    }
  }
  for (const auto& [rev, claims] : all) {
    if (superseded.count(rev) != 0) continue;
    const bool own =
        std::any_of(claims.begin(), claims.end(), [](const told& c) { return !c.foreign; });
    std::optional<std::string> content;
    for (const told& claim : claims)
      if (claim.foreign != own) content = std::max(content, claim.body); // nothing is the least
    leaves[rev] = content;
  }
  return leaves;
}

/// Whether the order in which all was told can matter until the nodes have exchanged it: two lies
/// can make the truth together, which holds from then on.
bool order_matters(const all_told& all, const std::map<revision, told>& own) {
  return std::any_of(own.begin(), own.end(), [&](const auto& item) {
    const auto found = all.find(item.first);
    if (found == all.end()) return false;
    bool proven = false;
    bool parent = false;
    bool content = false;
    for (const told& claim : found->second) {
      proven = proven || claim.proven;
      parent = parent || claim.parent == item.second.parent;
      content = content || (claim.leaf && claim.body == item.second.body);
    }
    return !proven && parent && content;
  });
}

/// What holds of every document.
void check_rows(node& at, const replicated_document& stored) {
  hash128 digest = document_digest(id, stored.tree);
  std::map<revision, std::string> bodies;
  for (const auto& one : stored.bodies) bodies[one.rev] = one.body;
  for (const auto& leaf : stored.tree.leaves()) {
    const std::string body = leaf.deleted ? std::string() : bodies.at(leaf.rev);
    if (leaf.elsewhere()) digest = add(digest, claim_digest(id, leaf, body));
    const bool computes = make_revision(leaf.parent, leaf.deleted, body) == leaf.rev;
    REQUIRE((leaf.rev.is_native() && computes) == !leaf.elsewhere());
  }
  REQUIRE(at.core().state().digest == digest);
  REQUIRE(at.losing_bodies() == (bodies.empty() ? 0 : bodies.size() - 1));
}

void check_expected(node& at, const all_told& all) {
  const replicated_document stored = at.whole();
  const auto expected = expected_leaves(all);
  REQUIRE(stored.tree.leaves().size() == expected.size());
  for (const auto& leaf : stored.tree.leaves()) {
    const auto found = expected.find(leaf.rev);
    REQUIRE(found != expected.end());
    REQUIRE(leaf.deleted == !found->second);
    for (const auto& one : stored.bodies)
      if (one.rev == leaf.rev) REQUIRE(one.body == *found->second);
  }
}

} // namespace

TEST_CASE("what contradicts itself ends the same in every order, with every body") {
  generator random(property_seed("bucket_claims"));
  size_t contradicted = 0;
  size_t in_order = 0;
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    contradictions source(random);
    std::vector<replicated_document> all;
    for (size_t count = 1 + below(random, 8); count-- > 0;) all.push_back(source.next());
    const bool ordered = order_matters(source.told_of(), source.own());
    in_order += ordered ? 1 : 0;
    std::vector<std::unique_ptr<node>> nodes;
    for (size_t n = 0; n < 3; ++n) {
      std::shuffle(all.begin(), all.end(), random);
      node& at = *nodes.emplace_back(std::make_unique<node>());
      for (const auto& document : all) {
        at.take(document);
        if (below(random, 3) == 0) at.commit();
        if (below(random, 3) == 0) REQUIRE(!at.take(document));
      }
      check_rows(at, at.whole());
      if (!ordered) check_expected(at, source.told_of());
    }
    bool alike = true;
    for (const auto& at : nodes) alike = alike && at->whole().tree == nodes.front()->whole().tree;
    REQUIRE((alike || ordered));
    for (bool anything = !alike; anything;) {
      anything = false;
      for (const auto& from : nodes)
        for (const auto& to : nodes) anything = to->take(from->whole()) || anything;
    }
    for (const auto& at : nodes) {
      REQUIRE(at->whole().tree == nodes.front()->whole().tree);
      REQUIRE(at->whole().bodies == nodes.front()->whole().bodies);
      REQUIRE(!nodes.front()->take(at->whole()));
      for (const auto& document : all) REQUIRE(!at->take(document));
    }
    const replicated_document agreed = nodes.front()->whole();
    for (const auto& node : agreed.tree.nodes())
      contradicted += node.rev.hash().starts_with("displaced-") ? 1 : 0;
  }
  CHECK(contradicted > 100);
  CHECK(in_order < 400);
}

} // namespace treadmill
