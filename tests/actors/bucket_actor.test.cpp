#include "tests/actors/bucket_world.hpp"
#include <doctest/doctest.h>

namespace treadmill::test {

TEST_CASE("a write is answered after its commit, and followers are told then") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box box;
  world.write(box, {put("a", R"({"n":1})")});
  world.run();
  REQUIRE(world.script.commits.size() == 1);
  CHECK(box.given == 0);
  CHECK(world.sequences.empty());
  world.script.commit(*world.rows);
  world.run();
  CHECK(box.ok());
  CHECK(box.given == 1);
  CHECK(world.sequences == std::vector<uint64_t>{1});
}

TEST_CASE("followers are told of a write after its sync, and of what they missed at a start") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box first, second, third;
  world.write(first, {put("a", "{}")});
  world.run();
  world.script.commit(*world.rows, false);
  world.run();
  world.write(second, {put("b", "{}")});
  world.run();
  world.script.commit(*world.rows, false);
  world.run();
  CHECK(first.ok());
  CHECK(second.ok());
  CHECK(world.sequences.empty());
  REQUIRE(world.rows->sync());
  world.write(third, {put("c", "{}")});
  world.run();
  world.script.commit(*world.rows, false);
  caf::anon_send(world.subject, batches_synced{});
  world.run();
  CHECK(third.ok());
  CHECK(world.sequences == std::vector<uint64_t>{2}); // the third is not synced
  caf::anon_send(world.subject, batches_synced{});
  world.run();
  CHECK(world.sequences == std::vector<uint64_t>{2}); // nothing new
  REQUIRE(world.rows->sync());
  answer_box fourth;
  world.write(fourth, {put("d", "{}")});
  world.run();
  world.script.answer(ec::ambiguous);
  world.run();
  world.script.begin(2);
  world.run();
  CHECK(world.sequences == std::vector<uint64_t>{2, 3});
}

TEST_CASE("writes that wait are handed over together, and see each other before their commit") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box first, second, third, fourth;
  world.write(first, {put("a", R"({"n":1})")});
  world.run();
  world.write(second, {put("a", R"({"n":2})")});
  world.write(third, {put("b", R"({"n":3})")});
  write_op create = put("b", "{}");
  create.what = write_op::kind::create;
  world.write(fourth, {create});
  world.run();
  REQUIRE(world.script.commits.size() == 1); // one on its way, the rest gathers
  world.script.commit(*world.rows);
  world.run();
  CHECK(first.ok());
  CHECK(second.given == 0);
  REQUIRE(world.script.commits.size() == 1);
  world.script.commit(*world.rows);
  world.run();
  REQUIRE(second.ok());
  CHECK(second.answer->outcomes[0].rev.number() == 2);
  CHECK(third.ok());
  REQUIRE(fourth.given == 1);
  CHECK(fourth.answer->outcomes[0].problem.code == ec::conflict);
  CHECK(world.sequences == std::vector<uint64_t>{1, 3});
}

TEST_CASE("a refusal that rests on an uncommitted write waits for its commit") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box made, refused;
  world.write(made, {put("a", "{}")});
  world.run();
  write_op again = put("a", "{}");
  again.what = write_op::kind::create;
  world.write(refused, {again});
  world.run();
  CHECK(refused.given == 0);
  world.script.answer(ec::ambiguous);
  world.run();
  CHECK(made.code() == ec::ambiguous);
  CHECK(refused.code() == ec::ambiguous); // what it saw may not be there
}

TEST_CASE("writes wait until the bucket's epoch has begun") {
  bucket_world world;
  answer_box box;
  world.write(box, {put("a", "{}")});
  world.run();
  CHECK(world.script.commits.empty());
  world.script.begin(7);
  world.run();
  REQUIRE(world.script.commits.size() == 1);
  CHECK(world.script.commits.front().epoch == 7);
  world.script.commit(*world.rows);
  world.run();
  CHECK(box.ok());
}

TEST_CASE("after a failed commit its writes are ambiguous, later ones are refused, and it starts "
          "over from what is stored") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box stored, failed, never, after;
  world.write(stored, {put("a", R"({"n":1})")});
  world.run();
  world.script.commit(*world.rows);
  world.run();
  world.write(failed, {put("a", R"({"n":2})")});
  world.run();
  world.write(never, {put("a", R"({"n":3})")});
  world.run();
  world.script.answer(ec::ambiguous);
  world.run();
  CHECK(stored.ok());
  CHECK(failed.code() == ec::ambiguous);
  CHECK(never.code() == ec::disk_full);
  CHECK(world.script.commits.empty()); // nothing of the old epoch follows
  world.write(after, {put("a", R"({"n":4})")});
  world.run();
  CHECK(after.given == 0);
  world.script.begin(2);
  world.run();
  world.script.commit(*world.rows);
  world.run();
  REQUIRE(after.ok());
  CHECK(after.answer->outcomes[0].rev.number() == 2); // the failed write is not its parent
  CHECK(world.rows->latest().state(world.info.number)->sequence == 2);
}

