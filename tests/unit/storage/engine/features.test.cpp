#include "storage/documents/features.hpp"
#include "tests/unit/storage/engine/local_bucket.hpp"
#include <doctest/doctest.h>

namespace treadmill {

using tests::local_bucket;
using tests::op;
using tests::put;
using tests::remove;

namespace {

constexpr auto long_integer = R"({"n":123456789012345678901234567890})";
constexpr auto own_members = R"({"id":1})";

uint64_t stored_features(const local_bucket& bucket) {
  return bucket.view().state(bucket.number()).value().features;
}

} // namespace

TEST_CASE("a bucket's features are those that its documents ever had, set with the first of them") {
  local_bucket bucket;
  bucket.ok(put("plain", R"({"n":1,"a":{"id":2}})"));
  bucket.commit();
  CHECK(stored_features(bucket) == 0);
  bucket.ok(put("long", long_integer));
  bucket.commit();
  CHECK(stored_features(bucket) == feature::long_integers);
  bucket.start(); // a core of what is stored
  bucket.ok(put("own", own_members));
  bucket.commit();
  CHECK(stored_features(bucket) == (feature::long_integers | feature::own_members));
  bucket.ok(remove("long"));
  bucket.ok(remove("own"));
  bucket.commit();
  CHECK(stored_features(bucket) == (feature::long_integers | feature::own_members));
  bucket.check();
}

TEST_CASE("a patch and a merge set features as well") {
  local_bucket patched;
  patched.ok(put("a", R"({"n":1})"));
  patched.ok(op(write_op::kind::patch, "a", long_integer));
  patched.commit();
  CHECK(stored_features(patched) == feature::long_integers);

  local_bucket merged;
  replicated_document document;
  document.id = "theirs";
  document.tree.add(revision(1, "w"), {}, false, true);
  document.tree.add(revision(1, "l"), {}, false, true);
  document.bodies = {{revision(1, "w"), "{}"}, {revision(1, "l"), own_members}};
  REQUIRE(merged.core().merge(document));
  merged.commit();
  CHECK(stored_features(merged) == feature::own_members); // of a losing leaf
  merged.check();
}

TEST_CASE("what is refused or undone sets no feature") {
  local_bucket bucket;
  bucket.ok(put("there", "{}"));
  bucket.commit();
  CHECK(!bucket.write(op(write_op::kind::create, "there", long_integer)).ok());
  CHECK(bucket.core().state().features == 0);
  const auto outcomes =
      bucket.group({put("new", long_integer), op(write_op::kind::create, "there", "{}")}, true);
  CHECK(!outcomes.front().ok());
  CHECK(bucket.core().state().features == 0);
}

} // namespace treadmill
