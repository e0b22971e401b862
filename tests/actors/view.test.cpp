#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/function_calls.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/index/index_reader.hpp"
#include "storage/index/term.hpp"
#include "tests/actors/node_world.hpp"
#include <doctest/doctest.h>
#include <set>
#include <thread>

namespace treadmill::test {
namespace {

/// Documents are {"n":…}; the pool's map gives n, whatever the function says.
struct query_world : node_world {
  using node_world::node_world;

  bool put_documents(int from, int to) {
    std::vector<write_op> ops;
    for (int i = from; i < to; ++i)
      ops.push_back(put("d" + std::to_string(i), R"({"n":)" + std::to_string(i) + "}"));
    answer_box box;
    write(box, "b", std::move(ops));
    run();
    return box.ok();
  }
  bool define(const std::string& map, const std::string& reduce = "") {
    answer_box box;
    write(box, "b", {put(query_document_id("q"), definition_body({map, reduce}))});
    run();
    return box.ok();
  }
  bool remove(const std::string& id) {
    write_op op;
    op.what = write_op::kind::remove;
    op.id = id;
    answer_box box;
    write(box, "b", {std::move(op)});
    run();
    return box.ok();
  }
  uint32_t bucket() const { return rows->find_bucket("b")->number; }
  query_board::shown shown() const { return board->find(bucket(), "q"); }

  /// The documents that have rows, as the index has them.
  std::set<std::string> indexed(const read_view& view) const {
    std::set<std::string> ids;
    const auto read = index_reader(view, shown()->where).rows({}, [&](const index_row& row) {
      ids.emplace(row.id);
      return true;
    });
    CHECK(read);
    return ids;
  }
  std::set<std::string> indexed() const { return indexed(rows->latest()); }
  /// Rows of all indexes of the bucket.
  size_t stored_rows() const {
    size_t count = 0;
    const auto read =
        rows->latest().scan(keys::index_begin(bucket(), 0), keys::index_begin(bucket(), UINT32_MAX),
                            [&](std::string_view, std::string_view) {
                              ++count;
                              return true;
                            });
    CHECK(read);
    return count;
  }
};

std::set<std::string> ids(int from, int to) {
  std::set<std::string> all;
  for (int i = from; i < to; ++i) all.insert("d" + std::to_string(i));
  return all;
}

} // namespace

TEST_CASE("a query is built from what is there and follows what is written") {
  query_world world;
  REQUIRE(world.put_documents(0, 5));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.indexed() == ids(0, 5));
  CHECK(world.shown()->phase == query_phase::ready);
  CHECK(world.shown()->state.sequence == world.sequence("b"));
  REQUIRE(world.put_documents(5, 7));
  REQUIRE(world.remove("d0"));
  CHECK(world.indexed() == ids(1, 7)); // nobody had to ask
  CHECK(world.shown()->state.rows == 6);
}

TEST_CASE("numbers of a worker beyond 64 bits are doubles, as JavaScript writes them") {
  js::mapped made;
  made.emitted = true;
  made.rows.push_back(
      {"18446744073709552000", "[123456789012345680000,1e+22,18446744073709551615]"});
  const run_rows rows = checked_rows(made, {});
  REQUIRE(rows.rows.size() == 1);
  std::string term;
  REQUIRE(append_term(term, "1.8446744073709552e+19"));
  CHECK(rows.rows.front().term == term);
  CHECK(rows.rows.front().value == "[123456789012345683968,1e+22,18446744073709551615]");
  CHECK(checked_value({"123456789012345680000", js::fault::none, {}}, {}).text ==
        "123456789012345683968");
}

TEST_CASE("a function sees a document's own members id and rev in _members") {
  const std::vector<run_document> documents{{"d", "rev1-a", R"({"id":7,"a":1})"},
                                            {"e", "rev1-b", R"({"a":{"id":1}})"}};
  const auto job = map_job_of(nullptr, documents, false);
  REQUIRE(job.documents.size() == 2);
  CHECK(job.documents[0].body == R"({"_members":{"id":7},"a":1})");
  CHECK(job.documents[0].id == "d");
  CHECK(job.documents[1].body == R"({"a":{"id":1}})");
}

