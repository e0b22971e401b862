#include "storage/documents/query_definition.hpp"
#include "tests/unit/storage/engine/local_bucket.hpp"
#include <algorithm>
#include <doctest/doctest.h>

/// What a bucket does not go beyond, whoever asks.
namespace treadmill {
namespace {

using bucket = tests::local_bucket;
using kind = write_op::kind;
using tests::op;
using tests::put;
using tests::remove;

/// A document of leaves that are tombstones, numbered from `from` on.
replicated_document tombstones(int from, size_t count, const std::string& id = "x") {
  replicated_document made;
  made.id = id;
  std::vector<revision_tree::node> nodes;
  for (size_t n = 0; n < count; ++n) {
    auto& leaf = nodes.emplace_back();
    leaf.rev = revision(1, "t" + std::to_string(from + static_cast<int>(n)));
    leaf.deleted = leaf.foreign = true;
  }
  made.tree = revision_tree::of(std::move(nodes));
  return made;
}

/// A line of edits, the last of them with its body.
replicated_document edits(int from, int to) {
  replicated_document made;
  made.id = "x";
  std::vector<revision_tree::node> nodes;
  revision parent;
  for (int n = 1; n <= to; ++n) {
    const std::string body = R"({"n":)" + std::to_string(n) + "}";
    const revision rev = make_revision(parent, false, body);
    if (n >= from) {
      auto& node = nodes.emplace_back();
      node.rev = rev;
      node.parent = parent;
    }
    if (n == to) made.bodies.push_back({rev, body});
    parent = rev;
  }
  made.tree = revision_tree::of(std::move(nodes));
  return made;
}

replicated_document created(const std::string& id) {
  replicated_document made;
  made.id = id;
  const revision rev = make_revision({}, false, "{}");
  made.tree.add(rev, {}, false);
  made.bodies.push_back({rev, "{}"});
  return made;
}

revision_tree tree_of(bucket& b, const std::string& id = "x") {
  b.check();
  return b.view().full_tree(b.number(), id).value();
}

} // namespace

TEST_CASE("a merge that would give a document more leaves than its limit changes nothing") {
  bucket b;
  constexpr tree_limits few{10, 1000};
  REQUIRE(b.core().merge(tombstones(0, 10), few));
  b.check();
  const bucket_state before = b.core().state();
  const auto refused = b.core().merge(tombstones(5, 10), few);
  REQUIRE(!refused);
  CHECK(refused.error().code == ec::too_large);
  CHECK(!b.core().dirty());
  CHECK(b.core().state() == before);
  CHECK(b.core().merge(tombstones(3, 5), few)->empty()); // all of it is known
  // What has more already, as of a larger limit, is merged as long as it gets no more.
  REQUIRE(b.core().merge(tombstones(10, 10), {20, 1000}));
  replicated_document child;
  child.id = "x";
  child.tree.add(revision(2, "c"), revision(1, "t3"), true, true);
  CHECK(b.core().merge(child, few));
  CHECK(b.check().size() == 3);
  CHECK(tree_of(b).leaf_count() == 20);
}

TEST_CASE("a merge that would give a tree more nodes than its limit changes nothing") {
  bucket b;
  REQUIRE(b.core().merge(edits(1, 150)));
  b.commit();
  const auto refused = b.core().merge(edits(100, 300), {10, 200});
  REQUIRE(!refused);
  CHECK(refused.error().code == ec::too_large);
  CHECK(!b.core().dirty());
  CHECK(b.core().merge(edits(100, 300), {10, 300}));
  CHECK(tree_of(b).nodes().size() == 300);
}

TEST_CASE("what brings more revisions than an entry has is logged as several") {
  bucket b;
  b.ok(put("other", "{}"));
  const auto logged = b.core().merge(tombstones(0, defaults::entry_changes * 2 + 1));
  REQUIRE(logged);
  b.ok(put("x", "{}"));
  const auto activity = b.check(); // holds log, marks and documents against each other
  REQUIRE(activity.size() == 5);
  size_t changes = 0;
  for (size_t i = 1; i < 4; ++i) {
    CHECK(activity[i].id == "x");
    CHECK(activity[i].deleted);
    CHECK(activity[i].changes.size() <= defaults::entry_changes);
    changes += activity[i].changes.size();
  }
  CHECK(changes == defaults::entry_changes * 2 + 1);
}

TEST_CASE("of a group that is undone nothing is left, of merges and writes") {
  bucket b;
  b.ok(put("x", R"({"n":1})"));
  b.check();
  b.ok(put("y", R"({"n":1})")); // not committed yet
  const bucket_state before = b.core().state();
  const size_t rows = b.core().overlay_rows();
  b.core().begin_group();
  REQUIRE(b.core().merge(tombstones(0, 5)));
  REQUIRE(b.core().merge(created("z")));
  b.ok(put("y", R"({"n":2})"));
  CHECK(b.core().in_group());
  b.core().undo_group();
  CHECK(b.core().state() == before);
  CHECK(b.core().overlay_rows() == rows);
  CHECK(b.check().size() == 2);
  CHECK(!tree_of(b, "y").nodes().empty());
  b.core().begin_group();
  REQUIRE(b.core().merge(created("z")));
  b.core().keep_group();
  CHECK(b.check().size() == 3);
}

TEST_CASE("a group that is undone after commits keeps no row that is stored") {
  bucket b;
  b.ok(put("a", R"({"n":1})"));
  b.ok(put("b", R"({"n":1})"));
  const auto first = b.take();
  b.ok(put("b", R"({"n":2})"));
  const auto second = b.take();
  b.core().begin_group();
  b.ok(put("a", R"({"n":3})"));
  b.ok(put("b", R"({"n":3})"));
  b.ok(put("b", R"({"n":4})"));
  b.ok(put("c", R"({"n":3})"));
  b.commit(first);
  b.core().undo_group();
  CHECK(b.core().overlay_rows() == 1); // "b" of the second batch
  b.commit(second);
  CHECK(b.core().overlay_rows() == 0);
  CHECK(b.check().size() == 3);
  CHECK(b.ok(put("a", R"({"n":2})")).number() == 2);
}

TEST_CASE("a bucket that has all its queries takes no more, from whomever") {
  bucket b;
  bucket_core core(b.number(), {}, [](std::string_view) { return std::nullopt; }, {.queries = 2});
  const std::string body = R"({"map":"d=>1"})";
  const auto define = [&](const std::string& name) {
    return core.apply(put(query_document_id(name), body));
  };
  CHECK(define("a").ok());
  CHECK(define("b").ok());
  CHECK(define("b").ok()); // again
  CHECK(define("c").problem.code == ec::too_large);
  replicated_document theirs;
  theirs.id = query_document_id("c");
  theirs.tree.add(make_revision({}, false, body), {}, false);
  theirs.bodies.push_back({make_revision({}, false, body), body});
  const auto merged = core.merge(theirs);
  REQUIRE(!merged);
  CHECK(merged.error().code == ec::too_large);
  CHECK(core.state().queries == 2);
  CHECK(core.apply(put("d", "{}")).ok());
  CHECK(core.apply(remove(query_document_id("a"))).ok());
  CHECK(core.merge(theirs));
}

TEST_CASE("an atomic group that makes more rows than may wait is refused as a whole") {
  bucket b;
  bucket_core core(b.number(), {}, [](std::string_view) { return std::nullopt; },
                   {.atomic_bytes = 3000});
  REQUIRE(core.apply(put("x", R"({"text":")" + std::string(1000, 'x') + "\"}")).ok());
  const bucket_state before = core.state();
  // Small patches, each of which writes the whole document again.
  std::vector<write_op> ops;
  for (int n = 0; n < 5; ++n)
    ops.push_back(op(kind::patch, "x", R"({"n":)" + std::to_string(n) + "}"));
  const auto outcomes = core.apply({ops, true});
  REQUIRE(outcomes.size() == 5);
  CHECK(outcomes[0].problem.code == ec::not_applied);
  CHECK(std::any_of(outcomes.begin(), outcomes.end(),
                    [](const auto& one) { return one.problem.code == ec::too_large; }));
  CHECK(core.state() == before);
  for (const auto& outcome : core.apply({ops, false})) CHECK(outcome.ok());
}

