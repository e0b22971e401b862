#include "actors/defaults.hpp"
#include "tests/actors/log_file.hpp"
#include "tests/actors/node_world.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <thread>

namespace treadmill::test {

namespace {

/// Makes writes fail until one needs a new log file, and with it the store.
void break_store(node_world& world) {
  answer_box lost;
  world.broken = true;
  const std::string large = R"({"text":")" + std::string(70'000, 'x') + "\"}";
  for (int i = 0; i < 10 && lost.code() == ec::none; ++i) {
    world.write(lost, "b", {put("large", large)});
    world.run();
  }
  CHECK(lost.code() == ec::ambiguous);
}

} // namespace

TEST_CASE("the first write makes the bucket, and many that wait share one commit") {
  node_world world;
  answer_box first;
  world.write(first, "b", {put("a", "{}")});
  world.run();
  REQUIRE(first.ok());
  const uint64_t commits = world.counters->commits.load();
  std::vector<answer_box> boxes(50);
  for (size_t i = 0; i < boxes.size(); ++i) {
    world.write(boxes[i], "b", {put("doc" + std::to_string(i), "{}")});
  }
  world.run();
  for (const answer_box& box : boxes) CHECK(box.ok());
  CHECK(world.counters->commits.load() - commits <= 2);
  CHECK(world.sequence("b") == 51);
}

TEST_CASE("two buckets that write at once share a commit") {
  node_world world;
  answer_box a, b;
  world.write(a, "a", {put("x", "{}")});
  world.write(b, "b", {put("x", "{}")});
  world.run();
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  const uint64_t commits = world.counters->commits.load();
  const uint64_t batches = world.counters->committed_batches.load();
  answer_box c, d;
  world.write(c, "a", {put("y", "{}")});
  world.write(d, "b", {put("y", "{}")});
  world.run();
  CHECK(world.counters->committed_batches.load() - batches == 2);
  CHECK(world.counters->commits.load() - commits == 1);
}

TEST_CASE("a compaction that is asked for is done by storage, tick by tick, beside writes") {
  node_world world;
  answer_box first, beside;
  world.write(first, "b", {put("a", "{}")});
  world.run();
  for (int idle = 0; idle < 3; ++idle)
    world.advance(defaults::tick_interval); // nothing to clean up
  world.gateway->compact(world.rows->find_bucket("b")->number);
  world.gateway->compact(std::nullopt);
  CHECK(world.rows->compacting());
  world.write(beside, "b", {put("c", "{}")});
  world.run();
  CHECK(beside.ok());
  CHECK(world.rows->compacting());
  for (int ticks = 0; world.rows->compacting() && ticks < 10; ++ticks)
    world.advance(defaults::tick_interval);
  CHECK(!world.rows->compacting());
}

TEST_CASE("a write to a bucket that is not there and must not be made is not found") {
  node_world world;
  answer_box box;
  world.write(box, "none", {put("a", "{}")}, false);
  world.run();
  CHECK(box.code() == ec::not_found);
  CHECK(world.rows->buckets().empty());
}

TEST_CASE("calls whose deadline has passed before they are begun are not begun") {
  node_world world;
  const auto late = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
  std::vector<ec> told;
  const auto note = [&](const auto& answer) {
    told.push_back(answer ? ec::none : answer.error().code);
  };
  world.gateway->create_bucket("b", late, note);
  world.run();
  CHECK(world.rows->buckets().empty());
  world.gateway->create_bucket("b", soon(), note);
  world.run();
  CHECK(world.rows->buckets().size() == 1);
  world.gateway->drop_bucket("b", late, note);
  world.run();
  CHECK(world.rows->buckets().size() == 1);
  answer_box box;
  world.gateway->write("new", true, group({put("a", "{}")}), late, box.function());
  world.run();
  CHECK(box.code() == ec::deadline_exceeded);
  CHECK(world.rows->buckets().size() == 1);
  CHECK(told == std::vector{ec::deadline_exceeded, ec::none, ec::deadline_exceeded});
}

