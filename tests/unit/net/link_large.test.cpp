#include "net/link_context.hpp"
#include "net/link_following.hpp"
#include "net/link_serving.hpp"
#include "net/peer_frames.hpp"
#include "storage/query_definition.hpp"
#include "tests/unit/net/link_world.hpp"
#include <doctest/doctest.h>

/// Documents that are large in bodies, leaves or ancestry.
namespace treadmill::replication {
namespace {

using test::link_world;
using test::linked_node;

/// A leaf of its own, made elsewhere; a tombstone without a body.
replicated_document leaf(const std::string& id, int n, std::optional<std::string> body) {
  replicated_document made;
  made.id = id;
  const revision rev(1, "l" + std::to_string(1'000'000 + n));
  made.tree.add(rev, {}, !body, true);
  if (body) made.bodies.push_back({rev, std::move(*body)});
  return made;
}

replicated_document tombstones(const std::string& id, int from, int count) {
  replicated_document made;
  made.id = id;
  std::vector<revision_tree::node> nodes;
  for (int n = from; n < from + count; ++n) {
    auto& node = nodes.emplace_back();
    node.rev = revision(1, "t" + std::to_string(1'000'000 + n));
    node.deleted = node.foreign = true;
  }
  made.tree = revision_tree::of(std::move(nodes));
  return made;
}

void plant(linked_node& node, const replicated_document& document,
           const tree_limits& limits = {100'000, 1'000'000}) {
  const auto merged = node.core("b").merge(document, limits);
  REQUIRE_MESSAGE(merged, merged.error().reason);
  node.commit(node.core("b"));
}

std::string body_of(size_t bytes, int n) {
  return R"({"text":")" + std::string(bytes, static_cast<char>('a' + n % 26)) + "\"}";
}

/// Watches what documents on their way have in them.
struct largest_part {
  size_t nodes = 0;
  size_t bodies = 0;
  size_t answers = 0;
  explicit largest_part(link_world& world) {
    world.passes = [this](const std::string& bytes) {
      const auto opened = decode_frame(bytes, defaults::frame_bytes);
      REQUIRE(opened);
      const auto* sent = std::get_if<documents>(&opened->content);
      if (sent == nullptr) return true;
      ++answers;
      for (const auto& item : sent->items) {
        const auto tree = revision_tree::decode(item.tree);
        REQUIRE(tree);
        nodes = std::max(nodes, tree->nodes().size());
        bodies = std::max(bodies, item.bodies.size());
      }
      return true;
    };
  }
};

} // namespace

TEST_CASE("a document with many large conflicting bodies arrives one of them after the other") {
  for (const size_t bytes : {size_t{300'000}, size_t{2'500'000}}) {
    link_world world;
    constexpr int count = 12;
    for (int n = 0; n < count; ++n) plant(world.a, leaf("x", n, body_of(bytes, n)));
    world.a.put("b", "after", "{}");
    size_t largest = 0; // batch that the follower has applied
    world.b.applies = [&](const apply_batch& batch) {
      size_t all = 0;
      for (const auto& document : batch.documents)
        for (const auto& body : document.bodies) all += body.body.size();
      largest = std::max(largest, all);
      CHECK((batch.reached.has_value() || !batch.documents.empty()));
    };
    world.run(ticks(20'000));
    CHECK(world.same("b"));
    CHECK(largest <= 2 * defaults::documents_bytes + bytes);
    for (int n = 0; n < count; ++n) {
      const revision rev(1, "l" + std::to_string(1'000'000 + n));
      CHECK(world.b.body("b", "x", rev) == body_of(bytes, n));
    }
    CHECK(world.b.stored_checkpoint("b", world.a).sequence == world.a.state("b").sequence);
    CHECK(world.b.link->status(world.now).rejected == 0);
    CHECK(world.a.link->status(world.now).rejected == 0);
  }
}

TEST_CASE("many large documents of one stretch of the log are applied as they come") {
  link_world world;
  world.a.core("b");
  for (int n = 0; n < 30; ++n) {
    plant(world.a, leaf("d" + std::to_string(n), n, body_of(700'000, n))); // too large to go along
  }
  size_t largest = 0;
  world.b.applies = [&](const apply_batch& batch) {
    largest = std::max(largest, batch.documents.size());
  };
  world.run(ticks(10'000));
  CHECK(world.same("b"));
  CHECK(largest <= 3);
  CHECK(world.b.link->status(world.now).rejected == 0);
}

TEST_CASE("a document with many leaves and long ancestry arrives in parts that a frame can list") {
  link_world world;
  const largest_part seen(world);
  plant(world.a, tombstones("wide", 0, 9000));
  // A line of edits with leaves beside it, each of which keeps the edits before it.
  replicated_document deep;
  deep.id = "deep";
  std::vector<revision_tree::node> nodes;
  revision parent;
  for (uint32_t n = 1; n <= 12'000; ++n) {
    auto& node = nodes.emplace_back();
    node.rev = revision(n, "e" + std::to_string(n));
    node.parent = parent;
    node.foreign = true;
    parent = node.rev;
    if (n % 900 != 0) continue;
    auto& left = nodes.emplace_back();
    left.rev = revision(n + 1, "left" + std::to_string(n));
    left.parent = parent;
    left.deleted = left.foreign = true;
  }
  deep.tree = revision_tree::of(nodes);
  REQUIRE(deep.tree.nodes().size() > 12'000);
  deep.bodies.push_back({parent, "{}"});
  plant(world.a, deep);
  world.a.put("b", "after", "{}");
  world.run(ticks(10'000));
  CHECK(world.same("b"));
  CHECK(seen.answers >= 4);
  CHECK(seen.nodes <= defaults::part_nodes);
  const auto number = world.b.rows->find_bucket("b")->number;
  CHECK(*world.b.rows->latest().full_tree(number, "deep") == deep.tree);
  CHECK(world.b.rows->latest().full_tree(number, "wide")->leaf_count() == 9000);
  CHECK(world.b.link->status(world.now).rejected == 0);
  // What comes later is taken in as well.
  plant(world.a, tombstones("wide", 9000, 10));
  world.a.link->advanced(world.a.rows->find_bucket("b")->number, world.now);
  world.run();
  CHECK(world.same("b"));
}

TEST_CASE("a document above the limit of leaves is named, and does not hold up the others") {
  link_world world;
  for (int from = 0; from < 40'000; from += 8000) plant(world.a, tombstones("x", from, 8000));
  world.a.put("b", "after", "{}");
  world.run(ticks(10'000));
  CHECK(world.b.winner("b", "after") == world.a.winner("b", "after"));
  auto shown = world.b.link->status(world.now);
  REQUIRE(shown.refused.size() == 1);
  CHECK(shown.refused[0] == "b/x");
  CHECK(shown.rejected == 0);
  CHECK(shown.behind == 0);
  const uint64_t fetched = shown.fetched;
  // It is not fetched again and again.
  for (int n = 0; n < 5; ++n) {
    plant(world.a, tombstones("x", 50'000 + n, 1));
    world.a.put("b", "after" + std::to_string(n), "{}");
    world.run(ticks(500));
    CHECK(world.b.winner("b", "after" + std::to_string(n)) != revision());
  }
  CHECK(world.b.link->status(world.now).fetched == fetched);
}

TEST_CASE("a definition that no client could make here is named, and does not hold up the others") {
  link_world world;
  const std::string body =
      definition_body({"d=>1//" + std::string(::treadmill::defaults::function_bytes, 'x'), {}});
  for (const std::string& id : {query_document_id("large"), query_document_id("edited")}) {
    replicated_document made;
    made.id = id;
    const revision rev = make_revision({}, false, body);
    made.tree.add(rev, {}, false);
    made.bodies.push_back({rev, body});
    plant(world.a, made);
  }
  world.a.put("b", "after", "{}");
  world.run();
  CHECK(world.b.winner("b", "after") == world.a.winner("b", "after"));
  CHECK(world.b.link->status(world.now).refused.size() == 2);
  CHECK(world.b.link->status(world.now).rejected == 0);
  CHECK(world.b.state("b").queries == 0);
}

TEST_CASE("a node of an older build is told the whole document, and sizes it can refuse") {
  link_world world;
  for (int n = 0; n < 4; ++n) plant(world.a, leaf("x", n, body_of(900'000, n)));
  link_context shared;
  shared.rows = world.a.local.get();
  const bucket_info bucket = *world.a.rows->find_bucket("b");
  want asked;
  asked.bucket = "b";
  asked.documents.push_back({"x", {revision(1, "l1000001")}, {}, {}});
  asked.in_parts = false;
  serve_documents(shared, bucket, asked);
  REQUIRE(shared.out.frames.size() == 1);
  const auto answer = decode_frame(shared.out.frames[0], defaults::frame_bytes);
  const auto& sent = std::get<documents>(answer->content).items.at(0);
  CHECK(revision_tree::decode(sent.tree)->leaf_count() == 4);
  CHECK(sent.next.empty());
  REQUIRE(sent.bodies.size() == 3);
  for (const auto& body : sent.bodies) CHECK(body.size == body_of(900'000, 0).size());
  CHECK(sent.bodies[0].body.has_value());
  CHECK(!sent.bodies[2].body.has_value());
}

namespace {

revision_tree::node late_leaf(const revision& rev) {
  revision_tree::node made;
  made.rev = rev;
  made.foreign = made.deleted = true;
  return made;
}

/// A node that follows, and a peer's answers to it.
struct asking {
  linked_node node{"a", 1};
  bucket_info bucket = *node.rows->create_bucket("b");
  link_context shared{};
  std::optional<following> followed{};

  /// The peer tells of these, which are made elsewhere, in one entry.
  explicit asking(const std::vector<revision>& told) {
    shared.rows = node.local.get();
    shared.options.random = [] { return 1; };
    followed.emplace(shared, bucket, checkpoint{});
    followed->announced({"b", hash128{1}, 1, {}}, ticks(0));
    activity logged;
    logged.bucket = "b";
    logged.stream = shared.streams;
    logged.log_id = hash128{1};
    logged.through = logged.last = 1;
    peer_entry& entry = logged.entries.emplace_back();
    entry.sequence = 1;
    entry.id = "d";
    for (const revision& rev : told) {
      peer_change& change = entry.changes.emplace_back();
      change.rev = rev;
      change.foreign = true;
    }
    followed->taken_in(std::move(logged), ticks(1));
  }
  void answer(std::vector<revision_tree::node> nodes, const revision& next) {
    documents made;
    made.bucket = "b";
    made.items.push_back({"d", revision_tree::of(std::move(nodes)).encode(), {}, next});
    followed->delivered(std::move(made), ticks(2));
  }
  /// The answer of an older node: the whole document, its bodies to be asked for.
  void answer_whole(const std::vector<std::pair<revision, uint64_t>>& sizes) {
    documents made;
    made.bucket = "b";
    documents::sent& item = made.items.emplace_back();
    item.id = "d";
    revision_tree tree;
    for (const auto& [rev, size] : sizes) {
      tree.add(rev, {}, false, true);
      item.bodies.push_back({rev, size, std::nullopt});
    }
    item.tree = tree.encode();
    followed->delivered(std::move(made), ticks(2));
  }
  void give(const revision& rev, const std::string& body) {
    followed->delivered(part{"b", "d", rev, 0, body.size(), body}, ticks(2));
  }
  /// What is asked for now, if anything is.
  std::optional<want> asked() {
    std::optional<want> found;
    for (const std::string& bytes : std::exchange(shared.out.frames, {})) {
      const auto opened = decode_frame(bytes, defaults::frame_bytes);
      if (const auto* one = std::get_if<want>(&opened->content)) found = *one;
    }
    return found;
  }
};

} // namespace

TEST_CASE("a document is fetched to its end, also what an earlier part had or what is forgotten") {
  const revision high(3000, "high");
  const revision middle(5, "middle");
  const revision low(2, "low");
  const revision forgotten(1, "forgotten");
  asking peer({high, middle, low, forgotten});
  REQUIRE(peer.asked());
  peer.answer({late_leaf(high)}, high);
  auto next = peer.asked();
  REQUIRE(next);
  CHECK(next->documents.at(0).after == high);
  CHECK(peer.shared.out.batches.empty());
  peer.answer({late_leaf(high)}, high); // the same once more: an older answer, late
  CHECK(!peer.asked());
  peer.answer({late_leaf(middle)}, middle);
  next = peer.asked();
  REQUIRE(next);
  CHECK(next->documents.at(0).after == middle);
  peer.answer({late_leaf(low)}, {});
  CHECK(!peer.asked());
  REQUIRE(peer.shared.out.batches.size() == 1);
  CHECK(peer.shared.out.batches[0].documents.size() == 3);
  CHECK(peer.shared.out.batches[0].reached->sequence == 1);
  CHECK(peer.shared.fetched == 1);
  CHECK(peer.shared.rejected == 0);
  CHECK(peer.shared.held > 0);
  peer.followed->applied(peer.shared.out.batches[0].ticket, ec::none, ticks(3));
  CHECK(peer.shared.held == 0);
  CHECK(peer.followed->caught_up());
}

TEST_CASE("a place to go on at that is none of what came is refused") {
  asking peer({revision(3, "a")});
  REQUIRE(peer.asked());
  peer.answer({late_leaf(revision(3, "a"))}, revision(9, "b"));
  CHECK(peer.shared.rejected == 1);
  CHECK(peer.shared.held == 0);
}

TEST_CASE("where what was to come is superseded meanwhile the document is asked for anew") {
  asking peer({revision(3, "a"), revision(2, "b")});
  REQUIRE(peer.asked());
  peer.answer({late_leaf(revision(3, "a"))}, revision(3, "a"));
  REQUIRE(peer.asked());
  peer.answer({}, {});
  const auto again = peer.asked();
  REQUIRE(again);
  CHECK(again->documents.at(0).after.empty());
  CHECK(peer.shared.rejected == 0);
}

TEST_CASE("of an older node's document each body goes on its way as it comes") {
  const revision one(3, "one");
  const revision other(2, "other");
  const std::string large = body_of(2'000'000, 1);
  asking peer({one, other});
  peer.answer_whole({{one, large.size()}, {other, 2}});
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
  for (const apply_batch& batch : std::exchange(peer.shared.out.batches, {})) {
    for (const replicated_document& document : batch.documents)
      CHECK(peer.node.core("b").merge(document));
    peer.followed->applied(batch.ticket, ec::none, ticks(3));
  }
  CHECK(peer.shared.held == 0);
  CHECK(peer.shared.assembled == 0);
  CHECK(peer.followed->caught_up());
}

TEST_CASE("of an older node's document with a body above a limit no more is asked for") {
  const revision one(3, "one");
  const revision other(2, "other");
  asking peer({one, other});
  peer.shared.options.limits.depth = 3;
  const std::string deep = R"({"a":[[[[[1]]]]]})";
  peer.answer_whole({{one, deep.size()}, {other, 2}});
  peer.give(one, deep);
  CHECK(peer.shared.refused == std::vector<std::string>{"b/d"});
  CHECK(peer.shared.rejected == 0);
  CHECK(peer.followed->caught_up());
  CHECK(peer.shared.held == 0);
}

TEST_CASE("leaves that came already are not named again") {
  linked_node node("a", 1);
  for (int n = 0; n < 5; ++n) plant(node, leaf("x", n, body_of(10, n)));
  const uint32_t bucket = node.rows->find_bucket("b")->number;
  const auto rows = node.local->latest();
  const auto here = read_local(*rows, bucket, "x");
  want::wanted asked;
  asked.id = "x";
  asked.after = revision(1, "l1000002");
  REQUIRE(list_leaves(*rows, bucket, "x", **here, asked));
  REQUIRE(asked.elsewhere.size() == 2);
  CHECK(asked.elsewhere[0].rev == revision(1, "l1000001"));
}

} // namespace treadmill::replication