TEST_CASE("a definition that no client could make is none of a peer's either, and no breach") {
  const auto problem = [](const query_definition& definition) {
    const std::string body = definition_body(definition);
    replicated_document made;
    made.id = query_document_id("q");
    const revision rev = make_revision({}, false, body);
    made.tree.add(rev, {}, false);
    made.bodies.push_back({rev, body});
    const auto checked = check_replicated(made, {});
    return checked ? ec::none : checked.error().code;
  };
  const std::string longest(defaults::function_bytes, 'x');
  CHECK(problem({longest, longest}) == ec::none);
  CHECK(problem({longest + "x", {}}) == ec::bad_map);
  CHECK(problem({"d=>1", longest + "x"}) == ec::bad_map);
  CHECK(problem({"d=>1", "_sum"}) == ec::none);
  CHECK(problem({"d=>1", "_nothing"}) == ec::bad_request);
  for (const ec code : {ec::bad_map, ec::bad_request, ec::not_object, ec::too_large, ec::too_deep})
    CHECK(is_own_limit(query_document_id("q"), code));
  CHECK(!is_own_limit("q", ec::bad_request));
  for (const ec code : {ec::bad_rev, ec::bad_json, ec::io_error})
    CHECK(!is_own_limit(query_document_id("q"), code));
}

} // namespace treadmill
