#include "tests/actors/bucket_world.hpp"
#include <doctest/doctest.h>

/// A bucket that is asked for much: it works in slices, and waits for storage.
namespace treadmill::test {
namespace {

std::vector<write_op> small_documents(size_t count) {
  std::vector<write_op> ops;
  for (size_t i = 0; i < count; ++i) ops.push_back(put("d" + std::to_string(i), "{}"));
  return ops;
}

struct begun_world : bucket_world {
  begun_world() {
    script.begin(1);
    run();
  }
  void commit_all() {
    run();
    while (!script.commits.empty()) {
      script.commit(*rows);
      run();
    }
  }
  uint64_t documents() const { return rows->latest().state(info.number)->documents; }
};

/// Messages that are delivered until nothing is left to do.
size_t steps(bucket_world& world) {
  size_t count = 0;
  while (world.step()) ++count;
  return count;
}

} // namespace

TEST_CASE("a bulk is applied in slices, between which others have their turn, and in order") {
  begun_world world;
  world.each_look = defaults::bucket_slice; // one document a slice
  answer_box bulk, behind;
  world.write(bulk, small_documents(20));
  world.write(behind, {put("d19", R"({"behind":true})")});
  CHECK(steps(world) > 20);
  world.commit_all();
  CHECK(bulk.ok());
  REQUIRE(behind.ok());
  CHECK(behind.answer->outcomes[0].rev.number() == 2); // it saw what came before it
  CHECK(world.documents() == 20);
}

TEST_CASE("a bulk whose time is over ends, and says that a part of it may be there") {
  begun_world world;
  world.each_look = std::chrono::milliseconds(1);
  answer_box bulk, behind;
  world.write(bulk, small_documents(100), world.now + std::chrono::milliseconds(30));
  world.write(behind, {put("z", "{}")});
  world.commit_all();
  CHECK(bulk.code() == ec::ambiguous);
  CHECK(behind.ok());
  CHECK(world.documents() > 1);
  CHECK(world.documents() < 60);
}

TEST_CASE("of an atomic bulk, or an import, whose time is over nothing is there") {
  begun_world world;
  world.each_look = std::chrono::milliseconds(1);
  const auto end = world.now + std::chrono::milliseconds(30);
  answer_box bulk, behind;
  std::optional<replication::batch_outcome> imported;
  SUBCASE("a bulk") { world.write(bulk, small_documents(100), end, true); }
  SUBCASE("an import") { world.import(imported, small_documents(100), end); }
  world.write(behind, {put("z", "{}")});
  world.commit_all();
  CHECK((imported ? imported->code : bulk.code()) == ec::deadline_exceeded);
  CHECK(behind.ok());
  CHECK(world.documents() == 1);
  CHECK(world.rows->latest().state(world.info.number)->sequence == 1);
}

TEST_CASE("an atomic bulk in slices is in one batch, and what came before it in one of its own") {
  begun_world world;
  world.each_look = defaults::bucket_slice;
  answer_box before, first, bulk, refused;
  world.write(first, {put("x", "{}")});
  world.run(); // on its way: what follows gathers
  world.write(before, {put("y", "{}")});
  world.write(bulk, small_documents(10), soon(), true);
  auto wrong = small_documents(10);
  wrong.back().rev = make_revision({}, false, "never there");
  world.write(refused, wrong, soon(), true);
  world.run();
  CHECK(world.script.commits.size() == 3); // the last one begins behind the one before it
  world.commit_all();
  CHECK(before.ok());
  CHECK(bulk.ok());
  REQUIRE(refused.answer);
  CHECK(refused.answer->outcomes[0].problem.code == ec::not_applied);
  CHECK(refused.answer->outcomes[9].problem.code == ec::conflict);
  CHECK(world.documents() == 12);
  CHECK(world.rows->latest().state(world.info.number)->sequence == 12);
}

TEST_CASE("an import is there as a whole or not at all, and names what was at fault") {
  begun_world world;
  world.each_look = defaults::bucket_slice;
  std::optional<replication::batch_outcome> imported;
  world.import(imported, small_documents(5));
  world.commit_all();
  REQUIRE(imported);
  CHECK(imported->code == ec::none);
  CHECK(world.documents() == 5);
  world.limits.leaves = 1;
  auto more = small_documents(8);
  more[6] = put("d2", R"({"other":true})"); // a second leaf of a document
  imported.reset();
  world.import(imported, {more.begin() + 5, more.end()});
  world.commit_all();
  REQUIRE(imported);
  CHECK(imported->code == ec::too_large);
  CHECK(imported->refused == std::vector<std::string>{"d2"});
  CHECK(world.documents() == 5);
  CHECK(world.rows->latest().state(world.info.number)->sequence == 5);
}

namespace {

/// The outcome of the first batch of a run that a peer sends.
replication::batch_outcome merge_of_peer(begun_world& world, size_t documents,
                                         std::optional<checkpoint> reached) {
  auto batch = world.documents_of(small_documents(documents));
  batch->peer_id = "peer";
  batch->run = 1;
  batch->first = true;
  batch->reached = reached;
  std::optional<replication::batch_outcome> merged;
  world.merge(std::move(batch), [&](const auto& done) { merged = done; });
  world.commit_all();
  REQUIRE(merged);
  return *merged;
}

} // namespace

TEST_CASE("of a peer's batch what is above a limit is left out and named, the rest is taken in") {
  begun_world world;
  answer_box box;
  world.write(box, {put("d1", R"({"own":true})")});
  world.commit_all();
  world.limits.leaves = 1;
  const auto merged = merge_of_peer(world, 3, checkpoint{{1}, 7, {2}});
  CHECK(merged.code == ec::none);
  CHECK(merged.refused == std::vector<std::string>{"d1"});
  CHECK(world.documents() == 3);
  CHECK(world.stored_checkpoint() == 7);
}

TEST_CASE("of a peer's batch what is damaged here is left out and named, the rest is taken in") {
  begun_world world;
  row_batch damage;
  damage.put(keys::document(world.info.number, "d1"), "nonsense");
  const row_batch* only = &damage;
  REQUIRE(world.rows->commit({&only, 1}, true));
  const auto merged = merge_of_peer(world, 3, checkpoint{{1}, 7, {2}});
  CHECK(merged.code == ec::none);
  CHECK(merged.refused == std::vector<std::string>{"d1"});
  CHECK(world.documents() == 2);
  CHECK(world.stored_checkpoint() == 7);
}

TEST_CASE("documents that go ahead of a checkpoint move none") {
  begun_world world;
  const auto merged = merge_of_peer(world, 2, std::nullopt);
  CHECK(merged.code == ec::none);
  CHECK(world.documents() == 2);
  CHECK(!world.stored_checkpoint());
}

TEST_CASE(
    "what is made of small writes waits for storage, too: no more is on its way than may be") {
  begun_world world;
  const std::string text(defaults::bucket_bytes_on_their_way / 3, 'x');
  answer_box first, patched, behind;
  world.write(first, {put("x", R"({"text":")" + text + "\"}")});
  world.commit_all();
  std::vector<write_op> patches; // each of which writes the whole document again
  for (int n = 0; n < 20; ++n) {
    auto& op = patches.emplace_back(put("x", R"({"n":)" + std::to_string(n) + "}"));
    op.what = write_op::kind::patch;
  }
  std::deque<answer_box> alone(patches.size());
  SUBCASE("of one bulk") { world.write(patched, patches); }
  SUBCASE("of many requests") {
    for (size_t n = 0; n < patches.size(); ++n) world.write(alone[n], {patches[n]});
    world.write(patched, {put("w", "{}")});
  }
  world.write(behind, {put("y", "{}")});
  size_t most = 0;
  do {
    world.run();
    size_t bytes = 0;
    for (const commit_batch& batch : world.script.commits) bytes += batch.rows->bytes();
    most = std::max(most, bytes);
    CHECK(world.counters->bytes_on_their_way.load() == bytes);
    if (!world.script.commits.empty()) world.script.commit(*world.rows);
  } while (!world.script.commits.empty());
  world.commit_all();
  CHECK(most <= 2 * defaults::bucket_bytes_on_their_way);
  CHECK(patched.ok());
  CHECK(behind.ok());
  CHECK(world.counters->bytes_on_their_way.load() == 0);
}

