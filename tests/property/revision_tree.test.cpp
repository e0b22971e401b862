#include "storage/documents/revision_tree.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

using treadmill::revision;
using treadmill::revision_tree;

namespace {

using generator = std::mt19937_64;

size_t below(generator& random, size_t bound) { return static_cast<size_t>(random() % bound); }

/// All revisions of one document that were ever made anywhere, with their true parents.
class universe {
public:
  universe(generator& random, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      revision_tree::node n;
      // Mostly the newest are edited, so that branches become long, sometimes any.
      if (!nodes_.empty() && below(random, 12) != 0)
        n.parent = nodes_[nodes_.size() - 1 -
                          below(random, std::min<size_t>(nodes_.size(), below(random, 6) + 1))]
                       .rev;
      const uint32_t gap = below(random, 20) == 0 ? 2 : 1;
      n.rev =
          revision(n.parent.number() + gap,
                   std::string(1, static_cast<char>('a' + below(random, 26))) + std::to_string(i));
      n.deleted = below(random, 5) == 0;
      n.foreign = below(random, 5) == 0;
      index_[n.rev] = nodes_.size();
      nodes_.push_back(n);
    }
  }

  const std::vector<revision_tree::node>& nodes() const { return nodes_; }
  const revision_tree::node& at(const revision& rev) const { return nodes_[index_.at(rev)]; }

  bool descends(const revision& rev, const revision& from) const {
    for (auto at = rev; !at.empty(); at = this->at(at).parent)
      if (at == from) return true;
    return false;
  }

  /// What a replica sends with node `i`: its line of ancestors.
  revision_tree line(size_t i, uint32_t depth) const {
    revision_tree tree(depth);
    for (auto rev = nodes_[i].rev; !rev.empty(); rev = at(rev).parent) {
      const auto& n = at(rev);
      tree.add(n.rev, n.parent, n.deleted, n.foreign);
    }
    return tree;
  }

private:
  std::vector<revision_tree::node> nodes_;
  std::map<revision, size_t> index_;
};

revision_tree random_tree(generator& random, const universe& all, uint32_t depth) {
  revision_tree tree(depth);
  for (size_t branches = below(random, 4); branches-- > 0;)
    tree.merge(all.line(below(random, all.nodes().size()), depth));
  return tree;
}

/// Any nodes without regard to what lies between, as no honest replica holds them.
revision_tree ragged_tree(generator& random, const universe& all, uint32_t depth) {
  revision_tree tree(depth);
  for (size_t count = below(random, 8); count-- > 0;) {
    const auto& n = all.nodes()[below(random, all.nodes().size())];
    tree.add(n.rev, below(random, 4) == 0 ? revision() : n.parent, n.deleted, n.foreign);
  }
  return tree;
}

revision_tree merged(revision_tree a, const revision_tree& b) {
  a.merge(b);
  return a;
}

std::set<revision> leaves_of(const revision_tree& tree) {
  std::set<revision> leaves;
  for (const auto& n : tree.leaves()) leaves.insert(n.rev);
  return leaves;
}

/// What the header asks of the trees for which merge is associative.
bool within_depth(const universe& all, const std::vector<revision_tree>& trees, uint32_t depth) {
  std::set<revision> leaves;
  for (const auto& tree : trees) leaves.merge(leaves_of(tree));
  for (const auto& old : leaves)
    for (const auto& young : leaves)
      if (all.descends(young, old) && young.number() - old.number() > depth) return false;
  return true;
}

/// The leaves that the union must have: those of the parts that no other one descends from.
std::set<revision> true_leaves(const universe& all, const std::vector<revision_tree>& trees) {
  std::set<revision> leaves;
  for (const auto& tree : trees) leaves.merge(leaves_of(tree));
  std::set<revision> kept;
  for (const auto& leaf : leaves)
    if (std::none_of(leaves.begin(), leaves.end(), [&](const revision& other) {
          return other != leaf && all.descends(other, leaf);
        }))
      kept.insert(leaf);
  return kept;
}

void check_round_trip(const revision_tree& tree, uint32_t depth) {
  const auto bytes = tree.encode();
  const auto decoded = revision_tree::decode(bytes, depth);
  REQUIRE(decoded);
  REQUIRE(*decoded == tree);
  REQUIRE(decoded->encode() == bytes);
}

} // namespace

TEST_CASE("merging trees is commutative and idempotent, whatever they hold and forget") {
  generator random(property_seed("revision_tree.commutative"));
  for (int round = 0; round < 3000; ++round) {
    const universe all(random, 1 + below(random, 40));
    const auto depth = static_cast<uint32_t>(round % 2 == 0 ? 1 + below(random, 6) : 1000);
    const auto make = round % 3 == 0 ? random_tree : ragged_tree;
    const auto a = make(random, all, depth);
    const auto b = make(random, all, depth);
    const auto ab = merged(a, b);
    REQUIRE(ab == merged(b, a));
    REQUIRE(ab.encode() == merged(b, a).encode());
    REQUIRE(merged(a, a) == a);
    REQUIRE(merged(ab, ab) == ab);
    auto again = a;
    REQUIRE(again.merge(b) == !(ab == a));
    check_round_trip(ab, depth);
  }
}

