#include "net/api/answer_text.hpp"
#include "tests/unit/storage/engine/local_bucket.hpp"

namespace treadmill {

using tests::local_bucket;
using tests::put;
using tests::remove;

TEST_CASE("a winner is its document, null if it is deleted, and nothing if it never was") {
  local_bucket bucket;
  const revision rev = bucket.ok(put("a", R"({"n":1})"));
  bucket.ok(put("gone", "{}"));
  bucket.ok(remove("gone"));
  bucket.commit();
  const auto winner_of = [&](std::string_view id) {
    std::string out = "[";
    const auto there = api::append_winner(out, bucket.view(), bucket.number(), id);
    REQUIRE(there);
    CHECK(*there == (out.size() > 1));
    return out;
  };
  CHECK(winner_of("a") == R"([{"id":"a","rev":")" + rev.text() + R"(","n":1})");
  CHECK(winner_of("gone") == "[null");
  CHECK(winner_of("never") == "[");
}

TEST_CASE("a document whose row cannot be read is an error, not null") {
  local_bucket bucket;
  row_batch damage;
  damage.put(keys::document(bucket.number(), "a"), "damage");
  const row_batch* only = &damage;
  REQUIRE(bucket.rows().commit({&only, 1}, true));
  std::string out;
  const auto there = api::append_winner(out, bucket.view(), bucket.number(), "a");
  CHECK(there.error().code == ec::corrupt);
  CHECK(out.empty());
}

} // namespace treadmill