TEST_CASE(
    "batches that were handed over together each keep their own answer when the first fails") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box first, large;
  world.write(first, {put("a", "{}")});
  world.run();
  world.write(large, {put("b", "{\"text\":\"" + std::string(2 << 20, 'x') + "\"}")});
  world.run();
  REQUIRE(world.script.commits.size() == 2); // a large batch does not wait for the one before it
  world.script.answer(ec::ambiguous);
  world.run();
  CHECK(first.code() == ec::ambiguous);
  CHECK(large.given == 0); // storage still has it
  world.script.answer(ec::ambiguous);
  world.run();
  CHECK(large.code() == ec::ambiguous);
}

TEST_CASE("a bulk is written while it is applied, and answered after its last part") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box box;
  world.write(box, large_documents(5));
  world.run();
  REQUIRE(world.script.commits.size() == 3); // two documents fill a part
  for (size_t part = 0; part < 3; ++part) {
    CHECK(box.given == 0);
    CHECK(world.script.commits.front().number == part + 1);
    world.script.commit(*world.rows);
    world.run();
  }
  REQUIRE(box.ok());
  CHECK(box.answer->outcomes.size() == 5);
  CHECK(world.sequences == std::vector<uint64_t>{2, 4, 5});
}

TEST_CASE("of an atomic bulk nothing is written alone") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box box;
  world.write(box, large_documents(5), soon(), true);
  world.run();
  REQUIRE(world.script.commits.size() == 1);
  world.script.commit(*world.rows);
  world.run();
  CHECK(box.ok());
}

TEST_CASE("a bulk of which a part may be there is ambiguous when another is not") {
  ec first = ec::none;
  ec expected = ec::ambiguous;
  SUBCASE("the first part is there") {}
  SUBCASE("the first part failed") { first = ec::ambiguous; }
  SUBCASE("the first part was never attempted") { expected = first = ec::disk_full; }
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box bulk, behind;
  world.write(bulk, large_documents(3));
  world.write(behind, {put("z", "{}")});
  world.run();
  REQUIRE(world.script.commits.size() == 2);
  first == ec::none ? world.script.commit(*world.rows) : world.script.answer(first);
  world.run();
  CHECK(bulk.given == 0);
  world.script.answer(ec::disk_full); // as storage answers behind a failed batch
  world.run();
  CHECK(bulk.code() == expected);
  CHECK(behind.code() == ec::disk_full);
}

TEST_CASE("a store that takes no writes gives its problem to each write, and the bucket asks again "
          "at the next") {
  bucket_world world;
  answer_box first, second;
  world.write(first, {put("a", "{}")});
  world.run();
  world.script.refuse_begin(ec::disk_full);
  world.run();
  CHECK(first.code() == ec::disk_full);
  world.write(second, {put("a", "{}")});
  world.run();
  world.script.begin(1);
  world.run();
  world.script.commit(*world.rows);
  world.run();
  CHECK(second.ok());
}

TEST_CASE("a write past its deadline is not begun") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box box;
  world.write(box, {put("a", "{}")}, std::chrono::steady_clock::now() - std::chrono::seconds(1));
  world.run();
  CHECK(box.code() == ec::deadline_exceeded);
  CHECK(world.script.commits.empty());
}

TEST_CASE("a bucket that dies answers what it held with ambiguous") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  answer_box applied, queued;
  world.write(applied, {put("a", "{}")});
  world.run();
  world.write(queued, {put("b", "{}")});
  caf::anon_send_exit(world.subject, caf::exit_reason::kill);
  world.run();
  CHECK(applied.code() == ec::ambiguous);
  CHECK(applied.given == 1);
  CHECK(queued.given == 1);
}

TEST_CASE("documents of a peer are answered after the commit of their batch, which has the "
          "checkpoint") {
  bucket_world world;
  std::optional<ec> merged;
  world.merge(merged, {put("a", R"({"n":1})"), put("b", R"({"n":2})")}, 9); // before it has begun
  world.run();
  world.script.begin(1);
  world.run();
  REQUIRE(world.script.commits.size() == 1);
  CHECK_FALSE(world.script.commits.front().lazy);
  CHECK_FALSE(merged.has_value());
  CHECK_FALSE(world.stored_checkpoint().has_value());
  world.script.commit(*world.rows);
  world.run();
  CHECK(merged == ec::none);
  CHECK(world.stored_checkpoint() == 9);
  CHECK(world.rows->latest().state(world.info.number)->sequence == 2);
  CHECK(world.sequences == std::vector<uint64_t>{2});
}

TEST_CASE("a local row is as durable as a write, though nothing of it is in the activity") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  write_op op;
  op.what = write_op::kind::local;
  op.id = "couch/_local/a";
  op.body = "1";
  answer_box box;
  world.write(box, {op});
  world.run();
  REQUIRE(world.script.commits.size() == 1);
  CHECK(!world.script.commits.front().lazy);
  CHECK(box.given == 0);
  world.script.commit(*world.rows);
  world.run();
  CHECK(box.ok());
  CHECK(world.sequences.empty());
  const uint32_t number = world.rows->buckets().front().number;
  CHECK(world.rows->latest().local_row(number, op.id).value() == "1");
  op.before = std::make_shared<const std::optional<std::string>>("0");
  answer_box refused;
  world.write(refused, {op});
  world.run();
  CHECK(refused.given == 1);
  CHECK(!refused.ok());
}

