// In one file: the tests of one class share the bucket below.
#include "tests/unit/storage/engine/local_bucket.hpp"
#include <doctest/doctest.h>
#include <map>

using namespace std::string_literals;

namespace treadmill {
namespace {

using bucket = tests::local_bucket;
using kind = write_op::kind;
using only = write_op::only;
using tests::conflict;
using tests::op;
using tests::put;
using tests::remove;

} // namespace

// One revision after the other
// -------------------------------------------------------------------------------------------------

TEST_CASE("a document is created, updated, deleted and created again, and its history goes on") {
  bucket b;
  const write_outcome created = b.write(put("x", "{}"));
  CHECK(created.ok());
  CHECK(created.created);
  CHECK(created.rev == make_revision({}, false, "{}"));
  const write_outcome updated = b.write(put("x", R"({"n":1})"));
  CHECK(!updated.created);
  CHECK(updated.rev == make_revision(created.rev, false, R"({"n":1})"));
  const write_outcome removed = b.write(remove("x"));
  CHECK(removed.rev == make_revision(updated.rev, true, ""));
  const write_outcome again = b.write(op(kind::create, "x", R"({"n":2})"));
  CHECK(again.ok());
  CHECK(again.created);
  CHECK(again.rev == make_revision(removed.rev, false, R"({"n":2})"));
  CHECK(again.rev.number() == 4);

  const auto activity = b.check();
  REQUIRE(activity.size() == 4);
  CHECK(activity[0].changes == std::vector{created.rev});
  CHECK(activity[1].changes == std::vector{updated.rev});
  CHECK(activity[2].changes == std::vector{removed.rev});
  CHECK(activity[3].changes == std::vector{again.rev});
  CHECK(!activity[0].deleted);
  CHECK(!activity[1].deleted);
  CHECK(activity[2].deleted);
  CHECK(!activity[3].deleted);
  CHECK(b.body("x", again.rev) == R"({"n":2})");
  CHECK(b.body("x", updated.rev) == "superseded");
  CHECK(b.body("x", removed.rev) == "superseded");
}

TEST_CASE("a create is refused where the document is live, with its revision") {
  bucket b;
  const revision there = b.ok(put("x", "{}"));
  const write_outcome refused = b.write(op(kind::create, "x", "{}"));
  CHECK(refused.problem.code == ec::conflict);
  CHECK(refused.rev == there);
  CHECK(b.core().state().sequence == 1);
  b.ok(remove("x"));
  CHECK(b.write(op(kind::create, "x", "{}")).created);
  CHECK(b.check().size() == 3);
}

TEST_CASE("a put that names the current revision is taken, one that names an older one is not") {
  bucket b;
  const revision first = b.ok(put("x", "{}"));
  const revision second = b.ok(put("x", R"({"n":1})", first));
  CHECK(second.number() == 2);
  const write_outcome stale = b.write(put("x", R"({"n":2})", first));
  CHECK(stale.problem.code == ec::conflict);
  CHECK(stale.rev == second);
  CHECK(b.core().state().sequence == 2);
  CHECK(b.check().size() == 2);
  CHECK(b.body("x", second) == R"({"n":1})");
}

TEST_CASE("a put that names a revision of a document that is not there or deleted is a conflict") {
  bucket b;
  const write_outcome missing = b.write(put("x", "{}", make_revision({}, false, "{}")));
  CHECK(missing.problem.code == ec::conflict);
  CHECK(missing.rev.empty());
  const revision first = b.ok(put("x", "{}"));
  const revision tombstone = b.ok(remove("x"));
  CHECK(b.write(put("x", R"({"n":1})", first)).problem.code == ec::conflict);
  const write_outcome deleted = b.write(put("x", R"({"n":1})", tombstone));
  CHECK(deleted.problem.code == ec::conflict); // a tombstone is no live leaf
  CHECK(deleted.rev == tombstone);
  CHECK(b.check().size() == 2);
}

TEST_CASE("a write that is there already is answered with its revision and changes nothing") {
  bucket b;
  const revision first = b.ok(put("x", "{}"));
  const revision second = b.ok(put("x", R"({"n":1})", first));
  const revision third = b.ok(put("x", R"({"n":2})", second));
  b.commit();
  const bucket_state before = b.core().state();
  for (int i = 0; i < 2; ++i) {
    CHECK(b.ok(put("x", R"({"n":1})", first)) == second); // an ancestor by now
    CHECK(b.ok(put("x", R"({"n":2})", second)) == third);
    CHECK(!b.write(put("x", R"({"n":2})", second)).created);
  }
  CHECK(b.core().state() == before);
  CHECK(!b.core().dirty());
  const revision tombstone = b.ok(remove("x", third));
  CHECK(b.ok(remove("x", third)) == tombstone);
  CHECK(b.check().size() == 4);
  b.ok(put("x", "{}"));
  CHECK(b.ok(remove("x", third)) == tombstone); // still so under a later live one
  CHECK(b.check().size() == 5);
}

TEST_CASE("a retry is recognised in the overlay, after the commit and by a new core") {
  bucket b;
  const revision first = b.ok(put("x", "{}"));
  const revision second = b.ok(put("x", R"({"n":1})", first));
  CHECK(b.ok(put("x", R"({"n":1})", first)) == second);
  b.commit();
  CHECK(b.ok(put("x", R"({"n":1})", first)) == second);
  b.start();
  CHECK(b.ok(put("x", R"({"n":1})", first)) == second);
  CHECK(b.check().size() == 2);
}

TEST_CASE("the same body under another parent is no retry") {
  bucket b;
  const revision first = b.ok(put("x", "{}"));
  const revision second = b.ok(put("x", R"({"n":1})", first));
  b.ok(put("x", "{}", second));
  CHECK(b.write(put("x", "{}", first)).problem.code == ec::conflict);
}

TEST_CASE("if_missing and if_there are held against the live document") {
  bucket b;
  write_op wanted = put("x", "{}");
  wanted.when = only::if_there;
  CHECK(b.write(wanted).problem.code == ec::precondition_failed);
  wanted.when = only::if_missing;
  const revision first = b.ok(wanted);
  const write_outcome there = b.write(wanted);
  CHECK(there.problem.code == ec::precondition_failed);
  CHECK(there.rev == first);
  wanted.when = only::if_there;
  CHECK(b.ok(wanted).number() == 2);
  b.ok(remove("x"));
  CHECK(b.write(wanted).problem.code == ec::precondition_failed);
  write_op gone = remove("x");
  gone.when = only::if_there;
  CHECK(b.write(gone).problem.code == ec::precondition_failed);
  wanted.when = only::if_missing;
  CHECK(b.write(wanted).created);
  CHECK(b.check().size() == 4);
}

TEST_CASE("a delete of what is missing or deleted is told apart and adds nothing") {
  bucket b;
  const write_outcome missing = b.write(remove("x"));
  CHECK(missing.problem.code == ec::not_found);
  CHECK(missing.problem.reason == "missing");
  const revision first = b.ok(put("x", "{}"));
  b.ok(remove("x"));
  const write_outcome deleted = b.write(remove("x"));
  CHECK(deleted.problem.code == ec::not_found);
  CHECK(deleted.problem.reason == "deleted");
  CHECK(b.write(remove("y", first)).problem.reason == "missing");
  CHECK(b.check().size() == 2);
}

TEST_CASE("a delete that names an older revision is a conflict") {
  bucket b;
  const revision first = b.ok(put("x", "{}"));
  const revision second = b.ok(put("x", R"({"n":1})"));
  const write_outcome stale = b.write(remove("x", first));
  CHECK(stale.problem.code == ec::conflict);
  CHECK(stale.rev == second);
  CHECK(b.check().size() == 2);
}

TEST_CASE("a patch is merged into the document, by the rules of revisions") {
  bucket b;
  CHECK(b.write(op(kind::patch, "x", "{}")).problem.reason == "missing");
  const revision first = b.ok(put("x", R"({"a":1,"b":{"c":2,"d":3}})"));
  const revision second = b.ok(op(kind::patch, "x", R"({"a":null,"b":{"c":4},"e":5})"));
  CHECK(second == make_revision(first, false, R"({"b":{"c":4,"d":3},"e":5})"));
  b.commit();
  CHECK(b.body("x", second) == R"({"b":{"c":4,"d":3},"e":5})");
  const write_outcome stale = b.write(op(kind::patch, "x", R"({"z":1})", first));
  CHECK(stale.problem.code == ec::conflict);
  CHECK(stale.rev == second);
  const revision third = b.ok(op(kind::patch, "x", R"({"z":1})", second));
  CHECK(third.number() == 3);
  b.ok(remove("x"));
  const write_outcome deleted = b.write(op(kind::patch, "x", "{}"));
  CHECK(deleted.problem.code == ec::not_found);
  CHECK(deleted.problem.reason == "deleted");
  CHECK(b.check().size() == 4);
}

TEST_CASE("a patch that would make a document too large is refused") {
  bucket b;
  json_limits limits;
  limits.document_bytes = 100;
  bucket_core small(b.number(), {}, [](std::string_view) { return std::nullopt; },
                    {.json = limits});
  REQUIRE(small.apply({{put("x", R"({"a":"12345678901234567890"})")}}).front().ok());
  const auto outcome =
      small.apply({{op(kind::patch, "x", R"({"b":")" + std::string(90, 'b') + R"("})")}}).front();
  CHECK(outcome.problem.code == ec::too_large);
  CHECK(small.state().sequence == 1);
}

TEST_CASE("a document that has had all its edits takes no more") {
  bucket b;
  const revision last(defaults::revision_number, std::string(32, 'a'));
  revision_tree tree;
  tree.add(last, {}, false, true);
  const bucket_state state = b.core().state();
  row_batch rows;
  document_row row;
  row.winner = last;
  row.foreign = true;
  row.body = "{}";
  std::map<std::string, std::string> stored{{keys::document(1, "x"), row.encode()}};
  bucket_core core(1, state, [&](std::string_view key) -> result<std::optional<std::string>> {
    const auto found = stored.find(std::string(key));
    if (found == stored.end()) return std::nullopt;
    return found->second;
  });
  for (const write_op& wanted : {put("x", "{}"), put("x", "{}", last), remove("x"),
                                 remove("x", last), op(kind::patch, "x", "{}")}) {
    CHECK(core.apply({{wanted}}).front().problem.code == ec::bad_request);
  }
  CHECK(core.state().sequence == 0);
}

TEST_CASE("a document that was refused beforehand is answered in its place") {
  bucket b;
  write_op refused = put("_x", "{}");
  refused.refused = error{ec::bad_id, "no"};
  const auto outcomes = b.group({put("a", "{}"), refused, put("c", "{}")});
  CHECK(outcomes[0].ok());
  CHECK(outcomes[1].problem.code == ec::bad_id);
  CHECK(outcomes[1].id == "_x");
  CHECK(outcomes[2].ok());
  CHECK(b.check().size() == 2);
}

// Conflicts
// -------------------------------------------------------------------------------------------------

TEST_CASE("a put without a revision extends the winner, and the conflicts stay") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  const revision next = b.ok(put("x", R"({"a":3})"));
  CHECK(next == make_revision(made.a2, false, R"({"a":3})"));
  b.check();
  CHECK(b.body("x", made.b) == R"({"b":1})");
  CHECK(b.core().state().conflicts == 1);
}

