#include "net/replication/link_claims.hpp"
#include "net/replication/link_following.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <doctest/doctest.h>

/// What two nodes are told differently of one revision.
namespace treadmill::replication {

using test::link_world;
using test::linked_node;

namespace {

replicated_document told(const revision& rev, const revision& parent,
                         std::optional<std::string> body, bool foreign = true) {
  replicated_document made;
  made.id = "d";
  made.tree.add(rev, parent, !body, foreign);
  if (body) made.bodies.push_back({rev, *body});
  return made;
}

void import(linked_node& to, const replicated_document& document) {
  bucket_core& core = to.core("b");
  REQUIRE(check_replicated(document, {}));
  REQUIRE(core.merge(document));
  to.commit(core);
  if (to.link) to.link->advanced(to.rows->find_bucket("b")->number, to.now);
}

revision_tree tree_of(const linked_node& of) {
  return of.rows->latest().full_tree(of.rows->find_bucket("b")->number, "d").value();
}

void check_same(const link_world& w) {
  CHECK(w.same("b"));
  const revision_tree tree = tree_of(w.a);
  CHECK(tree == tree_of(w.b));
  for (const auto& leaf : tree.leaves())
    CHECK(w.a.body("b", "d", leaf.rev) == w.b.body("b", "d", leaf.rev));
  for (const linked_node* node : {&w.a, &w.b}) {
    const link_status status = node->link->status(w.now);
    CHECK(status.state == link_state::live);
    CHECK(status.rejected == 0);
    CHECK(status.rescans == 0); // it was seen as it came by
  }
}

const revision abc(1, "abc");
const std::string small = R"({"v":1})";
const std::string large = R"({"v":2})";

} // namespace

TEST_CASE(
    "two bodies, parents, or a body and a tombstone for one revision end the same on both sides") {
  struct pair {
    replicated_document here{};
    replicated_document there{};
  };
  const revision x(2, "x");
  const revision own = make_revision({}, false, R"({"pay":100})");
  const std::vector<pair> pairs{
      {told(abc, {}, small), told(abc, {}, large)},
      {told(abc, {}, small), told(abc, {}, std::nullopt)},
      {told(x, revision(1, "a"), small), told(x, revision(1, "b"), small)},
      {told(x, {}, small), told(x, revision(1, "b"), std::nullopt)},
      {told(own, {}, R"({"pay":100})", false), told(own, {}, R"({"pay":999999})")},
      {told(own, {}, R"({"pay":100})", false), told(own, {}, std::nullopt)}};
  for (const bool apart : {true, false}) { // else the second comes where the first is known
    for (const pair& of : pairs) {
      for (const bool swapped : {false, true}) {
        link_world w;
        if (!apart) w.run();
        import(swapped ? w.b : w.a, of.here);
        if (!apart) w.run();
        import(swapped ? w.a : w.b, of.there);
        w.run(ticks(5000));
        check_same(w);
        CHECK(w.a.state("b").sequence + w.b.state("b").sequence <= 4);
      }
    }
  }
}

TEST_CASE("the honest write holds on both sides, whichever side was lied to") {
  for (const bool forged_here : {false, true}) {
    link_world w;
    w.a.put("b", "d", R"({"n":1})");
    w.run();
    const revision first = w.a.winner("b", "d");
    const revision second = make_revision(first, false, R"({"pay":100})");
    import(forged_here ? w.a : w.b, told(second, {}, R"({"pay":999999})"));
    w.passes = [](const std::string&) { return false; };
    write_op op;
    op.id = "d";
    op.rev = first;
    op.body = R"({"pay":100})";
    REQUIRE(w.a.write("b", op).rev == second);
    w.passes = nullptr;
    w.run(ticks(8000));
    check_same(w);
    CHECK(w.b.body("b", "d", second) == R"({"pay":100})");
    CHECK(!tree_of(w.b).find(second)->foreign);
  }
}

TEST_CASE("a leaf is told although the newest entry of its document names only an ancestor") {
  link_world w;
  w.b.put("b", "d", small);
  const revision first = w.b.winner("b", "d");
  const revision second = make_revision(first, false, large);
  import(w.a, told(second, first, large, false));
  import(w.a, told(first, {}, small, false)); // superseded by `second`, but new to this tree
  REQUIRE(w.a.winner("b", "d") == second);
  w.run(ticks(8000));
  check_same(w);
  CHECK(w.b.winner("b", "d") == second);
}

TEST_CASE("what was made elsewhere and is the same on both sides is not fetched again") {
  link_world w;
  for (linked_node* node : {&w.a, &w.b}) {
    import(*node, told(abc, {}, small));
    import(*node, told(revision(1, "gone"), {}, std::nullopt));
    import(*node, told(revision(2, "child"), revision(1, "parent"), large));
  }
  w.run();
  check_same(w);
  CHECK(w.a.link->status(w.now).fetched == 0);
  CHECK(w.b.link->status(w.now).fetched == 0);
}

TEST_CASE("of a document that is fetched only those bodies come that are not the same here") {
  link_world w;
  size_t bodies = 0;
  w.passes = [&](const std::string& bytes) {
    const auto read = decode_frame(bytes, bytes.size() * 100);
    if (const auto* sent = std::get_if<documents>(&read->content))
      for (const auto& item : sent->items) bodies += item.bodies.size();
    return true;
  };
  for (linked_node* node : {&w.a, &w.b}) {
    import(*node, told(revision(1, "same"), {}, small));
    import(*node, told(abc, {}, node == &w.a ? small : large));
  }
  w.run();
  check_same(w);
  CHECK(w.a.link->status(w.now).fetched == 1);
  CHECK(w.b.link->status(w.now).fetched == 1);
  CHECK(bodies == 2); // that of `abc`, once in each direction
}

TEST_CASE(
    "a document whose claims a newer entry changes while it is on its way is asked for again") {
  linked_node node("a", 1);
  const bucket_info bucket = *node.rows->create_bucket("b");
  link_context shared;
  shared.rows = node.local.get();
  shared.options.random = [] { return 1; };
  following followed(shared, bucket, checkpoint{});
  followed.announced({"b", hash128{1}, 2, {}}, ticks(0));
  const auto stretch = [&](uint64_t sequence, const std::string& body, bool inlined) {
    activity made;
    made.bucket = "b";
    made.stream = shared.streams;
    made.log_id = hash128{1};
    made.after = sequence - 1;
    made.through = sequence;
    made.last = 2;
    peer_change change;
    change.rev = abc;
    change.foreign = true;
    change.claim = claim_of({}, false, body);
    if (inlined) change.body = body;
    made.entries.push_back({sequence, "d", {change}});
    return made;
  };
  followed.taken_in(stretch(1, small, true), ticks(1));
  CHECK(followed.documents_on_their_way() == 1);
  shared.out.frames.clear();
  followed.taken_in(stretch(2, large, false), ticks(2)); // the first is not applied
  REQUIRE(shared.out.frames.size() == 1);
  const auto asked = decode_frame(shared.out.frames.front(), 100'000);
  CHECK(std::get<fetch_documents>(asked->content).documents.front().id == "d");
}

TEST_CASE("claims are compared where both sides have them, and what Treadmill made holds") {
  const hash128 one = claim_of({}, false, small);
  const hash128 other = claim_of({}, false, large);
  peer_change change;
  change.rev = abc;
  change.claim = one;
  CHECK(agrees(change, {abc, {}, true, one}));
  CHECK(!agrees(change, {abc, {}, true, other}));
  CHECK(agrees(change, {abc, {}, true, std::nullopt})); // it is superseded here
  change.claim.reset();                                 // an older node
  CHECK(agrees(change, {abc, {}, true, other}));
  change.rev = revision(2, "x");
  change.parent = revision(1, "a");
  CHECK(!agrees(change, {change.rev, revision(1, "b"), true, std::nullopt}));
  CHECK(!agrees(change, {change.rev, {}, true, std::nullopt}));
  change.parent = {};
  CHECK(agrees(change, {change.rev, revision(1, "b"), true, std::nullopt}));
  change.rev = make_revision({}, false, small);
  CHECK(!agrees(change, {change.rev, {}, true, other})); // Treadmill's own there
  change.foreign = true;
  CHECK(agrees(change, {change.rev, {}, false, std::nullopt})); // and here
}

} // namespace treadmill::replication