TEST_CASE("every document is mapped once for its last change, however many ask") {
  query_world world;
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  world.pool->hold = true;
  REQUIRE(world.put_documents(0, 3));
  int answered = 0;
  for (int i = 0; i < 20; ++i)
    world.gateway->await_query("b", "q", world.sequence("b"), soon(), [&](result<void> got) {
      CHECK(got);
      ++answered;
    });
  world.run();
  CHECK(answered == 0);
  world.release();
  CHECK(answered == 20);
  CHECK(world.pool->documents == 3);
}

TEST_CASE("an answer of the pool that is short is asked for again") {
  query_world world;
  world.pool->documents_an_answer = 2;
  REQUIRE(world.put_documents(0, 9));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.indexed() == ids(0, 9));
  CHECK(world.pool->documents == 9);
}

TEST_CASE("while a query is redefined its former index answers, then goes") {
  query_world world;
  REQUIRE(world.put_documents(0, 4));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  const index_id before = world.shown()->where;
  world.pool->hold = true;
  world.pool->map = [](const js::function&, const js::document&) { return js::mapped{}; };
  REQUIRE(world.define("another"));
  world.run();
  CHECK(world.shown()->phase == query_phase::redefining);
  CHECK(world.shown()->where == before);
  CHECK(world.shown()->definition.map == "another");
  CHECK(world.shown()->answering.map == "m");
  CHECK(world.shown()->state.sequence == world.sequence("b")); // it keeps up
  CHECK(world.indexed() == ids(0, 4));
  world.release();
  CHECK(world.shown()->phase == query_phase::ready);
  CHECK_FALSE(world.shown()->where == before);
  CHECK(world.indexed().empty());
  CHECK(world.pool->forgotten.size() == 1);
  for (int i = 0; i < 20; ++i) world.advance(defaults::tick_interval); // cleaning up
  CHECK(world.stored_rows() == 1);                                     // the new one's state
}

TEST_CASE("a new index that was complete when its node ended answers after the start") {
  query_world world;
  REQUIRE(world.put_documents(0, 2));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  // As a view leaves it that dies before it promotes: two indexes, the new one complete.
  const index_id old = world.shown()->where;
  const index_id made{old.bucket, old.index + 1};
  index_state state = world.shown()->state;
  query_row row;
  row.index = old.index;
  row.definition = definition_body({"m", ""});
  row.next = made.index;
  row.next_definition = definition_body({"another", ""});
  answer_box box;
  world.pool->hold = true;
  world.write(box, "b", {put(query_document_id("q"), row.next_definition)});
  world.run();
  REQUIRE(box.ok());
  state.rows = state.documents = 0;
  state.sequence = state.position = state.target = world.sequence("b");
  row_batch rows;
  rows.put(keys::query(old.bucket, "q"), row.encode());
  rows.put(keys::index_state(made.bucket, made.index), state.encode());
  const row_batch* const only = &rows;
  REQUIRE(world.rows->commit({&only, 1}, true));
  caf::anon_send_exit(world.storage_now, caf::exit_reason::kill);
  world.run();
  CHECK(world.shown()->where == made);
  CHECK(world.shown()->phase == query_phase::ready);
  world.release();
}

TEST_CASE("the same definition again changes nothing") {
  query_world world;
  REQUIRE(world.put_documents(0, 2));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  const auto where = world.shown()->where;
  const size_t mapped = world.pool->documents;
  REQUIRE(world.remove(query_document_id("q")));
  CHECK(world.shown() == nullptr);
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK_FALSE(world.shown()->where == where); // a dropped one is built anew
  CHECK(world.pool->documents == mapped + 2);
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.pool->documents == mapped + 2);
}

TEST_CASE("a query that is deleted is not found, and its rows go") {
  query_world world;
  REQUIRE(world.put_documents(0, 50));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.stored_rows() > 100);
  REQUIRE(world.remove(query_document_id("q")));
  const auto gone = world.catch_up("b", "q");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ec::not_found);
  for (int i = 0; i < 20; ++i) world.advance(defaults::tick_interval);
  CHECK(world.stored_rows() == 0);
}