TEST_CASE("past the bound of waiting writes a client is refused and nothing of it is applied") {
  node_world world({}, 3);
  answer_box first;
  world.write(first, "b", {put("a", "{}")});
  world.run();
  std::vector<answer_box> boxes(5);
  for (size_t i = 0; i < boxes.size(); ++i) world.write(boxes[i], "b", {put("d", "{}")});
  CHECK(boxes[3].code() == ec::overloaded);
  CHECK(boxes[4].code() == ec::overloaded);
  world.run();
  CHECK(boxes[0].ok());
  CHECK(boxes[2].ok());
  CHECK(world.sequence("b") == 4);
  CHECK(world.counters->queued_writes.load() == 0);
  CHECK(world.counters->queued_bytes.load() == 0);
  answer_box later;
  world.write(later, "b", {put("e", "{}")});
  world.run();
  CHECK(later.ok());
}

TEST_CASE("past the bound of bytes too, but one large write is always let in") {
  node_world world;
  const std::string large = "{\"text\":\"" + std::string(2 << 20, 'x') + "\"}";
  answer_box alone, beside;
  world.write(alone, "b", {put("a", large)});
  world.write(beside, "b", {put("b", "{}")});
  CHECK(beside.code() == ec::overloaded);
  world.run();
  CHECK(alone.ok());
}

TEST_CASE("a bucket actor that dies is started again and goes on from what is stored") {
  node_world world;
  answer_box before;
  world.write(before, "b", {put("a", R"({"n":1})")});
  world.run();
  const bucket_actor old = world.find_bucket("b");
  answer_box lost;
  world.write(lost, "b", {put("a", R"({"n":2})")});
  caf::anon_send_exit(old, caf::exit_reason::kill);
  world.run();
  CHECK(lost.given == 1); // done or ambiguous, but never silence
  CHECK(world.counters->restarts.load() == 1);
  CHECK(world.find_bucket("b") != old);
  answer_box after;
  world.write(after, "b", {put("c", "{}")});
  world.run();
  CHECK(after.ok());
}

TEST_CASE("the death of one bucket leaves the others alone") {
  node_world world;
  answer_box a, b;
  world.write(a, "a", {put("x", "{}")});
  world.write(b, "b", {put("x", "{}")});
  world.run();
  const bucket_actor other = world.find_bucket("b");
  caf::anon_send_exit(world.find_bucket("a"), caf::exit_reason::kill);
  answer_box during;
  world.write(during, "b", {put("y", "{}")});
  world.run();
  CHECK(during.ok());
  CHECK(world.find_bucket("b") == other);
}

TEST_CASE("when storage dies, it and the buckets start over and nothing acknowledged is lost") {
  node_world world;
  answer_box before;
  world.write(before, "b", {put("a", "{}")});
  world.run();
  caf::anon_send_exit(world.storage_now, caf::exit_reason::kill);
  world.run();
  CHECK(world.counters->restarts.load() == 1);
  answer_box after;
  world.write(after, "b", {put("a", R"({"n":2})")});
  world.run();
  REQUIRE(after.ok());
  CHECK(after.answer->outcomes[0].rev.number() == 2);
}

TEST_CASE(
    "a dropped bucket is gone for its writers, and its name can be used again with a new number") {
  node_world world;
  answer_box before;
  world.write(before, "b", {put("a", "{}")});
  world.run();
  const bucket_info old = *world.rows->find_bucket("b");
  std::optional<result<void>> dropped;
  world.gateway->drop_bucket("b", soon(), [&](result<void> done) { dropped = done; });
  world.run();
  REQUIRE(dropped.has_value());
  CHECK(dropped->has_value());
  answer_box none;
  world.write(none, "b", {put("a", "{}")}, false);
  world.run();
  CHECK(none.code() == ec::not_found);
  answer_box again;
  world.write(again, "b", {put("a", "{}")});
  world.run();
  REQUIRE(again.ok());
  CHECK(again.answer->outcomes[0].rev.number() == 1);
  CHECK(world.rows->find_bucket("b")->number > old.number);
  CHECK(world.rows->find_bucket("b")->log_id != old.log_id);
}

TEST_CASE("a write that is in flight when its bucket is dropped does not bring it back") {
  node_world world;
  answer_box before, flying;
  world.write(before, "b", {put("a", "{}")});
  world.run();
  const uint32_t number = world.rows->find_bucket("b")->number;
  std::optional<result<void>> dropped;
  world.gateway->drop_bucket("b", soon(), [&](result<void> done) { dropped = done; });
  const bucket_actor actor = world.find_bucket("b");
  if (actor) {
    caf::anon_send(actor, write_documents{group({put("z", "{}")}), soon(), flying.reply_to_here()});
  } else {
    flying.function()(write_answer{{ec::not_found, ""}, {}});
  }
  world.run();
  CHECK(flying.given == 1);
  CHECK_FALSE(flying.ok());
  CHECK_FALSE(world.rows->alive(number));
  world.advance(std::chrono::seconds(1)); // the rows go in the background
  const auto row = world.rows->latest().read(keys::document(number, "a"));
  REQUIRE(row);
  CHECK_FALSE(row->has_value());
}