TEST_CASE("a put on a losing leaf that makes it win swaps the bodies") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  const revision b2 = b.ok(put("x", R"({"b":2})", made.b));
  const revision b3 = b.ok(put("x", R"({"b":3})", b2));
  const revision b4 = b.ok(put("x", R"({"b":4})", b3));
  b.check();
  CHECK(b.view().full_tree(b.number(), "x")->winner()->rev == b4);
  CHECK(b.body("x", b4) == R"({"b":4})");
  CHECK(b.body("x", made.a2) == R"({"a":2})");
  CHECK(b.body("x", made.c) == R"({"c":1})");
  CHECK(b.body("x", made.b) == "superseded");
  CHECK(b.core().state().conflicts == 1);
}

TEST_CASE("a conflict is resolved by deleting its losing leaves one by one") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  const revision gone = b.ok(remove("x", made.b));
  CHECK(gone == make_revision(made.b, true, ""));
  CHECK(b.core().state().conflicts == 1);
  CHECK(b.ok(remove("x", made.b)) == gone); // a retry
  CHECK(b.ok(remove("x", made.c)) == make_revision(made.c, true, ""));
  CHECK(b.core().state().conflicts == 0);
  CHECK(b.core().state().documents == 1);
  const auto activity = b.check();
  REQUIRE(activity.size() == 3);
  CHECK(!activity[1].deleted);
  CHECK(!activity[2].deleted);
  CHECK(b.body("x", made.a2) == R"({"a":2})");
  CHECK(b.body("x", gone) == "deleted");
}