TEST_CASE("where much of other buckets is on its way, a bucket has one batch of its own there") {
  begun_world world;
  world.counters->bytes_on_their_way = defaults::node_bytes_on_their_way + 1;
  answer_box bulk;
  world.write(bulk, large_documents(20));
  size_t most = 0;
  do {
    world.run();
    most = std::max(most, world.script.commits.size());
    if (!world.script.commits.empty()) world.script.commit(*world.rows);
  } while (!world.script.commits.empty());
  world.commit_all();
  CHECK(most == 1);
  CHECK(bulk.ok());
}

TEST_CASE("a bulk whose bucket starts over while it is applied is answered by what became of it") {
  bool some_is_there = false;
  SUBCASE("some of it is there") { some_is_there = true; }
  SUBCASE("none of it is there") {}
  begun_world world;
  const std::string text(defaults::bucket_bytes_on_their_way / 2, 'x');
  answer_box bulk, waiting;
  std::vector<write_op> ops;
  for (int n = 0; n < 8; ++n)
    ops.push_back(put("d" + std::to_string(n), R"({"text":")" + text + "\"}"));
  world.write(bulk, ops);
  world.write(waiting, {put("z", "{}")});
  world.run(); // held: two or three of them are on their way
  REQUIRE(!world.script.commits.empty());
  if (some_is_there) {
    world.script.commit(*world.rows);
    world.run();
  }
  while (!world.script.commits.empty()) {
    world.script.answer(ec::disk_full);
    world.run();
  }
  CHECK(bulk.code() == (some_is_there ? ec::ambiguous : ec::disk_full));
  CHECK(waiting.given == 0); // it was not begun: it goes on in the next epoch
  world.script.begin(2);
  world.commit_all();
  CHECK(waiting.ok());
  CHECK(world.documents() == (some_is_there ? 2 : 1));
  CHECK(world.counters->bytes_on_their_way.load() == 0);
}

} // namespace treadmill::test
