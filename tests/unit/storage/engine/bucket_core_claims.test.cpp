#include "tests/unit/storage/engine/local_bucket.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <tuple>

/// What is told of one revision in more than one way.
namespace treadmill {
namespace {

using bucket = tests::local_bucket;
using tests::put;
using tests::remove;
using revisions = std::vector<revision>;

struct claim {
  revision rev{};
  revision parent{};
  std::optional<std::string> body{}; ///< nothing: a tombstone
  bool foreign = true;
};

replicated_document told(std::initializer_list<claim> claims, const std::string& id = "d") {
  replicated_document made;
  made.id = id;
  for (const claim& one : claims) made.tree.add(one.rev, one.parent, !one.body, one.foreign);
  for (const claim& one : claims)
    if (one.body && made.tree.find(one.rev)->leaf) made.bodies.push_back({one.rev, *one.body});
  return made;
}

revisions take(bucket& into, const replicated_document& document) {
  const auto right = check_replicated(document, {});
  REQUIRE_MESSAGE(right.has_value(), right.error().reason);
  const auto logged = into.core().merge(document);
  REQUIRE_MESSAGE(logged.has_value(), logged.error().reason);
  into.check();
  return *logged;
}

void check_known(bucket& b, const replicated_document& document) {
  const bucket_state before = b.core().state();
  CHECK(take(b, document).empty());
  CHECK(b.core().state() == before);
}

revision_tree tree_of(const bucket& b, const std::string& id = "d") {
  return b.view().full_tree(b.number(), id).value();
}

void check_same(const bucket& a, const bucket& b, const std::string& id = "d") {
  const revision_tree tree = tree_of(a, id);
  CHECK(tree == tree_of(b, id));
  for (const auto& leaf : tree.leaves()) CHECK(a.body(id, leaf.rev) == b.body(id, leaf.rev));
  CHECK(a.view().state(a.number())->digest == b.view().state(b.number())->digest);
  CHECK(a.view().state(a.number())->conflicts == b.view().state(b.number())->conflicts);
}

/// Takes them in every order, and sees that it makes no difference.
void in_any_order(std::vector<replicated_document> all, const std::function<void(bucket&)>& check) {
  bucket first;
  for (const auto& document : all) take(first, document);
  for (const auto& document : all) check_known(first, document);
  check(first);
  std::vector<size_t> order(all.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  while (std::next_permutation(order.begin(), order.end())) {
    bucket other;
    for (const size_t i : order) take(other, all[i]);
    check_same(first, other, all.front().id);
  }
}

const revision abc(1, "abc");
const std::string small = R"({"v":1})";
const std::string large = R"({"v":2})";

hash128 digest_of(const replicated_document& document) {
  bucket b;
  take(b, document);
  return b.core().state().digest;
}

} // namespace

TEST_CASE("of two bodies for one revision that was made elsewhere the larger one holds") {
  for (const bool loses : {false, true}) {
    in_any_order({told({{abc, {}, small}}), told({{abc, {}, large}}),
                  told({{loses ? revision(2, "w") : revision(1, "a"), {}, "{}"}})},
                 [&](bucket& b) {
                   CHECK(b.body("d", abc) == large);
                   CHECK((tree_of(b).winner()->rev == abc) == !loses);
                 });
  }
}

TEST_CASE("a change of a body under its revision is logged, and one that loses is not") {
  bucket b;
  take(b, told({{abc, {}, small}}));
  CHECK(take(b, told({{abc, {}, large}})) == revisions{abc});
  CHECK(take(b, told({{abc, {}, small}})).empty());
  CHECK(b.check().size() == 2);
}

TEST_CASE("of a live one and a tombstone that were made elsewhere the live one holds") {
  in_any_order({told({{abc, {}, small}}), told({{abc, {}, std::nullopt}})}, [](bucket& b) {
    CHECK(b.body("d", abc) == small);
    CHECK(b.core().state().documents == 1);
    CHECK(b.core().state().deleted == 0);
  });
}

TEST_CASE("of two parents the larger one holds, and the other stays superseded") {
  const revision a(1, "a");
  const revision b1(1, "b");
  const revision x(2, "x");
  in_any_order(
      {told({{a, {}, small}, {b1, {}, large}}), told({{x, a, "{}"}}), told({{x, b1, "{}"}})},
      [&](bucket& b) {
        const revision_tree tree = tree_of(b);
        CHECK(tree.find(x)->parent == b1);
        CHECK(tree.live_leaves() == 1);
        CHECK(b.body("d", a) == "superseded");
        CHECK(b.body("d", b1) == "superseded");
        CHECK(tree.find(displaced_revision(x, a))->deleted);
        CHECK(b.core().state().conflicts == 0);
      });
}

TEST_CASE("three parents, and a claim about the name of a tombstone that this makes") {
  const revision x(5, "x");
  const revision tombstone = displaced_revision(x, revision(2, "b"));
  in_any_order({told({{x, revision(2, "b"), "{}"}}), told({{x, revision(3, "c"), "{}"}}),
                told({{x, revision(4, "a"), "{}"}}), told({{tombstone, revision(1, "z"), large}})},
               [&](bucket& b) {
                 const revision_tree tree = tree_of(b);
                 CHECK(tree.find(x)->parent == revision(4, "a"));
                 CHECK(tree.find(tombstone)->parent == revision(2, "b"));
                 CHECK(b.body("d", tombstone) == large);
                 CHECK(tree.find(displaced_revision(tombstone, revision(1, "z"))) != nullptr);
               });
}

TEST_CASE("a delete answers the tombstone that it makes, not that of an earlier deletion") {
  bucket b;
  const revision first = b.ok(put("d", small));
  take(b, told({{revision(9, "abc"), {}, std::nullopt}}));
  CHECK(b.ok(remove("d")) == make_revision(first, true, ""));
  b.check();
  CHECK(tree_of(b).winner()->rev == revision(9, "abc"));
}

TEST_CASE("what Treadmill made holds wholly against what is told under its name") {
  const revision root = make_revision({}, false, small);
  const revision next = make_revision(root, false, R"({"pay":100})");
  const replicated_document honest = told({{next, root, R"({"pay":100})", false}});
  const std::string evil = R"({"pay":999999})";
  bucket untouched;
  take(untouched, honest);
  for (const auto& forged :
       {told({{next, root, evil}}), told({{next, root, std::nullopt}}), told({{next, {}, evil}})}) {
    in_any_order({honest, forged}, [&](bucket& b) {
      CHECK(b.body("d", next) == R"({"pay":100})");
      CHECK(!tree_of(b).find(next)->foreign);
      CHECK(tree_of(b).find(next)->parent == root);
      CHECK(b.core().state().digest == untouched.core().state().digest);
    });
  }
  in_any_order({honest, told({{next, revision(1, "zz"), evil}})}, [&](bucket& b) {
    CHECK(b.body("d", next) == R"({"pay":100})");
    CHECK(tree_of(b).find(next)->parent == root);
  });
  const revision gone = make_revision(next, true, "");
  in_any_order({honest, told({{gone, next, std::nullopt, false}}), told({{gone, next, evil}})},
               [&](bucket& b) {
                 CHECK(b.body("d", gone) == "deleted");
                 CHECK(b.core().state().deleted == 1);
               });
}

TEST_CASE("a hash that computes is Treadmill's own, however it came marked") {
  const revision root = make_revision({}, false, small);
  const revision gone = make_revision(root, true, "");
  bucket b;
  take(b, told({{root, {}, small}}));
  CHECK(!tree_of(b).find(root)->foreign);
  take(b, told({{gone, root, std::nullopt}}));
  CHECK(!tree_of(b).find(gone)->foreign);
}

TEST_CASE("the truth that two claims make together is Treadmill's own") {
  const revision root = make_revision({}, false, small);
  const revision next = make_revision(root, false, large);
  in_any_order({told({{next, {}, large}}), told({{next, root, small}})}, [&](bucket& b) {
    CHECK(b.body("d", next) == large);
    CHECK(tree_of(b).find(next)->parent == root);
    CHECK(!tree_of(b).find(next)->foreign);
  });
}

TEST_CASE("a native name without its body moves nothing that was proven here") {
  bucket b;
  const revision root = make_revision({}, false, small);
  const revision rev = b.ok(put("d", small));
  REQUIRE(rev == root);
  const revision next = b.ok(put("d", large, rev));
  b.commit();
  const bucket_state before = b.core().state();
  for (const char digit : {'0', 'f'}) {
    replicated_document lie;
    lie.id = "d";
    lie.tree.add(next, revision(1, std::string(32, digit)), false, false);
    CHECK(check_replicated(lie, {}));
    const auto refused = b.core().merge(lie);
    REQUIRE(!refused);
    CHECK(refused.error().code == ec::bad_rev);
    CHECK(b.core().state() == before);
    CHECK(!b.core().dirty());
  }
}

TEST_CASE("a forged leaf under the name of an ancestor here is superseded, and a forged child is "
          "an edit") {
  bucket b;
  const revision one = b.ok(put("d", small));
  const revision two = b.ok(put("d", large, one));
  b.check();
  check_known(b, told({{one, {}, R"({"forged":1})"}}));
  const revision child(3, "child");
  CHECK(take(b, told({{child, two, "{}"}})) == revisions{child});
  CHECK(b.body("d", two) == "superseded");
}

TEST_CASE("a write gets its name and its body, though something else was told under that name") {
  const revision one = make_revision({}, false, small);
  const revision two = make_revision(one, false, large);
  for (const revision& parent : {revision(), revision(1, "zz")}) {
    bucket b;
    b.ok(put("d", small));
    take(b, told({{two, parent, R"({"forged":1})"}}));
    CHECK(b.ok(put("d", large, one)) == two);
    const auto activity = b.check();
    CHECK(b.body("d", two) == large);
    CHECK(tree_of(b).find(two)->parent == one);
    CHECK(!tree_of(b).find(two)->foreign);
    // A peer that knows neither finds in the log all that is to be fetched.
    for (const auto& leaf : tree_of(b).leaves()) {
      const auto& logged = activity.back().changes;
      CHECK(std::find(logged.begin(), logged.end(), leaf.rev) != logged.end());
    }
  }
}

TEST_CASE("a delete gets its tombstone, though a live body was told under that name") {
  bucket b;
  const revision one = b.ok(put("d", small));
  const revision gone = make_revision(one, true, "");
  take(b, told({{gone, {}, large}}));
  CHECK(b.body("d", gone) == large);
  CHECK(b.ok(remove("d", one)) == gone);
  b.check();
  CHECK(b.body("d", gone) == "deleted");
}

TEST_CASE("what was told under the name of a write is no retry of that write") {
  bucket b;
  const revision one = b.ok(put("d", small));
  const revision two = make_revision(one, false, large);
  take(b, told({{two, one, R"({"forged":1})"}}));
  const write_outcome outcome = b.write(put("d", large, one));
  CHECK(outcome.problem.code == ec::conflict);
  CHECK(b.body("d", two) == R"({"forged":1})");
}

TEST_CASE("contradictions meet what is not committed yet, and go on being told apart after it") {
  bucket b;
  REQUIRE(b.core().merge(told({{abc, {}, small}})));
  REQUIRE(b.core().merge(told({{abc, {}, large}}))); // in the overlay
  const revision next = b.ok(put("d", "{}", abc));
  CHECK(b.body("d", abc) == "missing"); // nothing is committed
  b.check();
  check_known(b, told({{abc, {}, small}}));
  CHECK(b.body("d", next) == "{}");
}

TEST_CASE("definitions of queries follow the same rule") {
  const auto definition = [](const std::string& n) { return R"({"map":"d => )" + n + R"("})"; };
  in_any_order({told({{abc, {}, definition("1")}}, "_query/q"),
                told({{abc, {}, definition("2")}}, "_query/q")},
               [&](bucket& b) {
                 CHECK(b.body("_query/q", abc) == definition("2"));
                 CHECK(b.core().state().queries == 1);
               });
}

TEST_CASE("the digest tells bodies, parents and tombstones apart that were made elsewhere") {
  const revision rev(2, "x");
  const auto base = digest_of(told({{rev, revision(1, "a"), small}}));
  CHECK(base == digest_of(told({{rev, revision(1, "a"), small}})));
  CHECK(base != digest_of(told({{rev, revision(1, "a"), large}})));
  CHECK(base != digest_of(told({{rev, revision(1, "b"), small}})));
  CHECK(base != digest_of(told({{rev, {}, small}})));
  CHECK(base != digest_of(told({{rev, revision(1, "a"), std::nullopt}})));
}

TEST_CASE("a document without a leaf that was made elsewhere has the digest that it always had") {
  bucket b;
  take(b, told({{abc, {}, small}}));
  const revision next = b.ok(put("d", "{}", abc));
  revision_tree tree;
  tree.add(next, abc, false);
  CHECK(b.core().state().digest == document_digest("d", tree));
}

} // namespace treadmill