TEST_CASE("when the winner is deleted by its revision, the next best wins") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  b.ok(remove("x", made.a2));
  b.check();
  const revision winner = std::max(made.b, made.c);
  CHECK(b.view().full_tree(b.number(), "x")->winner()->rev == winner);
  CHECK(b.body("x", winner) == made.bodies.at(winner));
  CHECK(b.core().state().documents == 1);
  CHECK(b.core().state().conflicts == 1);
  b.ok(remove("x", winner));
  CHECK(b.core().state().conflicts == 0);
  b.ok(remove("x", std::min(made.b, made.c)));
  CHECK(b.core().state().documents == 0);
  CHECK(b.core().state().deleted == 1);
  const auto activity = b.check();
  CHECK(!activity[1].deleted);
  CHECK(!activity[2].deleted);
  CHECK(activity[3].deleted);
}

TEST_CASE("a delete without a revision ends all live leaves in one entry") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  const revision winner = b.ok(remove("x"));
  const auto activity = b.check();
  REQUIRE(activity.size() == 2);
  CHECK(activity[1].deleted);
  CHECK(activity[1].changes.size() == 3);
  CHECK(winner == make_revision(made.a2, true, ""));
  CHECK(b.core().state().documents == 0);
  CHECK(b.core().state().deleted == 1);
  CHECK(b.core().state().conflicts == 0);
  const revision again = b.ok(put("x", "{}"));
  CHECK(again.number() == winner.number() + 1);
  CHECK(b.check().size() == 3);
}