TEST_CASE("a view that dies goes on where it was") {
  query_world world;
  REQUIRE(world.put_documents(0, 3));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  const uint64_t owner = world.shown()->owner;
  world.pool->hold = true;
  REQUIRE(world.put_documents(3, 5));
  // Its pool dies, and it with it.
  world.pool->held.clear();
  world.pool->hold = false;
  caf::anon_send_exit(world.pool_now, caf::exit_reason::kill);
  world.run();
  CHECK(world.counters->restarts.load() == 1);
  world.pool->documents = 0;
  REQUIRE(world.put_documents(5, 6));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.shown()->owner != owner);
  CHECK(world.indexed() == ids(0, 6));
  CHECK(world.pool->documents <= 3);
}

TEST_CASE("storage that dies costs a query nothing but time") {
  query_world world;
  REQUIRE(world.put_documents(0, 3));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  caf::anon_send_exit(world.storage_now, caf::exit_reason::kill);
  world.run();
  REQUIRE(world.put_documents(3, 5));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.indexed() == ids(0, 5));
}

TEST_CASE("after a failed write of the store an index is right again") {
  query_world world;
  REQUIRE(world.put_documents(0, 3));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  world.broken = true;
  for (int i = 3; i < 400; ++i) {
    if (!world.put_documents(i, i + 1)) break;
  }
  world.broken = false;
  for (int i = 0; i < 30; ++i) world.advance(defaults::tick_interval);
  REQUIRE(world.put_documents(1000, 1001));
  for (int i = 0; i < 30; ++i) world.advance(defaults::tick_interval);
  REQUIRE(world.catch_up("b", "q"));
  const auto documents = world.rows->latest().state(world.bucket())->documents;
  CHECK(world.indexed().size() == documents);
}

TEST_CASE("a document that the map fails on is counted and named, and has no rows") {
  query_world world;
  world.pool->map = [](const js::function& what, const js::document& one) {
    if (one.id != "d1") return map_to_n(what, one);
    js::mapped made;
    made.problem = js::fault::threw;
    made.message = "it threw";
    return made;
  };
  REQUIRE(world.put_documents(0, 3));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.indexed() == std::set<std::string>{"d0", "d2"});
  CHECK(world.shown()->state.errors == 1);
  CHECK(world.shown()->state.error_id == "d1");
  CHECK(world.shown()->state.error_message == "it threw");
  CHECK(world.shown()->state.strikes == 0);
}

TEST_CASE("rows that cannot be stored are a fault of their document") {
  query_world world;
  world.pool->map = [](const js::function&, const js::document&) {
    js::mapped made;
    made.rows.push_back({"\"\\ud800\"", {}});
    return made;
  };
  REQUIRE(world.put_documents(0, 1));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.indexed().empty());
  CHECK(world.shown()->state.errors == 1);
}

TEST_CASE("after ten strikes a query is suspended until it is defined again") {
  query_world world;
  world.pool->map = [](const js::function&, const js::document&) {
    js::mapped made;
    made.problem = js::fault::timed_out;
    made.message = "it took too long";
    return made;
  };
  REQUIRE(world.put_documents(0, 10));
  REQUIRE(world.define("m"));
  const auto got = world.catch_up("b", "q");
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ec::query_suspended);
  CHECK(got.error().reason.find("it took too long") != std::string::npos);
  CHECK(world.shown()->phase == query_phase::suspended);
  const size_t jobs = world.pool->jobs;
  REQUIRE(world.put_documents(10, 12));
  CHECK(world.pool->jobs == jobs);
  world.pool->map = map_to_n;
  REQUIRE(world.define("better"));
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.shown()->phase == query_phase::ready);
  CHECK(world.indexed() == ids(0, 12));
}

TEST_CASE("strikes count before their part is mapped as a whole") {
  query_world world;
  world.pool->documents_an_answer = 1;
  world.pool->map = [](const js::function&, const js::document&) {
    js::mapped made;
    made.problem = js::fault::crashed;
    made.message = "it crashed";
    return made;
  };
  REQUIRE(world.put_documents(0, 300));
  REQUIRE(world.define("m"));
  const auto got = world.catch_up("b", "q");
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ec::query_suspended);
  CHECK(world.pool->jobs < 20);
  // It is remembered.
  caf::anon_send_exit(world.storage_now, caf::exit_reason::kill);
  world.run();
  CHECK(world.shown()->phase == query_phase::suspended);
  CHECK(world.shown()->state.error_message == "it crashed");
}