TEST_CASE("merging trees is associative where no leaf is further behind than the depth") {
  generator random(property_seed("revision_tree.associative"));
  int checked = 0;
  int forgot = 0;
  for (int round = 0; round < 20000; ++round) {
    const universe all(random, 1 + below(random, 40));
    const auto depth = static_cast<uint32_t>(1 + below(random, 6));
    const std::vector<revision_tree> trees{random_tree(random, all, depth),
                                           random_tree(random, all, depth),
                                           random_tree(random, all, depth)};
    if (!within_depth(all, trees, depth)) continue;
    const auto left = merged(merged(trees[0], trees[1]), trees[2]);
    const auto right = merged(trees[0], merged(trees[1], trees[2]));
    REQUIRE(left == right);
    REQUIRE(left == merged(merged(trees[0], trees[2]), trees[1]));
    REQUIRE(leaves_of(left) == true_leaves(all, trees));
    REQUIRE(merged(left, trees[static_cast<size_t>(round) % 3]) == left);
    ++checked;
    forgot += std::any_of(left.nodes().begin(), left.nodes().end(), [&](const auto& n) {
      return !n.parent.empty() && left.find(n.parent) == nullptr;
    });
  }
  CHECK(checked > 2000);
  CHECK(forgot > 500);
}

TEST_CASE("merging whole trees is associative, and its leaves are those of the union") {
  generator random(property_seed("revision_tree.whole"));
  for (int round = 0; round < 3000; ++round) {
    const universe all(random, 1 + below(random, 60));
    const auto make = round % 2 == 0 ? random_tree : ragged_tree;
    const std::vector<revision_tree> trees{make(random, all, 1000), make(random, all, 1000),
                                           make(random, all, 1000)};
    const auto left = merged(merged(trees[0], trees[1]), trees[2]);
    REQUIRE(left == merged(trees[0], merged(trees[1], trees[2])));
    if (round % 2 == 0) REQUIRE(leaves_of(left) == true_leaves(all, trees));
  }
}

TEST_CASE("no order of merges loses a leaf of the union, however much is forgotten") {
  generator random(property_seed("revision_tree.lossless"));
  for (int round = 0; round < 5000; ++round) {
    const universe all(random, 1 + below(random, 40));
    const auto depth = static_cast<uint32_t>(1 + below(random, 5));
    std::vector<revision_tree> trees;
    trees.reserve(5);
    for (int i = 0; i < 5; ++i) trees.push_back(random_tree(random, all, depth));
    const auto expected = true_leaves(all, trees);
    std::shuffle(trees.begin(), trees.end(), random);
    revision_tree total(depth);
    for (const auto& tree : trees) total.merge(tree);
    const auto found = leaves_of(total);
    REQUIRE(std::includes(found.begin(), found.end(), expected.begin(), expected.end()));
    for (const auto& leaf : expected) REQUIRE(total.find(leaf)->deleted == all.at(leaf).deleted);
    // What is a leaf beyond that was one that some replica had: nothing is made up.
    for (const auto& leaf : found)
      REQUIRE(std::any_of(trees.begin(), trees.end(),
                          [&](const auto& tree) { return leaves_of(tree).count(leaf) == 1; }));
  }
}

TEST_CASE("replicas that merge until nobody learns anything new hold the same tree") {
  generator random(property_seed("revision_tree.gossip"));
  for (int round = 0; round < 1000; ++round) {
    const universe all(random, 1 + below(random, 60));
    const auto depth = static_cast<uint32_t>(1 + below(random, 5));
    std::vector<revision_tree> replicas;
    for (size_t i = 2 + below(random, 4); i-- > 0;)
      replicas.push_back(random_tree(random, all, depth));
    const bool ring = below(random, 2) == 0;
    int idle = 0;
    int steps = 0;
    while (idle < 400) {
      REQUIRE(++steps < 5000);
      const size_t from = below(random, replicas.size());
      const size_t to = ring ? (from + 1) % replicas.size() : below(random, replicas.size());
      idle = replicas[to].merge(replicas[from]) ? 0 : idle + 1;
    }
    for (const auto& replica : replicas) REQUIRE(replica == replicas[0]);
  }
}

TEST_CASE("a tree agrees with a simple model of edits") {
  generator random(property_seed("revision_tree.model"));
  for (int round = 0; round < 1000; ++round) {
    const universe all(random, 1 + below(random, 60));
    const auto depth = static_cast<uint32_t>(1 + below(random, 8));
    revision_tree whole;
    for (const auto& n : all.nodes()) REQUIRE(whole.add(n.rev, n.parent, n.deleted, n.foreign));
    revision_tree tree(depth);
    REQUIRE(tree.merge(whole));
    // The model: everything, then leaves by definition, then the ancestors near them.
    std::set<revision> parents;
    for (const auto& n : all.nodes()) parents.insert(n.parent);
    std::map<revision, revision_tree::node> kept;
    for (const auto& leaf : all.nodes()) {
      if (parents.count(leaf.rev) == 1) continue;
      for (auto at = leaf.rev; !at.empty() && leaf.rev.number() - at.number() < depth;
           at = all.at(at).parent) {
        auto n = all.at(at);
        n.leaf = at == leaf.rev;
        n.deleted = n.deleted && n.leaf;
        kept.insert({at, n});
      }
    }
    std::vector<revision_tree::node> expected;
    for (auto n = kept.rbegin(); n != kept.rend(); ++n) expected.push_back(n->second);
    REQUIRE(std::vector<revision_tree::node>(tree.nodes().begin(), tree.nodes().end()) == expected);
    check_round_trip(tree, depth);
  }
}