TEST_CASE("below the floor of free space the rows of a dropped bucket go, which makes room") {
  node_world world;
  answer_box before;
  world.write(before, "b", {put("a", "{}")});
  world.run();
  const auto tick = [&] {
    for (int i = 0; i < 10; ++i) world.advance(std::chrono::milliseconds(100));
  };
  tick(); // nothing is left to clean up
  const uint32_t number = world.rows->find_bucket("b")->number;
  world.space.free_bytes = 1;
  const auto end = soon();
  while (world.rows->check_space() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  answer_box refused;
  world.write(refused, "b", {put("a", "{}")});
  world.run();
  CHECK(refused.code() == ec::disk_full);
  std::optional<result<void>> dropped;
  world.gateway->drop_bucket("b", soon(), [&](result<void> done) { dropped = done; });
  world.run();
  REQUIRE(dropped.has_value());
  CHECK(dropped->has_value());
  tick();
  CHECK_FALSE(world.rows->writable());
  CHECK_FALSE(world.rows->latest().read(keys::document(number, "a"))->has_value());
  CHECK_FALSE(world.rows->latest().read(keys::dead_bucket(number))->has_value());
}

TEST_CASE("what keeps a failed store from being reopened is logged once, and feeds hear of the "
          "reopen") {
  node_world world;
  answer_box before, after;
  world.write(before, "b", {put("a", "{}")});
  world.run();
  const uint32_t number = world.rows->find_bucket("b")->number;
  int woken = 0;
  const auto handle = world.gateway->follow(number, waker([&] { ++woken; }));
  const logging_to_file log(log::level::info, log::format::text);
  const auto count = [&](std::string_view part) {
    const auto lines = log.lines();
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  };
  break_store(world);
  for (int tick = 0; tick < 5; ++tick) world.advance(std::chrono::milliseconds(100));
  CHECK(world.rows->latest().read("x").error().code == ec::overloaded); // it is closed
  CHECK(count("the store cannot be reopened") == 1);
  CHECK(count("the directory of the store cannot be synced") >= 1);
  woken = 0;
  world.broken = false;
  world.advance(std::chrono::milliseconds(100));
  CHECK(count("the store was reopened") == 1);
  CHECK(count("the store cannot be reopened") == 1);
  world.write(after, "b", {put("a", "{}")});
  world.run();
  CHECK(after.ok());
  CHECK(woken >= 1);
}

TEST_CASE("a store that failed opens again below the floor of free space, for what makes room") {
  node_world world;
  answer_box refused;
  break_store(world);
  world.broken = false;
  world.space.free_bytes = defaults::free_floor_bytes / 2;
  std::this_thread::sleep_for(2 * defaults::free_space_age);
  REQUIRE(world.rows->failed());
  world.advance(defaults::tick_interval);
  CHECK_FALSE(world.rows->failed());
  CHECK_FALSE(world.rows->writable());
  world.write(refused, "b", {put("a", "{}")});
  world.run();
  CHECK(refused.code() == ec::disk_full);
  result<void> dropped = fail(ec::internal, "");
  world.gateway->drop_bucket("b", soon(), [&](result<void> done) { dropped = done; });
  world.run();
  CHECK(dropped);
}

TEST_CASE("whatever call meets a failing disk, a bucket with unsynced writes starts over") {
  node_world world(std::chrono::hours(1));
  const auto drop = [&](const std::string& bucket) {
    result<void> dropped;
    world.gateway->drop_bucket(bucket, soon(), [&](result<void> done) { dropped = done; });
    world.run();
    return dropped;
  };
  const auto write_one = [&](const std::string& bucket, const std::string& id, size_t bytes) {
    answer_box box;
    world.write(box, bucket, {put(id, R"({"text":")" + std::string(bytes, 'x') + "\"}")});
    world.run();
    REQUIRE(box.ok());
  };
  write_one("b", "a", 1);
  write_one("gone", "a", 1);
  const uint32_t number = world.rows->find_bucket("b")->number;
  constexpr uint64_t epoch = 1; // the first that began
  for (int i = 0; i < 10; ++i) world.advance(std::chrono::milliseconds(100)); // all is cleaned up
  if (world.rows->failures() != 0) FAIL("nothing failed yet");
  SUBCASE("the drop of a bucket") {
    write_one("b", "large", 70'000); // the next write needs a new log
    world.broken = true;
    CHECK(drop("gone").error().code == ec::ambiguous);
  }
  SUBCASE("the making of one") {
    write_one("b", "large", 70'000);
    world.broken = true;
    answer_box box;
    world.write(box, "new", {put("a", "{}")});
    world.run();
    CHECK_FALSE(box.ok());
  }
  SUBCASE("the removal of a dropped bucket's rows") {
    REQUIRE(drop("gone"));
    write_one("b", "large", 70'000);
    world.broken = true;
  }
  for (int i = 0; i < 20 && world.rows->failures() == 0; ++i)
    world.advance(std::chrono::milliseconds(100));
  REQUIRE(world.rows->failures() == 1);
  world.broken = false;
  for (int i = 0; i < 20 && !world.rows->writable(); ++i)
    world.advance(std::chrono::milliseconds(100));
  REQUIRE(world.rows->writable());
  auto rows = std::make_shared<row_batch>();
  rows->put(keys::document(number, "ahead"), "x");
  caf::scoped_actor self(world.system, true);
  auto asked = self->request(world.storage_now, std::chrono::seconds(1),
                             commit_batch{number, epoch, 1, std::move(rows)});
  world.run();
  asked.receive([](const batch_done& done) { CHECK(done.code == ec::overloaded); },
                [](const caf::error&) { FAIL("storage answers"); });
  answer_box told;
  world.write(told, "b", {put("later", "{}")});
  world.run();
  CHECK(told.code() == ec::overloaded); // nothing was applied
  write_one("b", "later", 1);           // after it began anew
}

TEST_CASE("after a failure the next batch of an index that was not synced is refused, once") {
  node_world world;
  answer_box box;
  world.write(box, "b", {put("a", "{}")});
  world.run();
  REQUIRE(box.ok());
  const uint32_t number = world.rows->find_bucket("b")->number;
  caf::scoped_actor self(world.system, true);
  const auto commit = [&](uint32_t index, bool sync, size_t bytes = 1) {
    auto rows = std::make_shared<row_batch>();
    rows->put(keys::index_state(number, index), std::string(bytes, 'x'));
    auto asked = self->request(world.storage_now, std::chrono::seconds(1),
                               commit_index{number, index, std::move(rows), false, sync});
    world.run();
    ec code = ec::internal;
    asked.receive([&](const index_committed& done) { code = done.code; },
                  [](const caf::error&) { FAIL("storage answers"); });
    return code;
  };
  CHECK(commit(7, true) == ec::none);
  CHECK(commit(8, false, 70'000) == ec::none); // the next write needs a new log
  world.broken = true;
  CHECK(commit(9, false) == ec::ambiguous);
  world.broken = false;
  for (int i = 0; i < 20 && !world.rows->writable(); ++i)
    world.advance(std::chrono::milliseconds(100));
  REQUIRE(world.rows->writable());
  CHECK(commit(7, false) == ec::none); // nothing of it can be missing
  CHECK(commit(8, false) == ec::overloaded);
  CHECK(commit(8, false) == ec::none); // its view has read the store again
  CHECK(commit(9, false) == ec::none); // which its view did when it was told of the failure
}

TEST_CASE("a refused epoch: storage writes nothing of a bucket that did not begin anew") {
  node_world world;
  answer_box before;
  world.write(before, "b", {put("a", "{}")});
  world.run();
  const uint32_t number = world.rows->find_bucket("b")->number;
  auto rows = std::make_shared<row_batch>();
  rows->put(keys::document(number, "intruder"), "x");
  caf::scoped_actor self(world.system, true);
  auto asked = self->request(world.storage_now, std::chrono::seconds(1),
                             commit_batch{number, 999, 1, std::move(rows)});
  world.run();
  asked.receive([](const batch_done& done) { CHECK(done.code == ec::overloaded); },
                [](const caf::error&) { FAIL("storage answers"); });
  CHECK_FALSE(world.rows->latest().read(keys::document(number, "intruder"))->has_value());
}

TEST_CASE("with an interval, a write is answered before its sync, which follows in time") {
  node_world world(std::chrono::milliseconds(100));
  answer_box box;
  world.write(box, "b", {put("a", "{}")});
  world.run();
  CHECK(box.ok());
  world.advance(
      std::chrono::milliseconds(300)); // syncs; what it syncs is tested with the crash tests
  CHECK(world.rows->failures() == 0);
}

TEST_CASE("with an interval, feeds are woken by the sync, and no sooner") {
  node_world world(std::chrono::milliseconds(1));
  answer_box made, box;
  world.write(made, "b", {put("a", "{}")});
  world.run();
  REQUIRE(made.ok());
  const uint32_t number = world.rows->find_bucket("b")->number;
  const auto wait_for_sync = [&](uint64_t sequence) {
    const auto end = soon();
    while (world.rows->synced().state(number)->sequence < sequence) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      world.advance(std::chrono::milliseconds(100));
    }
  };
  wait_for_sync(1);
  int woken = 0;
  const auto handle = world.gateway->follow(number, waker([&] { ++woken; }));
  world.write(box, "b", {put("b", "{}")});
  world.run();
  CHECK(box.ok());
  CHECK(world.sequence("b") == 2);
  CHECK(world.rows->synced().state(number)->sequence == 1);
  CHECK(woken == 0);
  SUBCASE("by the sync of an interval") {
    wait_for_sync(2);
    CHECK(woken == 1);
  }
  SUBCASE("also where the bucket's actor died meanwhile") {
    caf::anon_send_exit(world.find_bucket("b"), caf::exit_reason::kill);
    world.run();
    woken = 0;
    wait_for_sync(2);
    CHECK(woken == 1);
  }
  SUBCASE("also where storage died, which syncs") {
    caf::anon_send_exit(world.storage_now, caf::exit_reason::kill);
    world.run();
    CHECK(world.rows->synced().state(number)->sequence == 2);
    CHECK(woken > 0);
  }
}

TEST_CASE("feeds are woken by commits of their bucket, by its drop and by the end of the node") {
  node_world world;
  answer_box box;
  world.write(box, "b", {put("a", "{}")});
  world.run();
  const uint32_t number = world.rows->find_bucket("b")->number;
  int woken = 0;
  auto handle = world.gateway->follow(number, waker([&] { ++woken; }));
  answer_box other;
  world.write(other, "c", {put("a", "{}")});
  world.run();
  CHECK(woken == 0);
  world.write(box, "b", {put("a", "{}")});
  world.run();
  CHECK(woken == 1);
  world.gateway->drop_bucket("b", soon(), [](result<void>) {});
  world.run();
  CHECK(woken == 2);
  world.gateway->stop();
  CHECK(woken == 3);
  handle.reset();
  world.gateway->stop();
  CHECK(woken == 3);
}

TEST_CASE("a node that is ending takes no writes") {
  node_world world;
  world.gateway->stop();
  answer_box box;
  world.write(box, "b", {put("a", "{}")});
  CHECK(box.code() == ec::shutting_down);
  CHECK_FALSE(world.gateway->ready());
}

TEST_CASE("local rows are written in order, only if they are what the writer says, and read back") {
  node_world world;
  answer_box box;
  world.write(box, "b", {put("a", "{}")});
  world.run();
  REQUIRE(box.ok());
  const uint32_t number = world.rows->find_bucket("b")->number;
  std::vector<ec> codes;
  const auto change = [&](const std::string& bucket, std::optional<std::string> value,
                          std::optional<std::string> before) {
    world.gateway->write_local(
        bucket, {"name", std::move(value), true, std::move(before)}, soon(),
        [&](const result<void>& done) { codes.push_back(done ? ec::none : done.error().code); });
  };
  change("b", "1", std::nullopt);
  change("b", "2", "1"); // sees the one before it, which is not committed yet
  change("b", "3", "1");
  change("missing", "1", std::nullopt);
  world.run();
  std::sort(codes.begin(), codes.end());
  std::vector<ec> expected{ec::none, ec::none, ec::conflict, ec::not_found};
  std::sort(expected.begin(), expected.end());
  CHECK(codes == expected);
  CHECK(world.gateway->read_local(number, "name").value() == "2");
  CHECK(!world.rows->find_bucket("missing"));
  CHECK(world.sequence("b") == 1);
  change("b", std::nullopt, "2");
  world.run();
  CHECK(codes.back() == ec::none);
  CHECK(!world.gateway->read_local(number, "name").value());
}

} // namespace treadmill::test
