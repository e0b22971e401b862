// In one file: the tests of one function share the two nodes below.
#include "tests/unit/storage/engine/local_bucket.hpp"
#include <algorithm>
#include <ctime>
#include <doctest/doctest.h>

namespace treadmill {
namespace {

using bucket = tests::local_bucket;
using tests::conflict;
using tests::put;
using tests::remove;
using revisions = std::vector<revision>;

std::string numbered(int n) { return R"({"n":)" + std::to_string(n) + "}"; }

/// A line of edits, each with its body: `chain[n]` is the n-th.
struct chain {
  explicit chain(int length, const std::string& id = "x") : id_(id) {
    for (int n = 1; n <= length; ++n) revs_.push_back(make_revision(revs_.back(), false, body(n)));
  }
  const revision& operator[](int n) const { return revs_[static_cast<size_t>(n)]; }
  std::string body(int n) const { return R"({")" + id_ + R"(":)" + std::to_string(n) + "}"; }
  /// The edits `from` to `to`, with the body of the last.
  replicated_document part(int from, int to) const {
    replicated_document made;
    made.id = "x";
    for (int n = from; n <= to; ++n) {
      made.tree.add((*this)[n], (*this)[n - 1], false);
    }
    made.bodies.push_back({(*this)[to], body(to)});
    return made;
  }

private:
  std::string id_;
  revisions revs_{revision()};
};

replicated_document one(const std::string& id, const revision& parent, bool deleted,
                        const std::string& body = {}) {
  replicated_document made;
  made.id = id;
  const revision rev = make_revision(parent, deleted, body);
  made.tree.add(rev, parent, deleted);
  if (!deleted) made.bodies.push_back({rev, body});
  return made;
}

/// A document as its node sends it as a whole.
replicated_document whole(bucket& from, const std::string& id) {
  from.commit();
  replicated_document made;
  made.id = id;
  made.tree = from.view().full_tree(from.number(), id).value();
  for (const revision_tree::node& leaf : made.tree.leaves()) {
    if (!leaf.deleted) made.bodies.push_back({leaf.rev, from.body(id, leaf.rev)});
  }
  return made;
}

/// Merges what keeps the rules, and answers what was logged.
revisions take(bucket& into, const replicated_document& document) {
  const auto right = check_replicated(document, {});
  REQUIRE_MESSAGE(right.has_value(), right.error().reason);
  const auto logged = into.core().merge(document);
  REQUIRE_MESSAGE(logged.has_value(), logged.error().reason);
  return *logged;
}

revision_tree tree_of(bucket& b, const std::string& id = "x") {
  b.check();
  return b.view().full_tree(b.number(), id).value();
}

/// The merge fails, and nothing at all is changed by it.
void check_refused(bucket& b, const replicated_document& document, ec code) {
  b.commit();
  const bucket_state before = b.core().state();
  const auto refused = b.core().merge(document);
  REQUIRE(!refused);
  CHECK(refused.error().code == code);
  CHECK(b.core().state() == before);
  CHECK(!b.core().dirty());
  CHECK(b.core().overlay_rows() == 0);
}

void check_known(bucket& b, const replicated_document& document) {
  b.commit();
  const bucket_state before = b.core().state();
  CHECK(take(b, document).empty());
  CHECK(b.core().state() == before);
  CHECK(!b.core().dirty());
  CHECK(b.core().overlay_rows() == 0);
}

} // namespace

// New documents and their updates
// -------------------------------------------------------------------------------------------------

TEST_CASE("a document that is new here is taken in with its ancestry, counted and logged once") {
  bucket b;
  const chain x(3);
  CHECK(take(b, x.part(1, 3)) == revisions{x[3]});
  const auto activity = b.check();
  REQUIRE(activity.size() == 1);
  CHECK(activity[0].id == "x");
  CHECK(activity[0].changes == revisions{x[3]});
  CHECK(!activity[0].deleted);
  CHECK(activity[0].from_peer);
  CHECK(b.body("x", x[3]) == x.body(3));
  CHECK(b.body("x", x[2]) == "superseded");
  CHECK(b.core().state().documents == 1);
  CHECK(test::check_revisions(b.view(), b.number(), activity).empty());
  CHECK(tree_of(b) == x.part(1, 3).tree);
}

TEST_CASE("only what a peer sent is logged as from a peer") {
  bucket b;
  const chain x(2);
  b.ok(put("x", x.body(1)));
  take(b, x.part(2, 2));
  b.ok(put("x", "{}", x[2]));
  const auto activity = b.check();
  REQUIRE(activity.size() == 3);
  CHECK(!activity[0].from_peer);
  CHECK(activity[1].from_peer);
  CHECK(!activity[2].from_peer);
}

TEST_CASE("what is known logs nothing and leaves no row to be written") {
  bucket b;
  const chain x(100);
  take(b, x.part(1, 1));
  check_known(b, x.part(1, 1));
  for (int n = 2; n <= 100; ++n) take(b, x.part(n, n));
  check_known(b, x.part(1, 100));
  check_known(b, x.part(100, 100));
  check_known(b, x.part(99, 100));
  check_known(b, x.part(1, 1)); // an ancestor, in the row of older ancestry
  replicated_document without_body = x.part(100, 100);
  without_body.bodies.clear();
  check_known(b, without_body);
}

TEST_CASE("the same edit made here and elsewhere is one revision, and no conflict") {
  bucket b;
  const chain x(2);
  b.ok(put("x", x.body(1)));
  b.ok(put("x", x.body(2)));
  check_known(b, x.part(2, 2));
  check_known(b, x.part(1, 2));
}

TEST_CASE("the 5,000th update from a peer reads and writes as little as the 10th") {
  bucket b;
  const chain x(5000);
  std::vector<size_t> reads{0};
  std::vector<size_t> bytes{0};
  for (int n = 1; n <= 5000; ++n) {
    b.reads = 0;
    CHECK(take(b, x.part(n, n)) == revisions{x[n]});
    const auto batch = b.take();
    reads.push_back(b.reads);
    bytes.push_back(batch.rows.bytes());
    b.commit(batch);
  }
  // The row of the document alone, and once in 32 updates that of older ancestry.
  const auto moved = [&](size_t from, size_t to) {
    size_t count = 0;
    for (size_t n = from; n < to; ++n) {
      CHECK(reads[n] <= 2);
      if (reads[n] == 2) ++count;
      if (reads[n] == 1) CHECK(bytes[n] < 2500);
    }
    return count;
  };
  CHECK(reads[10] == 1);
  CHECK(moved(1000, 2000) <= 32);
  CHECK(moved(4000, 5001) <= 32);
  CHECK(b.row_bytes("x") < 2000);
  CHECK(tree_of(b).history(x[5000]).size() == defaults::revision_depth);
}

TEST_CASE("updates that cross with others of a long history read no older ancestry") {
  bucket b;
  const chain x(200);
  for (int n = 1; n <= 200; ++n) take(b, x.part(n, n));
  b.commit();
  b.reads = 0;
  // Others edited what has three more edits here.
  replicated_document crossed = one("x", x[197], false, R"({"crossed":1})");
  CHECK(take(b, crossed).size() == 1);
  CHECK(take(b, one("x", crossed.tree.winner()->rev, false, R"({"crossed":2})")).size() == 1);
  CHECK(take(b, x.part(199, 199)).empty());
  CHECK(b.reads == 1);
  CHECK(tree_of(b).live_leaves() == 2);
}

TEST_CASE("updates from a peer and writes of clients go on from each other") {
  bucket b;
  const chain x(3);
  b.ok(put("x", x.body(1)));
  take(b, x.part(2, 2)); // nothing is committed in between
  CHECK(b.ok(put("x", x.body(3), x[2])) == x[3]);
  CHECK(take(b, one("x", x[3], false, "{}")).size() == 1);
  CHECK(b.write(put("x", "{}", x[3])).ok()); // a retry of what the peer's client wrote
  CHECK(b.check().size() == 4);
  CHECK(tree_of(b).live_leaves() == 1);
}

// Conflicts
// -------------------------------------------------------------------------------------------------

TEST_CASE("edits on both sides are a conflict on both, with the same winner and both bodies") {
  bucket a;
  bucket b;
  const revision root = a.ok(put("x", "{}"));
  b.ok(put("x", "{}"));
  const revision left = a.ok(put("x", R"({"a":1})", root));
  const revision right = b.ok(put("x", R"({"b":1})", root));
  const auto from_a = whole(a, "x");
  const auto from_b = whole(b, "x");
  CHECK(take(a, from_b) == revisions{right});
  CHECK(take(b, from_a) == revisions{left});
  const revision winner = std::max(left, right);
  const revision loser = std::min(left, right);
  for (bucket* node : {&a, &b}) {
    CHECK(tree_of(*node).winner()->rev == winner);
    CHECK(node->body("x", left) == R"({"a":1})");
    CHECK(node->body("x", right) == R"({"b":1})");
    const auto row = node->view().read(keys::losing_body(node->number(), "x", loser.text()));
    CHECK(row->has_value());
    CHECK(!node->view().read(keys::losing_body(node->number(), "x", winner.text()))->has_value());
    CHECK(node->core().state().conflicts == 1);
    CHECK(node->core().state().documents == 1);
    const auto activity = node->check();
    REQUIRE(activity.size() == 3);
    CHECK(test::check_revisions(node->view(), node->number(), activity).empty());
  }
  CHECK(tree_of(a) == tree_of(b));
  CHECK(a.core().state().digest == b.core().state().digest);
}

TEST_CASE("a longer branch from a peer wins, a shorter one loses, and the bodies lie accordingly") {
  const chain x(4, "x");
  const chain y(3, "y");
  for (const bool longer_first : {true, false}) {
    bucket b;
    take(b, longer_first ? x.part(1, 4) : y.part(1, 3));
    const revisions logged = take(b, longer_first ? y.part(1, 3) : x.part(1, 4));
    CHECK(logged == revisions{longer_first ? y[3] : x[4]});
    CHECK(tree_of(b).winner()->rev == x[4]);
    CHECK(b.body("x", x[4]) == x.body(4));
    CHECK(b.body("x", y[3]) == y.body(3));
    take(b, x.part(3, 4)); // known
    take(b, one("x", y[3], false, "{}"));
    const revision last = make_revision(y[3], false, "{}");
    take(b, one("x", last, false, R"({"last":1})")); // the loser becomes the winner
    CHECK(tree_of(b).winner()->rev.number() == 5);
    CHECK(b.body("x", x[4]) == x.body(4));
    CHECK(b.body("x", y[3]) == "superseded");
  }
}

TEST_CASE("a document with several leaves comes as one entry that names them all") {
  bucket b;
  const conflict made;
  replicated_document document{"x", made.tree, {}};
  for (const auto& [rev, body] : made.bodies) document.bodies.push_back({rev, body});
  const revisions logged = take(b, document);
  CHECK(logged == revisions{made.a2, std::max(made.b, made.c), std::min(made.b, made.c)});
  const auto activity = b.check();
  REQUIRE(activity.size() == 1);
  CHECK(activity[0].changes == logged);
  CHECK(b.core().state().conflicts == 1);
  for (const auto& [rev, body] : made.bodies) CHECK(b.body("x", rev) == body);
  check_known(b, document);
}

TEST_CASE("only leaves that are new here need a body") {
  bucket b;
  const conflict made;
  replicated_document document{"x", made.tree, {}};
  document.bodies = {{made.c, R"({"c":1})"}};
  check_refused(b, document, ec::bad_rev);
  revision_tree known;
  known.add(made.root, {}, false);
  known.add(made.a1, made.root, false);
  known.add(made.a2, made.a1, false);
  known.add(made.b, made.root, false);
  b.plant("x", known, {{made.a2, R"({"a":2})"}, {made.b, R"({"b":1})"}});
  CHECK(take(b, document) == revisions{made.c});
  CHECK(tree_of(b) == made.tree);
  for (const auto& [rev, body] : made.bodies) CHECK(b.body("x", rev) == body);
}

TEST_CASE("a merge that brings what lies in between ends the conflict, and is logged") {
  bucket b;
  const chain x(4);
  take(b, x.part(1, 2));
  take(b, x.part(4, 4)); // its parent is not known
  CHECK(b.core().state().conflicts == 1);
  CHECK(take(b, x.part(3, 3)) == revisions{x[3]});
  CHECK(b.core().state().conflicts == 0);
  const auto activity = b.check();
  REQUIRE(activity.size() == 3);
  CHECK(activity[2].changes == revisions{x[3]});
  CHECK(tree_of(b) == x.part(1, 4).tree);
  CHECK(b.body("x", x[2]) == "superseded");
  CHECK(b.body("x", x[4]) == x.body(4));
  CHECK(test::check_revisions(b.view(), b.number(), activity).empty());
}

TEST_CASE("a merge that brings several revisions in between logs them all, newest first") {
  bucket b;
  const chain x(5);
  take(b, x.part(1, 2));
  take(b, x.part(5, 5));
  replicated_document between = x.part(3, 4);
  between.bodies.clear(); // no leaf here
  CHECK(take(b, between) == revisions{x[4], x[3]});
  CHECK(tree_of(b) == x.part(1, 5).tree);
}

TEST_CASE("a merge that cannot be completed changes nothing") {
  bucket b;
  const chain x(70);
  replicated_document without_body = x.part(1, 3);
  without_body.bodies.clear();
  check_refused(b, without_body, ec::bad_rev);
  for (int n = 1; n <= 70; ++n) take(b, x.part(n, n));
  replicated_document next = one("x", x[70], false, "{}");
  next.bodies.clear();
  check_refused(b, next, ec::bad_rev);
  replicated_document two = one("x", x[3], false, R"({"y":1})"); // needs older ancestry
  const revision other = make_revision(x[70], false, R"({"z":1})");
  two.tree.add(other, x[70], false);
  check_refused(b, two, ec::bad_rev); // one of both came with its body
  CHECK(tree_of(b) == x.part(1, 70).tree);
}

TEST_CASE("a merge whose rows cannot be read changes nothing") {
  bucket b;
  const chain x(100);
  for (int n = 1; n <= 100; ++n) take(b, x.part(n, n));
  b.commit();
  b.broken_key = keys::document(b.number(), "x");
  check_refused(b, one("x", x[100], false, "{}"), ec::io_error);
  b.broken_key = keys::older_ancestry(b.number(), "x");
  check_refused(b, one("x", x[3], false, "{}"), ec::io_error);
  CHECK(take(b, one("x", x[100], false, "{}")).size() == 1); // it takes no part in this
  take(b, one("x", x[100], false, R"({"other":1})"));
  const revision loser =
      std::min(make_revision(x[100], false, "{}"), make_revision(x[100], false, R"({"other":1})"));
  const revision winner = tree_of(b).winner()->rev;
  b.broken_key = keys::losing_body(b.number(), "x", loser.text());
  check_refused(b, one("x", winner, true), ec::io_error); // the next best's body is needed
  b.broken_key.reset();
  CHECK(take(b, one("x", winner, true)).size() == 1);
  CHECK(tree_of(b).winner()->rev == loser);
}

// Deletes
// -------------------------------------------------------------------------------------------------

TEST_CASE("a tombstone from a peer deletes the document, and is known afterwards") {
  bucket b;
  const revision first = b.ok(put("x", "{}"));
  const revision gone = make_revision(first, true, "");
  CHECK(take(b, one("x", first, true)) == revisions{gone});
  const auto activity = b.check();
  REQUIRE(activity.size() == 2);
  CHECK(activity[1].deleted);
  CHECK(activity[1].from_peer);
  CHECK(b.core().state().documents == 0);
  CHECK(b.core().state().deleted == 1);
  CHECK(b.body("x", gone) == "deleted");
  CHECK(b.ok(remove("x", first)) == gone);
  check_known(b, one("x", first, true));
  CHECK(take(b, one("x", gone, false, R"({"again":1})")).size() == 1);
  CHECK(b.core().state().documents == 1);
  CHECK(b.core().state().deleted == 0);
  CHECK(b.check().size() == 3);
}

TEST_CASE(
    "a document that comes deleted is counted as such, and one edit after it brings it back") {
  bucket b;
  const chain x(2);
  replicated_document deleted = x.part(1, 2);
  deleted.bodies.clear();
  deleted.tree.add(make_revision(x[2], true, ""), x[2], true);
  take(b, deleted);
  CHECK(b.check().front().deleted);
  CHECK(b.core().state().documents == 0);
  CHECK(b.core().state().deleted == 1);
  CHECK(b.ok(put("x", "{}")).number() == 4);
  b.check();
  CHECK(b.core().state().documents == 1);
  CHECK(b.core().state().deleted == 0);
}

TEST_CASE("a tombstone ends one leaf of a conflict and leaves the other, whichever it is") {
  const conflict made;
  for (const revision& ended : {made.a2, made.b, made.c}) {
    bucket b;
    b.plant("x", made.tree, made.bodies);
    CHECK(take(b, one("x", ended, true)) == revisions{make_revision(ended, true, "")});
    auto activity = b.check();
    CHECK(!activity.back().deleted);
    CHECK(b.core().state().conflicts == 1);
    CHECK(b.body("x", ended) == "superseded");
    for (const auto& [rev, body] : made.bodies) {
      if (rev != ended) CHECK(b.body("x", rev) == body);
      if (rev != ended) take(b, one("x", rev, true));
    }
    CHECK(b.core().state().conflicts == 0);
    CHECK(b.core().state().documents == 0);
    CHECK(b.core().state().deleted == 1);
    activity = b.check();
    CHECK(!activity[activity.size() - 2].deleted);
    CHECK(activity.back().deleted);
  }
}

TEST_CASE("an edit survives a delete that was made elsewhere at the same time, on both sides") {
  bucket a;
  bucket b;
  const revision first = a.ok(put("x", "{}"));
  b.ok(put("x", "{}"));
  a.ok(remove("x"));
  const revision edited = b.ok(put("x", R"({"n":1})"));
  const auto from_a = whole(a, "x");
  take(a, whole(b, "x"));
  take(b, from_a);
  for (bucket* node : {&a, &b}) {
    CHECK(tree_of(*node).winner()->rev == edited);
    CHECK(node->core().state().documents == 1);
    CHECK(node->core().state().deleted == 0);
    CHECK(node->core().state().conflicts == 0);
    CHECK(!node->check().back().deleted);
    CHECK(node->body("x", edited) == R"({"n":1})");
  }
  CHECK(a.core().state().digest == b.core().state().digest);
  CHECK(first.number() == 1);
}

TEST_CASE("several tombstones in one message are one entry") {
  bucket b;
  const conflict made;
  b.plant("x", made.tree, made.bodies);
  replicated_document all;
  all.id = "x";
  for (const auto& [rev, body] : made.bodies) all.tree.add(make_revision(rev, true, ""), rev, true);
  CHECK(take(b, all).size() == 3);
  const auto activity = b.check();
  REQUIRE(activity.size() == 2);
  CHECK(activity[1].deleted);
  CHECK(activity[1].changes.size() == 3);
}

// Long histories: trees in two rows
// -------------------------------------------------------------------------------------------------

TEST_CASE("a tree that comes with more than 64 nodes lies in two rows, as one that grew here") {
  const chain x(300);
  for (const int length : {64, 65, 66, 100, 300}) {
    bucket grown;
    bucket merged;
    for (int n = 1; n <= length; ++n) grown.ok(put("x", x.body(n)));
    take(merged, x.part(1, length));
    CHECK(tree_of(merged) == x.part(1, length).tree);
    CHECK(tree_of(grown) == tree_of(merged));
    CHECK(merged.row_bytes("x") < 2000);
    const auto older = merged.view().read(keys::older_ancestry(merged.number(), "x"));
    CHECK(older->has_value() == (length > 65));
    CHECK(grown.core().state().digest == merged.core().state().digest);
    check_known(merged, whole(grown, "x"));
    CHECK(merged.check().size() == 1);
  }
}

TEST_CASE("a branch far down a long history is merged with it") {
  bucket b;
  const chain x(200);
  take(b, x.part(1, 200));
  const revision low = make_revision(x[20], false, "{}");
  CHECK(take(b, one("x", x[20], false, "{}")) == revisions{low});
  revision_tree expected = x.part(1, 200).tree;
  expected.add(low, x[20], false);
  CHECK(tree_of(b) == expected);
  const revision next = b.ok(put("x", R"({"low":2})", low)); // by a client, on the losing leaf
  expected.add(next, low, false);
  CHECK(tree_of(b) == expected);
  take(b, one("x", next, true));
  expected.add(make_revision(next, true, ""), next, true);
  CHECK(tree_of(b) == expected);
  CHECK(b.core().state().conflicts == 0);
  CHECK(b.row_bytes("x") < 2000);
}

TEST_CASE("an update that joins a losing leaf with ancestry in another row ends the conflict") {
  const chain x(200);
  for (const bool by_client : {false, true}) {
    bucket b;
    take(b, x.part(101, 200));
    take(b, x.part(1, 99));
    CHECK(b.core().state().conflicts == 1);
    if (by_client) {
      CHECK(b.ok(put("x", x.body(100), x[99])) == x[100]);
    } else {
      CHECK(take(b, x.part(100, 100)) == revisions{x[100]});
    }
    CHECK(b.core().state().conflicts == 0);
    CHECK(tree_of(b) == x.part(1, 200).tree);
    CHECK(b.body("x", x[200]) == x.body(200));
    check_known(b, x.part(1, 200));
  }
}

TEST_CASE("a leap in the numbers of hashes made elsewhere forgets what lies in both rows") {
  const chain x(100);
  for (const uint32_t leap : {900U, 990U, 1000U, 4000U}) {
    bucket b;
    take(b, x.part(1, 100));
    revision_tree expected = x.part(1, 100).tree;
    const revision far(100 + leap, "elsewhere");
    replicated_document made;
    made.id = "x";
    made.tree.add(far, x[100], false, true);
    made.bodies.push_back({far, "{}"});
    CHECK(take(b, made) == revisions{far});
    expected.merge(made.tree);
    CHECK(tree_of(b) == expected);
    revision last = far;
    for (int n = 0; n < 250; ++n) {
      const revision next = b.ok(put("x", numbered(n)));
      expected.add(next, last, false);
      last = next;
      if (n % 10 == 0) CHECK(tree_of(b) == expected);
    }
    CHECK(tree_of(b) == expected);
    CHECK(b.core().state().conflicts == 0);
    check_known(b, whole(b, "x"));
  }
}

TEST_CASE("the ancestry of a losing leaf is kept however far the winner goes on from there") {
  bucket b;
  const chain x(1400);
  take(b, x.part(1, 20));
  take(b, one("x", x[10], false, "{}"));
  revision_tree expected = x.part(1, 20).tree;
  expected.merge(one("x", x[10], false, "{}").tree);
  for (int n = 21; n <= 1400; ++n) {
    take(b, x.part(n, n));
    expected.add(x[n], x[n - 1], false);
    if (n % 50 != 0) continue;
    CHECK(tree_of(b) == expected);
    check_known(b, whole(b, "x"));
  }
  CHECK(expected.find(x[1]) != nullptr);
  CHECK(expected.find(x[11]) == nullptr); // which is of the winner's history alone
}

TEST_CASE("a leaf that is more than 1,000 edits behind stays a conflict that can be read") {
  bucket b;
  const chain x(1500);
  take(b, x.part(1, 1500));
  CHECK(tree_of(b).find(x[3]) == nullptr);
  CHECK(take(b, x.part(1, 3)) == revisions{x[3]});
  CHECK(b.core().state().conflicts == 1);
  CHECK(tree_of(b).winner()->rev == x[1500]);
  CHECK(b.body("x", x[3]) == x.body(3));
  check_known(b, x.part(400, 1000)); // ancestors of the winner, some of them forgotten
}

TEST_CASE("many leaves are merged in a time that does not grow with their square") {
  constexpr int count = defaults::merged_leaves;
  bucket b;
  replicated_document made;
  made.id = "x";
  std::vector<revision_tree::node> leaves;
  for (int n = 0; n < count; ++n) {
    leaves.emplace_back().rev = make_revision({}, false, numbered(n));
    made.bodies.push_back({leaves.back().rev, numbered(n)});
  }
  made.tree = revision_tree::of(std::move(leaves));
  const std::clock_t start = std::clock();
  CHECK(take(b, made).size() == count);
  const revision next = b.ok(put("x", "{}"));
  CHECK(take(b, one("x", next, true)).size() == 1);
  CHECK(b.core().state().deleted == 0);
  const revision left = b.ok(remove("x"));
  CHECK(b.core().state().deleted == 1);
  CHECK((std::clock() - start) / CLOCKS_PER_SEC < 10);
  b.commit();
  CHECK(b.view().full_tree(b.number(), "x")->live_leaves() == 0);
  CHECK(b.view().full_tree(b.number(), "x")->find(left)->deleted);
  CHECK(b.core().state().conflicts == 0);
}

// Hashes made elsewhere
// -------------------------------------------------------------------------------------------------

TEST_CASE("hashes made elsewhere are kept, edited and merged as others") {
  bucket b;
  const revision theirs(7, "967a00dff5e02add");
  replicated_document made;
  made.id = "x";
  made.tree.add(theirs, {}, false, true);
  made.bodies.push_back({theirs, "{}"});
  CHECK(take(b, made) == revisions{theirs});
  CHECK(tree_of(b).winner()->foreign);
  CHECK(b.body("x", theirs) == "{}");
  const revision next = b.ok(put("x", R"({"n":1})", theirs));
  CHECK(next.number() == 8);
  check_known(b, made);
  made.tree = revision_tree();
  made.tree.add(theirs, revision(6, "before"), false, true); // its parent is told later
  made.bodies.clear();
  CHECK(take(b, made) == revisions{theirs}); // a change of the tree without a new revision
  CHECK(tree_of(b).find(theirs)->parent == revision(6, "before"));
}

TEST_CASE("a body that was taken on trust gives way to the one that the hash is of") {
  const revision root = make_revision({}, false, "{}");
  const replicated_document real = one("x", root, false, R"({"real":1})");
  const revision rev = real.tree.winner()->rev;
  replicated_document forged;
  forged.id = "x";
  forged.tree.add(rev, root, false, true); // marked as made elsewhere
  forged.bodies.push_back({rev, R"({"forged":1})"});
  for (const bool loses : {false, true}) {
    bucket b;
    take(b, forged);
    if (loses) take(b, chain(9).part(1, 9));
    b.commit();
    CHECK(b.body("x", rev) == R"({"forged":1})");
    replicated_document without_body = real;
    without_body.bodies.clear();
    check_refused(b, without_body, ec::bad_rev);
    CHECK(take(b, real).size() == 1);
    b.check();
    CHECK(b.body("x", rev) == R"({"real":1})");
    CHECK(!tree_of(b).find(rev)->foreign);
    check_known(b, forged);
    check_known(b, without_body);
  }
}

TEST_CASE("a body that was taken on trust and is the right one is not asked for again") {
  bucket b;
  const revision root = make_revision({}, false, "{}");
  replicated_document real = one("x", root, false, R"({"real":1})");
  const revision rev = real.tree.winner()->rev;
  replicated_document marked = real;
  marked.tree = revision_tree();
  marked.tree.add(rev, root, false, true);
  take(b, marked);
  CHECK(!tree_of(b).find(rev)->foreign); // the mark was false: the hash computes
  real.bodies.clear();
  check_known(b, real);
  CHECK(b.body("x", rev) == R"({"real":1})");
}

TEST_CASE("a false parent makes no ancestor a leaf, and is no ancestor either") {
  bucket b;
  const chain x(3);
  take(b, x.part(1, 3));
  replicated_document false_parent;
  false_parent.id = "x";
  const revision larger(2, std::string(32, 'f'));
  false_parent.tree.add(x[3], larger, false, true);
  const revision displaced = displaced_revision(x[3], larger);
  const revisions logged = take(b, false_parent);
  CHECK(logged.size() == 2); // below both
  CHECK(std::count(logged.begin(), logged.end(), displaced) == 1);
  const revision_tree tree = tree_of(b);
  CHECK(tree.find(x[3])->parent == x[2]);
  CHECK(!tree.find(x[2])->leaf);
  CHECK(tree.find(displaced)->deleted);
  CHECK(tree.find(displaced)->parent == larger);
  CHECK(b.body("x", x[3]) == x.body(3));
  check_known(b, false_parent);
}

// The bucket
// -------------------------------------------------------------------------------------------------

TEST_CASE("counts and digest are those of a bucket where all was written by clients") {
  bucket written;
  bucket merged;
  for (int n = 0; n < 60; ++n) {
    const std::string id = "d" + std::to_string(n % 13);
    written.write(n >= 13 && n % 5 == 4 ? remove(id) : put(id, numbered(n)));
    merged.core().merge(whole(written, id));
  }
  written.check();
  merged.check();
  bucket_state expected = written.core().state();
  expected.sequence = merged.core().state().sequence;
  expected.chain = merged.core().state().chain;
  CHECK(merged.core().state() == expected);
  CHECK(expected.documents + expected.deleted == 13);
  CHECK(expected.deleted > 0);
}

TEST_CASE("definitions of queries from a peer are counted as such, and their batch says so") {
  bucket b;
  take(b, one("_query/a", {}, false, R"({"map":"d => d.a"})"));
  CHECK(b.core().state().queries == 1);
  CHECK(b.core().state().documents == 0);
  auto batch = b.take();
  CHECK(batch.queries);
  b.commit(batch);
  take(b, one("y", {}, false, "{}"));
  batch = b.take();
  CHECK(!batch.queries);
  b.commit(batch);
  const revision first = make_revision({}, false, R"({"map":"d => d.a"})");
  take(b, one("_query/a", first, true));
  CHECK(b.core().state().queries == 0);
  CHECK(b.core().state().deleted == 0);
  batch = b.take();
  CHECK(batch.queries);
  b.commit(batch);
  b.check();
}

TEST_CASE("merges see what is applied before them, committed or not, in the order of the batches") {
  bucket b;
  const chain x(200);
  std::vector<bucket_core::batch> batches;
  for (int n = 1; n <= 200; ++n) {
    CHECK(take(b, x.part(n, n)) == revisions{x[n]});
    CHECK(take(b, x.part(1, n)).empty());
    if (n == 150) CHECK(take(b, one("x", x[3], false, "{}")).size() == 1);
    if (n == 170) CHECK(take(b, one("x", make_revision(x[3], false, "{}"), true)).size() == 1);
    if (n % 10 == 0) batches.push_back(b.take());
    if (n % 30 == 0) {
      b.commit(batches.front());
      batches.erase(batches.begin());
    }
  }
  for (const bucket_core::batch& batch : batches) b.commit(batch);
  CHECK(b.core().overlay_rows() == 0);
  revision_tree expected = x.part(1, 200).tree;
  const revision low = make_revision(x[3], false, "{}");
  expected.add(low, x[3], false);
  expected.add(make_revision(low, true, ""), low, true);
  CHECK(tree_of(b) == expected);
  CHECK(test::check_revisions(b.view(), b.number(), b.check()).empty());
}

TEST_CASE("a merge between groups is not taken back with a group that is refused") {
  bucket b;
  const chain x(2);
  take(b, x.part(1, 1));
  const auto outcomes =
      b.group({put("x", "{}"), tests::op(write_op::kind::create, "x", "{}")}, true);
  CHECK(outcomes[1].problem.code == ec::conflict);
  CHECK(take(b, x.part(2, 2)) == revisions{x[2]});
  CHECK(b.check().size() == 2);
  CHECK(tree_of(b) == x.part(1, 2).tree);
}

TEST_CASE("a peer's run goes on from its beginning alone, and only in the object that saw that") {
  bucket b;
  CHECK(!b.core().continue_run("peer", 7, false));
  CHECK(b.core().continue_run("peer", 7, true));
  CHECK(b.core().continue_run("peer", 7, false));
  CHECK(!b.core().continue_run("peer", 8, false));
  CHECK(!b.core().continue_run("other", 7, false));
  CHECK(b.core().continue_run("other", 1, true));
  b.core().end_run("peer");
  CHECK(!b.core().continue_run("peer", 7, false));
  CHECK(b.core().continue_run("other", 1, false));
  CHECK(b.core().continue_run("peer", 8, true));
  b.start(); // as after a failed commit
  CHECK(!b.core().continue_run("peer", 8, false));
}

TEST_CASE("a peer's checkpoint is a row of the open batch, also where nothing else is") {
  bucket b;
  checkpoint reached;
  reached.log_id.fill(1);
  reached.sequence = 7;
  reached.chain.fill(2);
  const std::string key = keys::checkpoint(b.number(), "peer");
  b.core().note_checkpoint("peer", reached);
  CHECK(b.core().dirty());
  CHECK(b.core().state().sequence == 0);
  auto batch = b.take();
  CHECK(batch.sequence == 0);
  CHECK(!b.view().read(key)->has_value());
  b.commit(batch);
  CHECK(checkpoint::decode(b.view().read(key)->value()).value() == reached);
  take(b, one("x", {}, false, "{}"));
  ++reached.sequence;
  b.core().note_checkpoint("peer", reached);
  b.core().note_checkpoint("other", checkpoint{});
  CHECK(checkpoint::decode(b.view().read(key)->value())->sequence == 7); // not before the batch
  b.check();
  CHECK(checkpoint::decode(b.view().read(key)->value()).value() == reached);
  const std::string others = keys::checkpoint(b.number(), "other");
  CHECK(checkpoint::decode(b.view().read(others)->value()).value() == checkpoint{});
}

} // namespace treadmill
