#include "net/replication/link_context.hpp"
#include "net/replication/link_following.hpp"
#include "net/replication/link_serving.hpp"
#include "net/replication/peer_frames.hpp"
#include "tests/unit/net/replication/asking_node.hpp"
#include <doctest/doctest.h>
#include <set>

/// Documents in parts: what the peer may answer, what changes meanwhile, and what is held.
namespace treadmill::replication {
namespace {

using test::asking_node;
using test::body_of;
using test::link_world;
using test::linked_node;
using test::one_leaf;
using test::plant;
using test::tombstone;

revision nth(int n) { return {1, "l" + std::to_string(1'000'000 + n)}; }

} // namespace

TEST_CASE("a document is fetched to its end, also what an earlier part had or what is forgotten") {
  const revision high(3000, "high");
  const revision middle(5, "middle");
  const revision low(2, "low");
  const revision forgotten(1, "forgotten");
  asking_node peer({high, middle, low, forgotten});
  REQUIRE(peer.asked());
  peer.answer({tombstone(high)}, high);
  auto next = peer.asked();
  REQUIRE(next);
  CHECK(next->documents.at(0).after == high);
  CHECK(peer.shared.out.batches.empty());
  peer.answer({tombstone(high)}, high); // the same once more: an older answer, late
  CHECK(!peer.asked());
  peer.answer({tombstone(middle)}, middle);
  next = peer.asked();
  REQUIRE(next);
  CHECK(next->documents.at(0).after == middle);
  peer.answer({tombstone(low)}, {});
  CHECK(!peer.asked());
  REQUIRE(peer.shared.out.batches.size() == 1);
  CHECK(peer.shared.out.batches[0].documents.size() == 3);
  CHECK(peer.shared.out.batches[0].reached->sequence == 1);
  CHECK(peer.shared.fetched == 1);
  CHECK(peer.shared.rejected == 0);
  CHECK(peer.shared.held > 0);
  peer.apply_all();
  CHECK(peer.shared.held == 0);
  CHECK(peer.following().caught_up());
}

TEST_CASE("a place to go on at that is none of what came is refused") {
  asking_node peer({revision(3, "a")});
  REQUIRE(peer.asked());
  peer.answer({tombstone(revision(3, "a"))}, revision(9, "b"));
  CHECK(peer.shared.rejected == 1);
  CHECK(peer.shared.held == 0);
}

TEST_CASE("where what was to come is superseded meanwhile the document is asked for anew") {
  asking_node peer({revision(3, "a"), revision(2, "b")});
  REQUIRE(peer.asked());
  peer.answer({tombstone(revision(3, "a"))}, revision(3, "a"));
  REQUIRE(peer.asked());
  peer.answer({}, {}); // of a request of before, which comes late
  CHECK(!peer.asked());
  peer.answer({}, revision(3, "a"));
  const auto again = peer.asked();
  REQUIRE(again);
  CHECK(again->documents.at(0).after.empty());
  CHECK(!peer.shared.useful); // it costs the peer, so that it does not go on so for ever
  CHECK(peer.shared.rejected == 0);
}

TEST_CASE("of an older node's document each body goes on its way as it comes") {
  const revision one(3, "one");
  const revision other(2, "other");
  const std::string large = body_of(2'000'000, 1);
  asking_node peer({one, other});
  peer.answer_sizes({{one, large.size()}, {other, 2}});
  CHECK(peer.shared.held > large.size());
  peer.give(other, "{}"); // not its turn
  CHECK(peer.shared.out.batches.empty());
  peer.give(one, large);
  REQUIRE(peer.shared.out.batches.size() == 1);
  CHECK(!peer.shared.out.batches[0].reached);
  CHECK(peer.shared.out.batches[0].documents[0].bodies[0].body == large);
  peer.give(other, "{}");
  CHECK(peer.shared.out.batches.size() == 2);
  CHECK(peer.shared.out.batches[1].reached);
  for (const apply_batch& batch : peer.shared.out.batches)
    for (const replicated_document& document : batch.documents)
      CHECK(peer.node.core("b").merge(document));
  peer.apply_all();
  CHECK(peer.shared.held == 0);
  CHECK(peer.shared.assembled == 0);
  CHECK(peer.following().caught_up());
}

TEST_CASE("of an older node's document with a body above a limit no more is asked for") {
  const revision one(3, "one");
  const revision other(2, "other");
  asking_node peer({one, other});
  peer.shared.options.limits.depth = 3;
  const std::string deep = R"({"a":[[[[[1]]]]]})";
  peer.answer_sizes({{one, deep.size()}, {other, 2}});
  peer.give(one, deep);
  CHECK(peer.shared.refused == std::vector<std::string>{"b/d"});
  CHECK(peer.shared.rejected == 0);
  CHECK(peer.following().caught_up());
  CHECK(peer.shared.held == 0);
}

// What a peer that lies may send
// -------------------------------------------------------------------------------------------------

TEST_CASE("a part that goes back, or not on, is none of what was asked for") {
  asking_node peer({revision(9, "a"), revision(5, "b"), revision(2, "c")});
  REQUIRE(peer.asked());
  peer.answer({tombstone(revision(5, "b"))}, revision(5, "b"));
  REQUIRE(peer.asked());
  const uint64_t held = peer.shared.held;
  for (const revision& next : {revision(5, "b"), revision(9, "a")}) {
    peer.answer({tombstone(next)}, next);
    CHECK(!peer.shared.useful);
    CHECK(!peer.asked());
  }
  // Among older ones there is one that came: no branch begins with it.
  peer.answer({tombstone(revision(9, "a")), tombstone(revision(2, "c"))}, {});
  CHECK(!peer.asked());
  CHECK(peer.shared.held == held);
  CHECK(peer.shared.out.batches.empty());
  peer.answer({tombstone(revision(2, "c"))}, {});
  CHECK(peer.shared.fetched == 1);
}

TEST_CASE("of a document that goes on for ever no more is held than there is room for") {
  asking_node peer({revision(1, "a")});
  const std::string body = body_of(1'000'000, 1);
  uint32_t number = 1'000'000;
  const auto answer_all = [&] {
    int answers = 0;
    for (; peer.asked() && answers < 100; ++answers, --number)
      peer.answer_body(revision(number, "x"), body, revision(number, "x"));
    return answers;
  };
  CHECK(answer_all() < 20);
  CHECK(peer.shared.held < defaults::fetched_bytes + 2 * body.size());
  peer.apply_all();
  CHECK(answer_all() > 2); // there is room again
  SUBCASE("it is not gone on with when it is above a limit") {
    peer.apply_all({"d"});
    CHECK(!peer.asked());
    CHECK(peer.shared.refused == std::vector<std::string>{"b/d"});
    CHECK(peer.following().due() > peer.now); // nothing is left that is due
    peer.answer_body(revision(number, "x"), body, revision(number, "x"));
    CHECK(!peer.asked());
    peer.apply_all();
    CHECK(peer.shared.held == 0);
    CHECK(peer.following().caught_up());
  }
  SUBCASE("what is being applied is counted until the answer comes, though the session ends") {
    const uint64_t applied = peer.shared.out.batches.size() * body.size();
    REQUIRE(applied > 0);
    peer.following().begin_session(peer.now);
    CHECK(peer.shared.held >= applied);
    peer.apply_all();
    CHECK(peer.shared.held == 0);
    CHECK(peer.shared.applying.empty());
  }
}

TEST_CASE("documents that nobody asked for, and parts of them, are not held") {
  asking_node peer({revision(1, "a")});
  REQUIRE(peer.asked());
  const uint64_t held = peer.shared.held;
  const replicated_document other = one_leaf("other", 1, body_of(500'000, 1));
  peer.deliver({"other", other.tree.encode(), {{nth(1), 9, other.bodies[0].body}}, {}});
  CHECK(!peer.shared.useful);
  peer.give(nth(1), "{}");
  CHECK(peer.shared.held == held);
  CHECK(peer.shared.out.batches.empty());
  // Neither is the same one twice in one frame.
  documents twice;
  twice.bucket = "b";
  for (int n = 0; n < 2; ++n) {
    const auto made = one_leaf("d", revision(1, "a"), std::nullopt);
    twice.items.push_back({"d", made.tree.encode(), {}, revision(1, "a")});
  }
  peer.following().delivered(std::move(twice), peer.now);
  CHECK(peer.shared.rejected == 0);
  const auto next = peer.asked();
  REQUIRE(next);
  CHECK(next->documents.size() == 1);
}

TEST_CASE("bodies of what is no leaf, and two of one, are refused before any is asked for") {
  asking_node peer({revision(2, "a")});
  REQUIRE(peer.asked());
  SUBCASE("twice") { peer.answer_sizes({{revision(2, "a"), 100}, {revision(2, "a"), 100}}); }
  SUBCASE("of no node") {
    const auto made = one_leaf("d", revision(2, "a"), std::nullopt);
    peer.deliver({"d", made.tree.encode(), {{revision(3, "b"), 100, std::nullopt}}, {}});
  }
  SUBCASE("of a tombstone") {
    const auto made = one_leaf("d", revision(2, "a"), std::nullopt);
    peer.deliver({"d", made.tree.encode(), {{revision(2, "a"), 100, std::nullopt}}, {}});
  }
  CHECK(peer.shared.rejected == 1);
  CHECK(!peer.asked_part());
  CHECK(peer.shared.held == 0);
}

// Room for several buckets
// -------------------------------------------------------------------------------------------------

TEST_CASE("requests count before they are answered, and one may always be made, in turn") {
  asking_node peer;
  constexpr int count = 30;
  const auto name = [](int n) { return "b" + std::to_string(100 + n); };
  for (int n = 0; n < count; ++n) peer.tell({revision(1, "a")}, name(n));
  std::set<std::string> asked;
  const auto gather = [&] {
    for (int n = 0; n < count; ++n)
      if (peer.asked(name(n))) asked.insert(name(n));
  };
  gather();
  CHECK(asked.size() >= 4);
  CHECK(asked.size() <= 8);
  // Much is held that waits: one asks after the other.
  held_bytes waiting(peer.shared.held);
  waiting.add(defaults::crowded_bytes);
  size_t most = 0;
  for (int round = 0; round < 4 * count && asked.size() < count; ++round) {
    const size_t before = asked.size();
    for (const std::string& one : std::set<std::string>(asked))
      peer.answer({tombstone(revision(1, "a"))}, {}, one); // those that are answered ignore it
    peer.apply_all();
    peer.shared.crowded = false; // as the link does
    const int first = std::stoi(peer.shared.turn.substr(1)) - 100 + 1;
    for (int n = 0; n < count; ++n) peer.following(name((first + n) % count)).use_room(peer.now);
    gather();
    most = std::max(most, asked.size() - before);
  }
  CHECK(asked.size() == count);
  CHECK(most == 1);
}

TEST_CASE("a document of large bodies does not keep another bucket from its own") {
  asking_node peer;
  const std::string large = body_of(8'000'000, 1);
  const auto next = [&](int n) { return revision(static_cast<uint32_t>(100 - n), "x"); };
  peer.tell({revision(1, "a")}, "a");
  REQUIRE(peer.asked("a"));
  peer.answer_sizes({{next(0), large.size()}}, next(0), "a");
  REQUIRE(peer.asked_part("a"));
  peer.give(next(0), large, "a"); // is being applied
  REQUIRE(peer.asked("a"));
  peer.answer_sizes({{next(1), large.size()}}, next(1), "a");
  REQUIRE(peer.asked_part("a"));
  CHECK(peer.shared.held > 15'000'000);
  peer.tell({revision(1, "a")}, "z");
  REQUIRE(peer.asked("z"));
  peer.answer_sizes({{revision(1, "a"), large.size()}}, {}, "z");
  CHECK(peer.asked_part("z"));
  // And the first one goes on when what it has brought is applied.
  peer.give(next(1), large, "a");
  CHECK(!peer.asked("a"));
  peer.apply_all();
  CHECK(peer.asked("a"));
}

TEST_CASE("where only one request has room the buckets take turns") {
  asking_node peer;
  held_bytes waiting(peer.shared.held);
  waiting.add(defaults::crowded_bytes);
  peer.tell({revision(1, "a")}, "a");
  CHECK(peer.asked("a"));
  peer.tell({revision(1, "a")}, "b");
  CHECK(!peer.asked("b"));
  peer.answer({tombstone(revision(9, "x"))}, revision(9, "x"), "a");
  CHECK(!peer.asked("a"));     // there is more of it, but the other one waits
  peer.shared.crowded = false; // as the link does
  peer.following("b").use_room(peer.now);
  CHECK(peer.asked("b"));
}

TEST_CASE("where only one body has room the buckets take turns") {
  asking_node peer;
  held_bytes waiting(peer.shared.held);
  waiting.add(defaults::crowded_bytes - 3 * defaults::answer_bytes);
  const std::string body = body_of(2'000'000, 1);
  const revision first(9, "x");
  const revision second(8, "x");
  for (const std::string name : {"a", "b"}) {
    peer.tell({revision(1, "a")}, name);
    REQUIRE(peer.asked(name));
    if (name == "b") waiting.add(4 * defaults::answer_bytes);
    peer.answer_sizes({{first, body.size()}, {second, body.size()}}, {}, name);
  }
  CHECK(peer.asked_part("a"));
  CHECK(!peer.asked_part("b"));
  CHECK(peer.shared.crowded);
  peer.give(first, body, "a");
  CHECK(!peer.asked_part("a"));
  peer.shared.crowded = false; // as the link does
  peer.following("b").use_room(peer.now);
  peer.following("a").use_room(peer.now);
  CHECK(peer.asked_part("b"));
  CHECK(!peer.asked_part("a"));
}

// What is read for an answer
// -------------------------------------------------------------------------------------------------

TEST_CASE("of the bodies that both sides have a bounded number of bytes is read at once") {
  linked_node node("a", 1);
  constexpr int count = 10;
  constexpr size_t bytes = 8'000'000;
  for (int n = 0; n < count; ++n) plant(node, one_leaf("x", n, body_of(bytes, n)));
  const bucket_info bucket = *node.rows->find_bucket("b");
  const auto rows = node.local->latest();
  const auto here = read_local(*rows, bucket.number, "x");
  fetch_documents asked;
  asked.bucket = "b";
  fetch_documents::item& one = asked.documents.emplace_back();
  one.id = "x";
  REQUIRE(list_leaves(*rows, bucket.number, "x", **here, one));
  CHECK(one.elsewhere.size() == defaults::named_bytes / bytes + 1);
  link_context shared;
  shared.rows = node.local.get();
  size_t leaves = 0;
  size_t answers = 0;
  for (bool more = true; more && answers < 10; ++answers) {
    serve_documents(shared, bucket, asked);
    const auto answer =
        decode_frame(std::exchange(shared.out.frames, {}).at(0), defaults::frame_bytes);
    const auto& sent = std::get<documents>(answer->content).items.at(0);
    const size_t part = revision_tree::decode(sent.tree)->leaf_count();
    CHECK(part <= defaults::compared_bytes / bytes + 1);
    CHECK(sent.bodies.empty());
    leaves += part;
    more = !sent.next.empty();
    one = {"x", {}, {}, sent.next};
    REQUIRE(list_leaves(*rows, bucket.number, "x", **here, one));
  }
  CHECK(leaves == count);
  CHECK(answers == 2);
  // Of several documents, too, the peer asks for the rest.
  plant(node, one_leaf("y", 1, "{}"));
  one = {"x", {}, {}, {}};
  REQUIRE(list_leaves(*rows, bucket.number, "x", **here, one));
  asked.documents.push_back({"y", {}, {}, {}});
  serve_documents(shared, bucket, asked);
  const auto cut = decode_frame(shared.out.frames.at(0), defaults::frame_bytes);
  CHECK(std::get<documents>(cut->content).items.size() == 1);
}

TEST_CASE("where nothing comes after the place that is asked from, the answer names that place") {
  linked_node node("a", 1);
  plant(node, one_leaf("x", 5, "{}"));
  link_context shared;
  shared.rows = node.local.get();
  fetch_documents asked;
  asked.bucket = "b";
  asked.documents.push_back({"x", {}, {}, nth(5)});
  asked.documents.push_back({"none", {}, {}, nth(7)});
  serve_documents(shared, *node.rows->find_bucket("b"), asked);
  const auto answer = decode_frame(shared.out.frames.at(0), defaults::frame_bytes);
  const auto& items = std::get<documents>(answer->content).items;
  REQUIRE(items.size() == 2);
  CHECK(items[0].tree.empty());
  CHECK(items[0].next == nth(5));
  CHECK(items[1].tree.empty());
  CHECK(items[1].next == nth(7));
}

// What changes meanwhile
// -------------------------------------------------------------------------------------------------

namespace {

/// A document of large conflicts on its way from `a` to `b`, slowly.
struct slow_world : link_world {
  static constexpr int count = 8;
  static constexpr size_t bytes = 1'500'000;
  size_t parts = 0;

  slow_world() {
    delay = ticks(20);
    for (int n = 10; n < 10 + count; ++n) plant(a, one_leaf("x", n, body_of(bytes, n)));
    passes = [this](const std::string& passing) {
      const auto opened = decode_frame(passing, defaults::frame_bytes);
      if (opened && std::holds_alternative<part>(opened->content)) ++parts;
      return true;
    };
    run_until([this] { return parts >= 8; });
    REQUIRE(!same("b"));
  }
  template<class Reached>
  void run_until(Reached reached) {
    for (int n = 0; n < 2000 && !reached(); ++n) run(ticks(10));
  }
  /// The live leaf becomes another one, or a tombstone.
  void edit(int n, std::optional<std::string> body) {
    replicated_document made;
    made.id = "x";
    const revision rev(2, "e" + std::to_string(n));
    made.tree.add(nth(n), {}, false, true);
    made.tree.add(rev, nth(n), !body, true);
    if (body) made.bodies.push_back({rev, std::move(*body)});
    plant(a, made);
  }
  void check_end() {
    a.link->advanced(a.rows->find_bucket("b")->number, now);
    run_until([this] { return same("b"); });
    run(ticks(1000));
    CHECK(same("b"));
    const auto number = [](const linked_node& of) { return of.rows->find_bucket("b")->number; };
    const auto there = *a.rows->latest().full_tree(number(a), "x");
    CHECK(*b.rows->latest().full_tree(number(b), "x") == there);
    for (const auto& node : there.leaves())
      if (!node.deleted) CHECK(b.body("b", "x", node.rev) == a.body("b", "x", node.rev));
    for (linked_node* node : {&a, &b}) {
      CHECK(node->link->status(now).rejected == 0);
      CHECK(node->link->status(now).held_bytes == 0);
    }
    CHECK(b.stored_checkpoint("b", a).sequence == a.state("b").sequence);
  }
};

} // namespace

TEST_CASE("what changes in a document on its way arrives, too") {
  slow_world world;
  SUBCASE("leaves that came, and that are still to come, are replaced") {
    world.edit(10, body_of(5000, 1));
    world.edit(16, body_of(5000, 2));
    world.edit(17, body_of(3'000'000, 3));
  }
  SUBCASE("all that are still to come are deleted") {
    for (int n = 10; n < 17; ++n) world.edit(n, std::nullopt);
  }
  SUBCASE("new conflicts come, before and after where it is") {
    plant(world.a, one_leaf("x", 1, body_of(2'000'000, 4)));
    plant(world.a, one_leaf("x", 99, body_of(2'000'000, 5)));
  }
  SUBCASE("it is resolved") {
    for (int n = 10; n < 18; ++n) world.edit(n, std::nullopt);
    plant(world.a, one_leaf("x", revision(3, "one"), "{}"));
  }
  SUBCASE("the receiver changes it") { plant(world.b, one_leaf("x", 14, body_of(9, 1))); }
  world.check_end();
}

TEST_CASE("after a new session what came of a document is not sent again") {
  slow_world world;
  const size_t before = world.parts;
  world.a.link->lost(world.now);
  world.b.link->lost(world.now);
  world.late.clear();
  world.check_end();
  // Two parts each; one body was on its way, and one not applied, maybe.
  CHECK(world.parts - before <= 2 * (slow_world::count - before / 2 + 2));
}

TEST_CASE("a bucket that is dropped while its documents are applied leaves nothing held") {
  slow_world world;
  bool dropped = false;
  world.b.applies = [&](const apply_batch&) {
    if (std::exchange(dropped, true)) return;
    REQUIRE(world.b.rows->drop_bucket("b"));
    world.b.refuse_batches = ec::not_found;
    world.b.link->tick(world.now); // the link forgets it before the answer comes
    world.passes = [](const std::string&) { return false; };
  };
  world.run_until([&] { return dropped; });
  CHECK(world.b.link->status(world.now).held_bytes == 0);
}

namespace {

bool all_same(const link_world& world, int buckets) {
  for (int n = 0; n < buckets; ++n)
    if (!world.same("b" + std::to_string(n))) return false;
  return true;
}

} // namespace

TEST_CASE("many buckets with large documents arrive, with few of them on their way") {
  link_world world;
  world.delay = ticks(5);
  constexpr int count = 40;
  for (int n = 0; n < count; ++n)
    plant(world.a, one_leaf("x", n, body_of(900'000, n)), {}, "b" + std::to_string(n));
  int open = 0;
  int most = 0;
  world.passes = [&](const std::string& passing) {
    const auto opened = decode_frame(passing, defaults::frame_bytes);
    if (std::holds_alternative<fetch_documents>(opened->content)) most = std::max(most, ++open);
    if (std::holds_alternative<documents>(opened->content)) --open;
    return true;
  };
  for (int n = 0; n < 100 && !all_same(world, count); ++n) world.run(ticks(100));
  for (int n = 0; n < count; ++n) CHECK(world.same("b" + std::to_string(n)));
  CHECK(most <= 8);
  CHECK(world.b.link->status(world.now).held_bytes == 0);
}

TEST_CASE("buckets that hold much go on one after the other, and all arrive") {
  link_world world;
  world.delay = ticks(5);
  constexpr int count = 16;
  for (int n = 0; n < count; ++n) {
    const std::string name = "b" + std::to_string(n);
    plant(world.a, one_leaf("x", n, body_of(900'000, n)), {}, name); // the others wait for it
    for (int i = 0; i < 60; ++i) world.a.put(name, "d" + std::to_string(i), body_of(60'000, i));
  }
  world.passes = [&](const std::string& passing) {
    const auto opened = decode_frame(passing, defaults::frame_bytes);
    return world.now > ticks(3000) || !std::holds_alternative<documents>(opened->content);
  };
  world.run(ticks(3000));
  CHECK(world.b.link->status(world.now).held_bytes > defaults::crowded_bytes);
  for (int n = 0; n < 200 && !all_same(world, count); ++n) world.run(ticks(100));
  for (int n = 0; n < count; ++n) CHECK(world.same("b" + std::to_string(n)));
  CHECK(world.b.link->status(world.now).held_bytes == 0);
}

} // namespace treadmill::replication