TEST_CASE("rows of a part that come piece by piece are committed piece by piece") {
  query_world world;
  world.pool->documents_an_answer = 1;
  world.pool->hold = true;
  REQUIRE(world.put_documents(0, 10));
  REQUIRE(world.define("m"));
  for (int done = 1; done <= 9; ++done) {
    REQUIRE(world.pool->held.size() == 1); // the rest is asked for when the first is committed
    world.release(1);
    CHECK(world.indexed() == ids(0, done));
  }
  world.release();
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.indexed() == ids(0, 10));
  CHECK(world.slots->free() == 4);
}

TEST_CASE("a build waits for room for its rows, and goes on with it") {
  query_world world;
  std::vector<row_slots::slot> taken;
  for (int i = 0; i < 4; ++i) taken.push_back(world.slots->take(0, [] {}));
  REQUIRE(world.put_documents(0, 10));
  REQUIRE(world.define("m"));
  CHECK(world.pool->jobs == 0);
  taken.pop_back();
  world.run();
  REQUIRE(world.catch_up("b", "q"));
  CHECK(world.indexed() == ids(0, 10));
  taken.clear();
  CHECK(world.slots->free() == 4);
}

TEST_CASE("a build that ends while it waits for a row slot keeps no place in the queue") {
  query_world world;
  std::vector<row_slots::slot> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(world.slots->take(0, [] {}));
  REQUIRE(world.put_documents(0, 1200)); // two parts
  world.pool->hold = true;
  auto phase = query_phase::suspended;
  SUBCASE("because its map is not a function") { world.pool->outcome = js::outcome::bad_function; }
  SUBCASE("because of its strikes") {
    world.pool->map = [](const js::function&, const js::document&) {
      js::mapped made;
      made.problem = js::fault::timed_out;
      return made;
    };
  }
  SUBCASE("for a while, without workers") {
    world.pool->outcome = js::outcome::unavailable;
    phase = query_phase::building;
  }
  REQUIRE(world.define("m"));
  REQUIRE(world.slots->free() == 0);
  REQUIRE(world.pool->jobs == 1); // the second part waits
  world.release();
  CHECK(world.shown()->phase == phase);
  taken.clear();
  CHECK(world.slots->free() == 4);
}

TEST_CASE("an index leaves room on the disk: it is suspended with the reason, and goes on later") {
  query_world world;
  REQUIRE(world.put_documents(0, 10));
  const disk_space before = world.space;
  // Above the floor, by less than a compaction may take.
  world.space.free_bytes = defaults::free_floor_bytes + 100 * defaults::kibibyte;
  REQUIRE(world.define("m"));
  const auto refused = world.catch_up("b", "q");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ec::query_suspended);
  CHECK(refused.error().reason.find("the disk is nearly full") != std::string::npos);
  CHECK(world.shown()->phase == query_phase::suspended);
  CHECK(world.shown()->problem.find("the disk is nearly full") != std::string::npos);
  CHECK(world.rows->writable());
  REQUIRE(world.put_documents(10, 11)); // clients go on
  SUBCASE("when there is room again") {
    world.space = before;
    world.advance(defaults::view_pause);
    REQUIRE(world.catch_up("b", "q"));
    CHECK(world.shown()->phase == query_phase::ready);
    CHECK(world.shown()->problem.empty());
    CHECK(world.indexed() == ids(0, 11));
  }
  SUBCASE("or the query is dropped") {
    REQUIRE(world.remove(query_document_id("q")));
    CHECK(world.shown() == nullptr);
  }
  CHECK(world.slots->free() == 4);
}

TEST_CASE("below the floor of free space a query is dropped, and its rows go") {
  query_world world;
  REQUIRE(world.put_documents(0, 50));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  const disk_space before = world.space;
  world.space.free_bytes = defaults::free_floor_bytes / 2;
  std::this_thread::sleep_for(2 * defaults::free_space_age);
  write_op removal;
  removal.what = write_op::kind::remove;
  removal.id = query_document_id("q");
  answer_box removed;
  answer_box other;
  SUBCASE("where nobody knew of it yet, with another bucket's write") {
    world.write(other, "c", {put("a", "{}")});
    world.write(removed, "b", {removal});
    world.run();
    CHECK(other.code() == ec::disk_full);
  }
  SUBCASE("where it is known") {
    CHECK_FALSE(world.put_documents(50, 51));
    CHECK_FALSE(world.rows->writable());
    CHECK_FALSE(world.put_documents(51, 52));
    world.write(removed, "b", {removal});
    world.run();
  }
  CHECK(removed.ok());
  for (int i = 0; i < 20; ++i) world.advance(defaults::tick_interval);
  CHECK(world.shown() == nullptr);
  CHECK(world.stored_rows() == 0);
  CHECK_FALSE(world.put_documents(52, 53));
  CHECK_FALSE(world.define("m"));
  world.space = before;
  std::this_thread::sleep_for(2 * defaults::free_space_age);
  world.advance(defaults::tick_interval);
  CHECK(world.put_documents(53, 54));
}

