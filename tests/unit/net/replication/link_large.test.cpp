#include "net/replication/link_context.hpp"
#include "net/replication/link_following.hpp"
#include "net/replication/link_serving.hpp"
#include "net/replication/peer_frames.hpp"
#include "storage/documents/query_definition.hpp"
#include "tests/unit/net/replication/asking_node.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <doctest/doctest.h>

/// Documents that are large in bodies, leaves or ancestry.
namespace treadmill::replication {
namespace {

using test::body_of;
using test::link_world;
using test::linked_node;
using test::one_leaf;
using test::plant;

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
    for (int n = 0; n < count; ++n) plant(world.a, one_leaf("x", n, body_of(bytes, n)));
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
    plant(world.a,
          one_leaf("d" + std::to_string(n), n, body_of(700'000, n))); // too large to go along
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
  for (int n = 0; n < 4; ++n) plant(world.a, one_leaf("x", n, body_of(900'000, n)));
  link_context shared;
  shared.rows = world.a.local.get();
  const bucket_info bucket = *world.a.rows->find_bucket("b");
  fetch_documents asked;
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

TEST_CASE("leaves that came already are not named again") {
  linked_node node("a", 1);
  for (int n = 0; n < 5; ++n) plant(node, one_leaf("x", n, body_of(10, n)));
  const uint32_t bucket = node.rows->find_bucket("b")->number;
  const auto rows = node.local->latest();
  const auto here = read_local(*rows, bucket, "x");
  fetch_documents::item asked;
  asked.id = "x";
  asked.after = revision(1, "l1000002");
  REQUIRE(list_leaves(*rows, bucket, "x", **here, asked));
  REQUIRE(asked.elsewhere.size() == 2);
  CHECK(asked.elsewhere[0].rev == revision(1, "l1000001"));
}

} // namespace treadmill::replication
