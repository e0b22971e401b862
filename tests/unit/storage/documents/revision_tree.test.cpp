#include "storage/documents/revision_tree.hpp"
#include "storage/base/coding.hpp"
#include "storage/base/hash.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <string>

using treadmill::make_revision;
using treadmill::revision;
using treadmill::revision_tree;

namespace {

/// A tree with one branch: revisions `from` to `to`, named after `branch` and their number.
revision_tree chain(std::string_view branch, uint32_t from, uint32_t to, uint32_t depth = 1000) {
  revision_tree tree(depth);
  revision parent;
  for (uint32_t number = from; number <= to; ++number) {
    const revision rev(number, branch);
    tree.add(rev, parent, false);
    parent = rev;
  }
  return tree;
}

std::vector<std::string> texts(const std::vector<revision_tree::node>& nodes) {
  std::vector<std::string> all;
  all.reserve(nodes.size());
  for (const auto& n : nodes) all.push_back(n.rev.text());
  return all;
}

using strings = std::vector<std::string>;

bool is_corrupt(std::string_view bytes) {
  const auto tree = revision_tree::decode(bytes);
  return !tree && tree.error().code == treadmill::ec::corrupt;
}

} // namespace

TEST_CASE("an empty tree has no winner, no leaves and an empty encoding") {
  const revision_tree tree;
  CHECK(tree.empty());
  CHECK(tree.winner() == nullptr);
  CHECK(tree.leaves().empty());
  CHECK(tree.live_leaves() == 0);
  CHECK(tree.encode().empty());
  CHECK(revision_tree::decode("").value() == tree);
}

TEST_CASE("an edit replaces the leaf that it names as its parent") {
  revision_tree tree;
  CHECK(tree.add(revision(1, "a"), {}, false));
  CHECK(tree.winner()->rev == revision(1, "a"));
  CHECK(tree.add(revision(2, "b"), revision(1, "a"), false));
  CHECK(texts(tree.leaves()) == strings{"rev2-b"});
  CHECK_FALSE(tree.find(revision(1, "a"))->leaf);
  CHECK(tree.find(revision(2, "b"))->parent == revision(1, "a"));
  CHECK(tree.find(revision(1, "b")) == nullptr);
}

TEST_CASE("a node that is there already is not added again") {
  auto tree = chain("a", 1, 3);
  const auto before = tree;
  CHECK_FALSE(tree.add(revision(2, "a"), revision(1, "a"), true));
  CHECK_FALSE(tree.add(revision(3, "a"), revision(1, "x"), true, true));
  CHECK(tree == before);
}

TEST_CASE("a live leaf wins over a deleted one, then the larger number, then the larger hash") {
  revision_tree tree;
  tree.add(revision(1, "a"), {}, false);
  tree.add(revision(5, "z"), revision(1, "a"), true);
  tree.add(revision(2, "b"), revision(1, "a"), false);
  tree.add(revision(2, "c"), revision(1, "a"), false);
  tree.add(revision(3, "a"), revision(2, "0"), false);
  tree.add(revision(6, "a"), revision(5, "y"), true);
  CHECK(texts(tree.leaves()) == strings{"rev3-a", "rev2-c", "rev2-b", "rev6-a", "rev5-z"});
  CHECK(tree.winner()->rev == revision(3, "a"));
  CHECK(tree.live_leaves() == 3);
}

TEST_CASE("a tombstone that gets a child is no tombstone any more") {
  revision_tree tree;
  tree.add(revision(1, "a"), {}, true);
  CHECK(tree.winner()->deleted);
  tree.add(revision(2, "b"), revision(1, "a"), false);
  CHECK_FALSE(tree.find(revision(1, "a"))->deleted);
  CHECK(tree.live_leaves() == 1);
}

TEST_CASE("the history of a revision is its line of ancestors, newest first") {
  auto tree = chain("a", 1, 4);
  tree.add(revision(3, "b"), revision(2, "a"), false);
  CHECK(tree.history(revision(3, "b")) ==
        std::vector<revision>{revision(3, "b"), revision(2, "a"), revision(1, "a")});
  CHECK(tree.history(revision(3, "x")).empty());
}