TEST_CASE("a map that is no function suspends its query at once") {
  query_world world;
  world.pool->outcome = js::outcome::bad_function;
  REQUIRE(world.put_documents(0, 1));
  REQUIRE(world.define("m"));
  const auto got = world.catch_up("b", "q");
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ec::query_suspended);
}

TEST_CASE("without workers a query waits and tries again") {
  query_world world;
  world.pool->outcome = js::outcome::unavailable;
  REQUIRE(world.put_documents(0, 2));
  REQUIRE(world.define("m"));
  for (int i = 0; i < 3; ++i) world.advance(defaults::view_pause);
  CHECK(world.pool->jobs < 10);
  world.pool->outcome = js::outcome::done;
  world.advance(defaults::view_pause);
  CHECK(world.indexed() == ids(0, 2));
}

TEST_CASE("without workers whoever waits for an index is told so, long before the deadline") {
  query_world world;
  world.pool->outcome = js::outcome::unavailable;
  REQUIRE(world.put_documents(0, 2));
  REQUIRE(world.define("m"));
  result<void> got = fail(ec::internal, "not answered");
  world.gateway->await_query("b", "q", world.sequence("b"), soon(),
                             [&](result<void> answer) { got = std::move(answer); });
  world.run();
  world.advance(defaults::view_pause); // with the next attempt, long before the deadline
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ec::unavailable);
  world.pool->outcome = js::outcome::done;
  world.advance(defaults::view_pause);
  CHECK(world.catch_up("b", "q"));
}

TEST_CASE("who waits for too long learns how far the index is") {
  query_world world;
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  world.pool->hold = true;
  REQUIRE(world.put_documents(0, 3));
  const auto got = world.catch_up("b", "q", std::chrono::steady_clock::now());
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ec::overloaded);
  CHECK(got.error().reason.find("the index is at 1 of 4") != std::string::npos);
  world.release();
}

TEST_CASE("during a long run the index of before it is there for who takes it stale") {
  query_world world;
  REQUIRE(world.put_documents(0, 2));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  const uint64_t covered = world.shown()->state.sequence;
  world.pool->hold = true;
  REQUIRE(world.put_documents(2, 1200));
  REQUIRE_FALSE(world.pool->held.empty());
  // The first part is mapped and committed, the others are not.
  world.release(1);
  REQUIRE(world.shown()->before);
  CHECK(world.shown()->state.sequence == covered);
  CHECK(world.shown()->state.position > covered);
  CHECK(world.indexed(*world.shown()->before) == ids(0, 2));
  world.release();
  REQUIRE(world.catch_up("b", "q"));
  CHECK_FALSE(world.shown()->before);
  CHECK(world.indexed() == ids(0, 1200));
}

TEST_CASE("a dropped bucket's queries end, and nothing of them stays") {
  query_world world;
  REQUIRE(world.put_documents(0, 3));
  REQUIRE(world.define("m"));
  REQUIRE(world.catch_up("b", "q"));
  const uint32_t number = world.bucket();
  world.gateway->drop_bucket("b", soon(), [](result<void> dropped) { CHECK(dropped); });
  world.run();
  CHECK(world.board->find(number, "q") == nullptr);
  for (int i = 0; i < 20; ++i) world.advance(defaults::tick_interval);
  size_t left = 0;
  CHECK(world.rows->latest().scan(keys::bucket_begin(number), keys::bucket_end(number),
                                  [&](std::string_view, std::string_view) {
                                    ++left;
                                    return true;
                                  }));
  CHECK(left == 0);
}

} // namespace treadmill::test