TEST_CASE("a patch of a losing leaf is made from that leaf's body") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  const revision patched = b.ok(op(kind::patch, "x", R"({"more":1})", made.b));
  b.check();
  CHECK(b.body("x", patched) == R"({"b":1,"more":1})");
}

TEST_CASE("conflicts among deleted leaves are none") {
  bucket b;
  conflict made;
  const revision gone = make_revision(made.b, true, "");
  made.tree.add(gone, made.b, true);
  b.plant("x", made.tree, made.bodies);
  CHECK(b.core().state().conflicts == 1); // c
  b.ok(remove("x", made.c));
  CHECK(b.core().state().conflicts == 0);
  CHECK(b.write(put("x", "{}", gone)).problem.code == ec::conflict);
  b.check();
}

// Batches, groups and failures
// -------------------------------------------------------------------------------------------------

TEST_CASE("writes see those before them, committed or not, and the overlay ends with the commits") {
  bucket b;
  const revision first = b.ok(put("x", R"({"n":1})"));
  auto one = b.take();
  const revision second = b.ok(put("x", R"({"n":2})", first));
  b.ok(put("y", "{}"));
  auto two = b.take();
  const revision third = b.ok(put("x", R"({"n":3})", second));
  auto three = b.take();
  CHECK(one.number == 1);
  CHECK(one.sequence == 1);
  CHECK(two.number == 2);
  CHECK(two.sequence == 3);
  CHECK(three.sequence == 4);
  CHECK(b.core().overlay_rows() == 2);
  b.commit(one);
  CHECK(b.core().overlay_rows() == 2); // x was changed again
  b.commit(two);
  CHECK(b.core().overlay_rows() == 1);
  CHECK(b.ok(put("x", R"({"n":4})", third)).number() == 4); // from the overlay
  b.commit(three);
  CHECK(b.core().overlay_rows() == 1);
  CHECK(b.check().size() == 5);
}

TEST_CASE("commits may be told of together") {
  bucket b;
  std::vector<bucket_core::batch> batches;
  for (int i = 0; i < 5; ++i) {
    b.ok(put("x" + std::to_string(i % 2), "{}"));
    batches.push_back(b.take());
  }
  for (size_t i = 0; i + 1 < batches.size(); ++i) {
    const row_batch* rows = &batches[i].rows;
    CHECK(rows != nullptr);
  }
  CHECK(b.core().overlay_rows() == 2);
  b.core().committed(4);
  CHECK(b.core().overlay_rows() == 1);
  b.core().committed(5);
  CHECK(b.core().overlay_rows() == 0);
}