TEST_CASE("a batch of a peer that was known moves the checkpoint alone, and is lazy") {
  bucket_world world;
  world.script.begin(1);
  std::optional<ec> first, second;
  world.merge(first, {put("a", "{}")}, 1);
  world.run();
  world.merge(second, {put("a", "{}")}, 2); // while the first is on its way
  world.run();
  CHECK_FALSE(second.has_value());
  world.script.commit(*world.rows);
  world.run();
  CHECK(first == ec::none);
  REQUIRE(world.script.commits.size() == 1);
  CHECK(world.script.commits.front().lazy);
  world.script.commit(*world.rows, false);
  world.run();
  CHECK(second == ec::none);
  CHECK(world.stored_checkpoint() == 2);
  CHECK(world.sequences == std::vector<uint64_t>{1});
}

TEST_CASE("a checkpoint that is noted goes lazily, or along with a write") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  caf::anon_send(world.subject, record_checkpoint{"peer", {{1}, 3, {2}}, 0});
  world.run();
  REQUIRE(world.script.commits.size() == 1);
  CHECK(world.script.commits.front().lazy);
  answer_box box;
  world.write(box, {put("a", "{}")});
  caf::anon_send(world.subject, record_checkpoint{"peer", {{1}, 4, {2}}, 0});
  world.run();
  world.script.commit(*world.rows, false);
  world.run();
  REQUIRE(world.script.commits.size() == 1);
  CHECK_FALSE(world.script.commits.front().lazy);
  world.script.commit(*world.rows);
  world.run();
  CHECK(box.ok());
  CHECK(world.stored_checkpoint() == 4);
}

TEST_CASE("a document that cannot be merged is answered so, and the checkpoint stays") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  world.with_bodies = false;
  std::optional<ec> merged;
  world.merge(merged, {put("a", "{}")}, 5);
  world.run();
  CHECK(merged == ec::bad_rev);
  CHECK(world.script.commits.empty());
  answer_box box;
  world.write(box, {put("b", "{}")});
  world.run();
  world.script.commit(*world.rows);
  world.run();
  CHECK_FALSE(world.stored_checkpoint().has_value());
}

TEST_CASE("a failed commit fails the batches of peers in it, and those behind it") {
  bucket_world world;
  world.script.begin(1);
  std::optional<ec> first, second, third;
  world.merge(first, {put("a", "{}")}, 1);
  world.run();
  world.merge(second, {put("b", "{}")}, 2);
  world.run();
  world.script.answer(ec::ambiguous);
  world.run();
  CHECK(first == ec::ambiguous);
  CHECK(second == ec::disk_full);
  world.merge(third, {put("a", "{}")}, 1);
  world.run();
  CHECK_FALSE(third.has_value());
  world.script.refuse_begin(ec::disk_full);
  world.run();
  CHECK(third == ec::disk_full);
  CHECK_FALSE(world.stored_checkpoint().has_value());
}

TEST_CASE("what rests on a batch of a peer that was not taken in is refused") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  std::optional<ec> unfounded, bad, next, fresh;
  world.first_of_run = false;
  world.merge(unfounded, {put("a", "{}")}, 2); // the one before it was of an older core
  world.run();
  CHECK(unfounded == ec::overloaded);
  world.first_of_run = true;
  world.with_bodies = false;
  world.merge(bad, {put("a", "{}")}, 1);
  world.run();
  CHECK(bad == ec::bad_rev);
  world.first_of_run = false;
  world.with_bodies = true;
  world.merge(next, {put("b", "{}")}, 2);
  world.run();
  CHECK(next == ec::overloaded);
  CHECK(world.script.commits.empty());
  world.first_of_run = true;
  world.merge(fresh, {put("a", "{}")}, 1);
  world.run();
  world.script.commit(*world.rows);
  world.run();
  CHECK(fresh == ec::none);
  CHECK(world.stored_checkpoint() == 1);
}

TEST_CASE("what rests on reads of before the reopen after a failed commit is refused") {
  bucket_world world;
  world.script.begin(1);
  world.run();
  world.fail_commit();
  world.reopens = world.rows->reopens(); // what a link reads now may be gone after the reopen
  REQUIRE(world.rows->try_reopen());
  std::optional<ec> old, fresh;
  world.merge(old, {put("a", "{}")}, 1);
  caf::anon_send(world.subject, record_checkpoint{"peer", {{1}, 3, {2}}, 0});
  world.run();
  CHECK(old == ec::overloaded);
  CHECK(world.script.commits.empty());
  world.reopens = world.rows->reopens();
  world.merge(fresh, {put("a", "{}")}, 1);
  world.run();
  world.script.commit(*world.rows);
  world.run();
  CHECK(fresh == ec::none);
}

} // namespace treadmill::test