TEST_CASE(
    "ancestors are forgotten once no leaf is near, and the oldest kept one still names them") {
  const auto tree = chain("a", 1, 10, 3);
  CHECK(tree.nodes().size() == 3);
  CHECK(tree.nodes().back().rev == revision(8, "a"));
  CHECK(tree.nodes().back().parent == revision(7, "a"));
  CHECK(tree.history(revision(10, "a")).size() == 3);
}

TEST_CASE("an ancestor stays as long as one leaf is near, and leaves always stay") {
  auto tree = chain("a", 1, 3, 3);
  tree.add(revision(2, "b"), revision(1, "a"), false);
  for (uint32_t number = 4; number <= 9; ++number)
    tree.add(revision(number, "a"), revision(number - 1, "a"), false);
  CHECK(texts(tree.leaves()) == strings{"rev9-a", "rev2-b"});
  CHECK(tree.find(revision(1, "a")) != nullptr);
  CHECK(tree.find(revision(6, "a")) == nullptr);
  CHECK(tree.nodes().size() == 5);
}

TEST_CASE("depth counts edits, also where ancestors in between are not known") {
  revision_tree tree(5);
  tree.add(revision(1, "a"), {}, false);
  tree.add(revision(5, "a"), revision(1, "a"), false);
  CHECK(tree.nodes().size() == 2);
  tree.add(revision(6, "a"), revision(5, "a"), false);
  CHECK(tree.nodes().size() == 2);
  CHECK(tree.find(revision(1, "a")) == nullptr);
}

TEST_CASE("a forgotten parent that comes back is no leaf") {
  auto tree = chain("a", 1, 5, 3);
  const auto before = tree;
  CHECK_FALSE(tree.add(revision(2, "a"), revision(1, "a"), false));
  CHECK_FALSE(tree.merge(chain("a", 1, 2, 3)));
  CHECK(tree == before);
}

TEST_CASE("an ancestor that is too old to be kept can still unmask a leaf as one") {
  auto tree = chain("a", 1, 5, 3); // 3 to 5, naming 2
  CHECK(tree.merge(chain("a", 1, 1, 3)));
  CHECK(texts(tree.leaves()) == strings{"rev5-a", "rev1-a"});
  CHECK(tree.add(revision(2, "a"), revision(1, "a"), false));
  CHECK(texts(tree.leaves()) == strings{"rev5-a"});
}

TEST_CASE("a tree of many nodes at once is the tree that adding them one by one makes") {
  const auto expected = chain("a", 1, 5);
  std::vector<revision_tree::node> nodes(expected.nodes().begin(), expected.nodes().end());
  std::rotate(nodes.begin(), nodes.begin() + 2, nodes.end());
  for (auto& node : nodes) node.leaf = !node.leaf;
  CHECK(revision_tree::of(nodes) == expected);
  CHECK(revision_tree::of({}).empty());
}

TEST_CASE("a part of a tree has its own leaves and forgets nothing") {
  auto tree = chain("a", 1, 5);
  tree.add(revision(3, "b"), revision(2, "a"), true);
  const auto part = tree.part([](const auto& node) { return node.rev.number() < 4; });
  CHECK(texts(part.leaves()) == strings{"rev3-a", "rev3-b"});
  CHECK(part.find(revision(3, "b"))->deleted);
  const auto ends = tree.part([](const auto& node) { return node.rev.number() != 3; });
  CHECK(texts(ends.leaves()) == strings{"rev5-a", "rev2-a"});
  revision_tree far;
  far.add(revision(1, "a"), {}, false);
  far.add(revision(2, "b"), revision(1, "a"), false); // keeps the first
  far.add(revision(900, "a"), revision(1, "a"), false, true);
  far.add(revision(1800, "a"), revision(900, "a"), false, true);
  const auto without = far.part([](const auto& node) { return node.rev.number() != 2; });
  CHECK(without.find(revision(1, "a")) != nullptr);
}

TEST_CASE("a merge takes the union: branches become leaves, known ancestors change nothing") {
  auto ours = chain("a", 1, 3);
  auto theirs = chain("a", 1, 2);
  theirs.add(revision(3, "b"), revision(2, "a"), false);
  CHECK(ours.merge(theirs));
  CHECK(texts(ours.leaves()) == strings{"rev3-b", "rev3-a"});
  CHECK_FALSE(ours.merge(theirs));
  CHECK_FALSE(ours.merge(ours));
  CHECK(theirs.merge(ours));
  CHECK(theirs == ours);
}