TEST_CASE("an atomic group that is refused leaves rows, state and overlay as they were") {
  bucket b;
  const conflict planted;
  b.plant("conflict", planted.tree, planted.bodies);
  const revision there = b.ok(put("there", "{}"));
  b.ok(put("removed", "{}"));
  b.ok(put("early", R"({"n":1})"));
  const auto early = b.take();
  b.ok(put("early", R"({"n":2})"));
  const bucket_state before = b.core().state();
  const size_t overlay = b.core().overlay_rows();
  const size_t bytes = b.core().batch_bytes();

  const auto outcomes =
      b.group({put("new", "{}"), put("there", R"({"n":1})"), put("new", "{}"), remove("removed"),
               remove("conflict", planted.b), put("early", R"({"n":3})"), put("there", "{}", there),
               put("never", "{}")},
              true);
  REQUIRE(outcomes.size() == 8);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    CHECK(outcomes[i].problem.code == (i == 6 ? ec::conflict : ec::not_applied));
  }
  CHECK(outcomes[1].id == "there");
  CHECK(outcomes[7].id == "never");
  CHECK(b.core().state() == before);
  CHECK(b.core().overlay_rows() == overlay);
  CHECK(b.core().batch_bytes() == bytes);
  b.commit(early);
  CHECK(b.check().size() == 5);
  CHECK(b.body("there", there) == "{}");
  CHECK(b.write(remove("new")).problem.reason == "missing");
  CHECK(b.view().full_tree(b.number(), "early")->winner()->rev.number() == 2);
}

TEST_CASE("an atomic group that is taken is in one batch with what was before it") {
  bucket b;
  b.ok(put("a", "{}"));
  const auto outcomes = b.group({put("b", "{}"), put("a", R"({"n":1})"), remove("b")}, true);
  for (const write_outcome& outcome : outcomes) CHECK(outcome.ok());
  CHECK(outcomes[1].rev.number() == 2);
  CHECK(b.take().sequence == 4);
  CHECK(!b.core().dirty());
}

TEST_CASE("an empty atomic group changes nothing") {
  bucket b;
  CHECK(b.group({}, true).empty());
  CHECK(!b.core().dirty());
}

TEST_CASE("a group that is not atomic goes on after what is refused") {
  bucket b;
  const auto outcomes = b.group({put("a", "{}"), op(kind::create, "a", "{}"), put("b", "{}")});
  CHECK(outcomes[0].ok());
  CHECK(outcomes[1].problem.code == ec::conflict);
  CHECK(outcomes[2].ok());
  CHECK(b.check().size() == 2);
}

TEST_CASE("a write whose rows cannot be read changes nothing") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  const bucket_state before = b.core().state();
  const revision next = std::max(made.b, made.c);
  b.broken_key = keys::losing_body(b.number(), "x", next.text());
  const write_outcome broken = b.write(remove("x", made.a2)); // the next best's body is needed
  CHECK(broken.problem.code == ec::io_error);
  CHECK(b.core().state() == before);
  CHECK(!b.core().dirty());
  b.broken_key = keys::document(b.number(), "x");
  CHECK(b.write(put("x", "{}")).problem.code == ec::io_error);
  b.broken_key.reset();
  CHECK(b.ok(remove("x", made.a2)).number() == 4);
  b.check();
}

TEST_CASE("a stored document that contradicts itself is corrupt, not overwritten") {
  bucket b;
  const conflict made;
  document_row row;
  const std::string tree = made.tree.encode();
  row.winner = made.b; // it is not
  row.tree_bytes = tree;
  row.body = "{}";
  const std::string bytes = row.encode();
  bucket_core core(1, {}, [&](std::string_view) { return std::optional(bytes); });
  CHECK(core.apply({{put("x", "{}")}}).front().problem.code == ec::corrupt);
  const std::string garbage = "\xff\xff";
  bucket_core other(1, {}, [&](std::string_view) { return std::optional(garbage); });
  CHECK(other.apply({{put("x", "{}")}}).front().problem.code == ec::corrupt);
  CHECK(!core.dirty());
  CHECK(!other.dirty());
}

TEST_CASE("the same writes give the same digest and chain in another bucket") {
  bucket one;
  bucket two;
  for (bucket* b : {&one, &two}) {
    for (int i = 0; i < 50; ++i) {
      b->write(put("d" + std::to_string(i % 7), R"({"n":)" + std::to_string(i) + "}"));
      if (i % 11 == 0) b->write(remove("d" + std::to_string(i % 5)));
      if (i % 13 == 0) b->commit();
    }
    b->check();
  }
  CHECK(one.core().state() == two.core().state());
  two.ok(put("d0", "{}"));
  CHECK(one.core().state().digest != two.core().state().digest);
}

TEST_CASE("the digest does not depend on the order of the documents, the chain does") {
  bucket one;
  bucket two;
  one.ok(put("a", "{}"));
  one.ok(put("b", "{}"));
  two.ok(put("b", "{}"));
  two.ok(put("a", "{}"));
  CHECK(one.core().state().digest == two.core().state().digest);
  CHECK(one.core().state().chain != two.core().state().chain);
}

