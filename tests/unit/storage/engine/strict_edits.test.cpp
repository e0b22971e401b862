#include "tests/unit/storage/engine/local_bucket.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using bucket = tests::local_bucket;
using kind = write_op::kind;
using tests::op;
using tests::put;
using tests::remove;

namespace {

write_op edit(std::string id, std::string body, std::optional<revision> rev = {}) {
  return op(kind::edit, std::move(id), std::move(body), rev);
}

write_op end(std::string id, std::optional<revision> rev = {}) {
  write_op made = op(kind::edit, std::move(id), {}, rev);
  made.deleted = true;
  return made;
}

write_op graft(replicated_document document) {
  write_op made = op(kind::graft, document.id);
  made.grafted = std::make_shared<const replicated_document>(std::move(document));
  return made;
}

/// A document of one branch, the newest revision first.
replicated_document branch(const std::string& id, std::vector<revision> revisions,
                           const std::string& body) {
  std::vector<revision_tree::node> nodes;
  for (size_t i = 0; i < revisions.size(); ++i) {
    revision_tree::node& made = nodes.emplace_back();
    made.rev = revisions[i];
    if (i + 1 < revisions.size()) made.parent = revisions[i + 1];
    made.foreign = true;
  }
  return {id, revision_tree::of(std::move(nodes)), {{revisions.front(), body}}};
}

} // namespace

TEST_CASE("an edit of a live document needs its revision, and the same edit again is a conflict") {
  bucket b;
  const revision first = b.ok(edit("x", "{}"));
  CHECK(first == make_revision({}, false, "{}"));
  const write_outcome without = b.write(edit("x", "{}"));
  CHECK(without.problem.code == ec::conflict);
  CHECK(without.rev == first);
  const revision second = b.ok(edit("x", R"({"n":2})", first));
  CHECK(b.write(edit("x", R"({"n":2})", first)).problem.code == ec::conflict);
  CHECK(b.write(edit("y", "{}", first)).problem.code == ec::conflict);
  const auto activity = b.check();
  REQUIRE(activity.size() == 2);
  CHECK(!activity[1].from_peer);
  CHECK(b.body("x", second) == R"({"n":2})");
}

TEST_CASE("an edit may go on from a tombstone, with its revision or without") {
  bucket b;
  const revision first = b.ok(edit("x", "{}"));
  const revision gone = b.ok(end("x", first));
  CHECK(gone == make_revision(first, true, ""));
  CHECK(b.check().back().deleted);
  const write_outcome back = b.write(edit("x", R"({"n":1})", gone));
  CHECK(back.ok());
  CHECK(back.created);
  CHECK(back.rev == make_revision(gone, false, R"({"n":1})"));
  const revision again = b.ok(end("x", back.rev));
  const revision last = b.ok(edit("x", R"({"n":2})"));
  CHECK(last == make_revision(again, false, R"({"n":2})"));
  CHECK(b.write(edit("x", "{}", gone)).problem.code == ec::conflict);
  b.check();
}

TEST_CASE("a tombstone may be a document's first revision, and follow another tombstone") {
  bucket b;
  const revision first = b.ok(end("x"));
  CHECK(first == make_revision({}, true, ""));
  CHECK(b.ok(end("x", first)) == make_revision(first, true, ""));
  CHECK(b.core().state().documents == 0);
  CHECK(b.core().state().deleted == 1);
  b.check();
}

TEST_CASE("an edit may end or extend each leaf of a conflict, tombstones too") {
  bucket b;
  const revision first = b.ok(edit("x", R"({"n":1})"));
  const revision winner = b.ok(edit("x", R"({"n":2})", first));
  const revision other = make_revision({}, false, R"({"n":3})");
  revision_tree tree;
  tree.add(other, {}, false);
  b.plant("x", tree, {{other, R"({"n":3})"}});
  CHECK(b.core().state().conflicts == 1);
  const revision ended = b.ok(end("x", other));
  CHECK(b.core().state().conflicts == 0);
  CHECK(b.body("x", winner) == R"({"n":2})");
  const revision revived = b.ok(edit("x", R"({"n":4})", ended));
  CHECK(revived == make_revision(ended, false, R"({"n":4})"));
  CHECK(b.core().state().conflicts == 1);
  b.check();
  CHECK(b.body("x", revived) == R"({"n":4})");
  CHECK(b.body("x", winner) == R"({"n":2})");
}

TEST_CASE("an edit of a document at the largest edit count is refused") {
  bucket b;
  const revision last{defaults::revision_number, "a"};
  revision_tree tree;
  tree.add(last, {}, false, true);
  b.plant("x", tree, {{last, "{}"}});
  CHECK(b.write(edit("x", "{}", last)).problem.code == ec::bad_request);
  b.check();
}

TEST_CASE("a graft keeps its revisions, is logged as made here, and changes nothing twice") {
  bucket b;
  const revision second{2, "bb"};
  const replicated_document sent = branch("x", {second, revision{1, "aa"}}, R"({"n":2})");
  REQUIRE(check_replicated(sent, {}));
  const write_outcome grafted = b.write(graft(sent));
  CHECK(grafted.ok());
  CHECK(grafted.rev == second);
  CHECK(b.write(graft(sent)).rev == second);
  const auto activity = b.check();
  REQUIRE(activity.size() == 1);
  CHECK(!activity[0].from_peer);
  CHECK(b.body("x", second) == R"({"n":2})");
}

TEST_CASE("a refused graft of an atomic group takes the others back") {
  bucket b;
  replicated_document bodiless = branch("y", {revision{1, "aa"}}, "{}");
  bodiless.bodies.clear();
  const auto outcomes = b.group({edit("x", "{}"), graft(bodiless)}, true);
  CHECK(outcomes[0].problem.code == ec::not_applied);
  CHECK(outcomes[1].problem.code == ec::bad_rev);
  CHECK(b.check().empty());
}

} // namespace treadmill
