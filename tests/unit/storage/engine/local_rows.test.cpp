#include "storage/documents/features.hpp"
#include "tests/unit/storage/engine/local_bucket.hpp"
#include <doctest/doctest.h>

namespace treadmill {

using tests::local_bucket;
using tests::put;

namespace {

write_op local(std::string name, std::optional<std::string> value) {
  write_op op = tests::op(write_op::kind::local, std::move(name), value.value_or(""));
  op.deleted = !value;
  return op;
}

write_op local_if(std::string name, std::optional<std::string> value,
                  std::optional<std::string> before) {
  write_op op = local(std::move(name), std::move(value));
  op.before = std::make_shared<const std::optional<std::string>>(std::move(before));
  return op;
}

std::string row_of(const local_bucket& bucket, const std::string& name) {
  return bucket.view().local_row(bucket.number(), name).value().value_or("none");
}

} // namespace

TEST_CASE("a local row is set, changed and removed, and is in no log, digest or count") {
  local_bucket bucket;
  bucket.ok(put("d", "{}"));
  bucket.commit();
  const bucket_state before = bucket.core().state();
  REQUIRE(bucket.write(local("a", "1")).ok());
  const auto batch = bucket.take();
  CHECK(batch.unlogged);
  bucket.commit(batch);
  CHECK(row_of(bucket, "a") == "1");
  REQUIRE(bucket.write(local("a", "2")).ok());
  REQUIRE(bucket.write(local(std::string(600, 'n'), "")).ok());
  bucket.check();
  CHECK(row_of(bucket, "a") == "2");
  CHECK(row_of(bucket, std::string(600, 'n')).empty());
  REQUIRE(bucket.write(local("a", std::nullopt)).ok());
  bucket.check();
  CHECK(row_of(bucket, "a") == "none");
  CHECK(bucket.core().state() == before);
  bucket.ok(put("e", "{}"));
  CHECK(!bucket.take().unlogged);
}

TEST_CASE("a local row is changed only if it is still what the writer says, committed or not") {
  local_bucket bucket;
  CHECK(bucket.write(local_if("a", "1", "0")).problem.code == ec::conflict);
  REQUIRE(bucket.write(local_if("a", "1", std::nullopt)).ok());
  CHECK(bucket.write(local_if("a", "2", std::nullopt)).problem.code == ec::conflict);
  REQUIRE(bucket.write(local_if("a", "2", "1")).ok()); // of the overlay
  bucket.commit();
  CHECK(bucket.write(local_if("a", std::nullopt, "1")).problem.code == ec::conflict);
  CHECK(row_of(bucket, "a") == "2");
  REQUIRE(bucket.write(local_if("a", std::nullopt, "2")).ok());
  REQUIRE(bucket.write(local_if("a", "3", std::nullopt)).ok());
  bucket.commit();
  CHECK(row_of(bucket, "a") == "3");
}

TEST_CASE("names and values of local rows have limits, and a group undoes them") {
  local_bucket bucket;
  CHECK(bucket.write(local("", "1")).problem.code == ec::bad_id);
  CHECK(bucket.write(local(std::string(601, 'n'), "1")).problem.code == ec::bad_id);
  CHECK(bucket.write(local("a", std::string(defaults::document_bytes + 1, 'x'))).problem.code ==
        ec::too_large);
  CHECK(!bucket.core().dirty());
  const auto outcomes = bucket.group({local("a", "1"), local_if("a", "2", "0")}, true);
  CHECK(outcomes.front().problem.code == ec::not_applied);
  CHECK(!bucket.core().dirty());
  bucket.ok(put("d", "{}"));
  CHECK(!bucket.take().unlogged);
}

TEST_CASE("local rows end with their bucket") {
  local_bucket bucket;
  REQUIRE(bucket.write(local("a", "1")).ok());
  bucket.commit();
  REQUIRE(bucket.rows().drop_bucket("b"));
  for (int slices = 0; slices < 100 && bucket.rows().clean_up().value(); ++slices) continue;
  CHECK(row_of(bucket, "a") == "none");
}

// Superseded bodies
// -------------------------------------------------------------------------------------------------

namespace {

std::string kept(const local_bucket& bucket, const std::string& id, const revision& rev) {
  return bucket.view().superseded_body(bucket.number(), id, rev).value().value_or("none");
}

} // namespace

TEST_CASE("a bucket that was asked to keeps superseded bodies until it is compacted") {
  local_bucket bucket;
  const revision before = bucket.ok(put("d", R"({"n":0})"));
  bucket.ok(put("d", R"({"n":1})"));
  bucket.commit();
  CHECK(kept(bucket, "d", before) == "none");
  REQUIRE(bucket.write(tests::op(write_op::kind::keep_superseded, "")).ok());
  bucket.commit();
  bucket.start();
  CHECK(bucket.core().state().features == feature::superseded_bodies);
  const revision second = bucket.ok(put("d", R"({"n":2})"));
  const revision third = bucket.ok(put("d", R"({"n":3})"));
  bucket.check();
  CHECK(kept(bucket, "d", second) == R"({"n":2})");
  CHECK(kept(bucket, "d", third) == "none"); // a leaf
  CHECK(bucket.body("d", second) == "superseded");

  bucket.rows().ask_compaction(std::nullopt); // of all buckets: not asked by a user of this one
  for (int slices = 0; slices < 100 && bucket.rows().clean_up().value(); ++slices) continue;
  CHECK(kept(bucket, "d", second) == R"({"n":2})");
  bucket.rows().ask_compaction(bucket.number());
  for (int slices = 0; slices < 100 && bucket.rows().clean_up().value(); ++slices) continue;
  CHECK(!bucket.rows().compacting());
  CHECK(kept(bucket, "d", second) == "none");
  CHECK(bucket.body("d", third) == R"({"n":3})");
  bucket.check();
}

TEST_CASE("bodies of losing leaves are kept as well") {
  local_bucket bucket;
  REQUIRE(bucket.write(tests::op(write_op::kind::keep_superseded, "")).ok());
  const tests::conflict torn;
  bucket.plant("d", torn.tree, torn.bodies);
  write_op gone = tests::op(write_op::kind::edit, "d", "", torn.b);
  gone.deleted = true;
  bucket.ok(gone);
  bucket.check();
  CHECK(kept(bucket, "d", torn.b) == R"({"b":1})");
}

} // namespace treadmill