// Long histories
// -------------------------------------------------------------------------------------------------

TEST_CASE("5,000 updates of one document: a bounded history, a small row, a constant cost") {
  bucket b;
  revision last;
  size_t largest_row = 0;
  size_t most_reads = 0;
  for (int i = 0; i < 5000; ++i) {
    b.reads = 0;
    last = b.ok(put("x", R"({"n":)" + std::to_string(i) + "}"));
    most_reads = std::max(most_reads, b.reads);
    if (i % 7 == 0) b.commit();
    if (i % 7 == 0) largest_row = std::max(largest_row, b.row_bytes("x"));
  }
  CHECK(last.number() == 5000);
  CHECK(most_reads <= 2); // its row, and now and then that of its older ancestry
  CHECK(largest_row < 2000);
  b.check();
  const auto tree = b.view().full_tree(b.number(), "x");
  REQUIRE(tree);
  const auto history = tree->history(last);
  CHECK(history.size() == defaults::revision_depth);
  for (size_t i = 0; i < history.size(); ++i) CHECK(history[i].number() == 5000 - i);
  const auto older = b.view().read(keys::older_ancestry(b.number(), "x"));
  CHECK(older->value().size() < 40 * defaults::revision_depth);
  CHECK(b.body("x", history[40]) == "superseded");
}

TEST_CASE("a retry is recognised in older ancestry") {
  bucket b;
  std::vector<revision> revisions{b.ok(put("x", R"({"n":0})"))};
  for (int i = 1; i < 400; ++i) {
    revisions.push_back(b.ok(put("x", R"({"n":)" + std::to_string(i) + "}")));
  }
  b.check();
  const uint64_t sequence = b.core().state().sequence;
  for (const size_t i : {1U, 2U, 100U, 340U, 399U}) {
    CHECK(b.ok(put("x", R"({"n":)" + std::to_string(i) + "}", revisions[i - 1])) == revisions[i]);
  }
  CHECK(b.write(put("x", R"({"n":7})", revisions[3])).problem.code == ec::conflict);
  CHECK(b.core().state().sequence == sequence);
}

TEST_CASE("a tree in two rows is the tree that one row would hold") {
  bucket b;
  revision_tree expected;
  conflict made;
  b.plant("x", made.tree, made.bodies);
  expected = made.tree;
  revision last = made.a2;
  for (int i = 0; i < 1300; ++i) {
    const std::string body = R"({"n":)" + std::to_string(i) + "}";
    const revision next = b.ok(put("x", body, last));
    expected.add(next, last, false);
    last = next;
    if (i == 700) {
      expected.add(b.ok(remove("x", made.b)), made.b, true);
    }
  }
  b.check();
  const auto tree = b.view().full_tree(b.number(), "x");
  REQUIRE(tree);
  CHECK(*tree == expected);
  CHECK(b.body("x", made.c) == R"({"c":1})"); // a leaf is never forgotten
}

TEST_CASE("a document whose older ancestry is lost is corrupt where that is needed") {
  bucket b;
  for (int i = 0; i < 100; ++i) b.ok(put("x", R"({"n":)" + std::to_string(i) + "}"));
  b.commit();
  const std::string key = keys::older_ancestry(b.number(), "x");
  REQUIRE(b.view().read(key)->has_value());
  b.broken_key = key;
  const write_outcome stale = b.write(put("x", "{}", make_revision({}, false, "{}")));
  CHECK(stale.problem.code == ec::io_error); // not a conflict: it cannot be known
}

TEST_CASE(
    "definitions of queries are logged and in the digest, but are no documents in the counts") {
  bucket b;
  b.ok(put("a", R"({"a":1})"));
  const bucket_state before = b.core().state();
  const revision first = b.ok(put("_query/by-a", R"({"map":"d => d.a"})"));
  CHECK(b.core().state().sequence == before.sequence + 1);
  CHECK(b.core().state().digest != before.digest);
  CHECK(b.core().state().documents == 1);
  CHECK(b.core().state().queries == 1);
  b.ok(put("_query/by-a", R"({"map":"d => d.b"})", first));
  b.ok(put("_query/other", R"({"map":"d => d.b"})"));
  CHECK(b.core().state().queries == 2);
  b.ok(remove("_query/by-a"));
  CHECK(b.core().state().queries == 1);
  CHECK(b.core().state().documents == 1);
  CHECK(b.core().state().deleted == 0);
  b.check();
}

} // namespace treadmill