TEST_CASE("a merge keeps parents from whichever side knows them") {
  auto ours = chain("a", 5, 6);
  CHECK(ours.find(revision(5, "a"))->parent.empty());
  CHECK(ours.merge(chain("a", 3, 5)));
  CHECK(ours.find(revision(5, "a"))->parent == revision(4, "a"));
  CHECK(ours.leaves().size() == 1);
}

TEST_CASE("a revision is foreign only where both sides say so") {
  revision_tree foreign;
  foreign.add(revision(1, "a"), {}, false, true);
  revision_tree native;
  native.add(revision(1, "a"), {}, false, false);
  auto merged = foreign;
  CHECK_FALSE(merged.merge(foreign));
  CHECK(merged.find(revision(1, "a"))->foreign);
  CHECK(merged.merge(native));
  CHECK_FALSE(merged.find(revision(1, "a"))->foreign);
}

TEST_CASE("where two trees contradict each other the live leaf and the larger parent hold") {
  revision_tree live;
  live.add(revision(3, "a"), revision(1, "x"), false, true);
  revision_tree deleted;
  deleted.add(revision(3, "a"), revision(2, "b"), true, true);
  auto merged = live;
  CHECK(merged.merge(deleted));
  CHECK(merged.winner()->parent == revision(2, "b"));
  CHECK_FALSE(merged.winner()->deleted);
  CHECK(deleted.merge(live));
  CHECK(deleted == merged);
}

TEST_CASE("trees with every kind of node come back from their encoding") {
  revision_tree tree;
  const auto native = make_revision({}, false, "{}");
  const auto child = make_revision(native, false, "{}");
  tree.add(native, {}, false);
  tree.add(child, native, false);
  tree.add(revision(2, "elsewhere"), native, true, true);
  tree.add(revision(9, "gap"), child, false, true);
  tree.add(revision(7, std::string(64, 'x')), revision(6, "lost"), false, true);
  tree.add(revision(7, std::string(32, 'a')), revision(6, std::string(32, 'b')), true, true);
  tree.add(revision(treadmill::defaults::revision_number, "last"), {}, false, true);
  const auto decoded = revision_tree::decode(tree.encode(), 0x7fffffff);
  REQUIRE(decoded);
  CHECK(*decoded == tree);
  CHECK(decoded->encode() == tree.encode());
}

TEST_CASE("a linear history costs 17 bytes a revision") {
  revision_tree tree;
  revision parent;
  for (int i = 0; i < 1000; ++i) {
    const auto rev = make_revision(parent, false, "{}");
    tree.add(rev, parent, false);
    parent = rev;
  }
  CHECK(tree.nodes().size() == 1000);
  CHECK(tree.encode().size() == 1000 * 17 + 2);
  CHECK(revision_tree::decode(tree.encode()).value() == tree);
}

TEST_CASE("an encoding that is cut short or changed is refused or is another tree's") {
  revision_tree tree;
  const auto native = make_revision({}, false, "{}");
  tree.add(native, {}, false);
  tree.add(make_revision(native, false, "{}"), native, false);
  tree.add(revision(2, "elsewhere"), native, true, true);
  const auto bytes = tree.encode();
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    const auto decoded = revision_tree::decode(bytes.substr(0, cut));
    CHECK((!decoded || decoded->encode() == bytes.substr(0, cut)));
  }
  for (size_t at = 0; at < bytes.size(); ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
      const auto decoded = revision_tree::decode(changed);
      if (!decoded) continue;
      CHECK(decoded->encode() == changed);
      CHECK_FALSE(*decoded == tree);
    }
}

TEST_CASE("each way to write a tree that is not the one right way is refused") {
  const auto bytes = [](std::initializer_list<int> values) {
    std::string all;
    for (int value : values) all += static_cast<char>(value);
    return all;
  };
  // flags, number or difference, length of the hash, hash, parent
  CHECK(revision_tree::decode(bytes({0x0c, 2, 1, 'a'})));
  CHECK(is_corrupt(bytes({0x0c, 0, 1, 'a'}))); // number 0
  CHECK(is_corrupt(bytes({0x04, 1, 'a'})));    // a first node without number
  CHECK(is_corrupt(bytes({0x4c, 2, 1, 'a'}))); // an unknown flag
  CHECK(is_corrupt(bytes({0x0c, 2, 1, '/'}))); // no hash
  CHECK(is_corrupt(bytes({0x0c, 2, 0})));      // an empty one
  CHECK(is_corrupt(bytes({0x0c, 0xff, 0xff, 0xff, 0xff, 8, 1, 'a'}))); // above 2^31-1
  CHECK(is_corrupt(bytes({0x0c, 2, 65}) + std::string(65, 'a')));
  CHECK(is_corrupt(bytes({0x0c, 2, 32}) + std::string(32, 'a'))); // fits in 16 bytes
  CHECK(is_corrupt(bytes({0x1c, 2, 1, 'a'})));                    // the parent is no node
  CHECK(is_corrupt(bytes({0x2c, 2, 1, 'a', 2})));
  CHECK(revision_tree::decode(bytes({0x0c, 2, 1, 'b', 0x0c, 0, 1, 'a'})));
  CHECK(is_corrupt(bytes({0x0c, 2, 1, 'a', 0x0c, 0, 1, 'b'}))); // order
  CHECK(is_corrupt(bytes({0x0c, 2, 1, 'a', 0x0c, 0, 1, 'a'}))); // twice
  CHECK(is_corrupt(bytes({0x0c, 2, 1, 'a', 0x0c, 1, 1, 'a'}))); // a step, written out
  CHECK(is_corrupt(bytes({0x0c, 2, 1, 'a', 0x0c, 2, 1, 'a'}))); // down to 0
  CHECK(is_corrupt(bytes({0x1c, 2, 1, 'b', 0x0c, 0, 1, 'a'}))); // a parent of the same number
  CHECK(is_corrupt(bytes({0x2c, 2, 1, 'b', 1, 0x04, 1, 'a'}))); // the next one by distance
  CHECK(revision_tree::decode(bytes({0x1c, 2, 1, 'b', 0x04, 1, 'a'})));
  CHECK(is_corrupt(bytes({0x1c, 2, 1, 'b', 0x05, 1, 'a'})));            // a deleted ancestor
  CHECK(is_corrupt(bytes({0x3c, 2, 1, 'b', 1, 1, 'a', 0x04, 1, 'a'}))); // named, but there
  CHECK(is_corrupt(bytes({0x3c, 2, 1, 'b', 0, 1, 'a'})));
  CHECK(is_corrupt(bytes({0x3c, 2, 1, 'b', 2, 1, 'a'})));
  CHECK(is_corrupt(bytes({0x3c, 2, 1, 'b', 1})));
  CHECK(revision_tree::decode(bytes({0x3c, 2, 1, 'b', 1, 1, 'a'})));
}

TEST_CASE("the tree of many trees' nodes is what merging them one by one makes") {
  revision_tree merged;
  std::vector<revision_tree::node> nodes;
  for (uint32_t i = 0; i < 60; ++i) {
    revision_tree tree = chain("main", 1 + i % 7, 10 + i % 5);
    const revision leaf(5 + i % 9, "leaf" + std::to_string(i % 20));
    tree.add(leaf, i % 3 == 0 ? revision() : revision(4 + i % 9, "main"), i % 2 == 0, i % 4 != 0);
    merged.merge(tree);
    nodes.insert(nodes.end(), tree.nodes().begin(), tree.nodes().end());
  }
  CHECK(revision_tree::of(nodes) == merged);
  std::reverse(nodes.begin(), nodes.end());
  CHECK(revision_tree::of(nodes) == merged);
}

TEST_CASE("the branches of all leaves are the tree, and none is longer than the depth") {
  constexpr uint32_t depth = 10;
  revision_tree tree(depth);
  revision parent;
  for (uint32_t n = 1; n <= 60; ++n) {
    const revision rev(n, "main");
    tree.add(rev, parent, false);
    if (n % 7 == 0) tree.add(revision(n + 1, "left"), rev, n % 2 == 0);
    parent = rev;
  }
  std::vector<revision_tree::node> nodes;
  for (const auto& leaf : tree.leaves()) {
    const auto branch = tree.branch(leaf.rev);
    CHECK(branch.size() <= depth);
    CHECK(branch.front().rev == leaf.rev);
    nodes.insert(nodes.end(), branch.begin(), branch.end());
  }
  CHECK(tree.nodes().size() > 3 * depth);
  CHECK(revision_tree::of(nodes) == tree);
  CHECK(tree.branch(revision(3, "none")).empty());
}
