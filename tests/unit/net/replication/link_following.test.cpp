#include "net/replication/link_following.hpp"
#include "tests/unit/net/replication/link_world.hpp"
#include <algorithm>
#include <deque>
#include <doctest/doctest.h>

namespace treadmill::replication {

using test::linked_node;

namespace {

constexpr uint64_t in_one_frame = 10;

/// The `number`th stretch of a log in which each entry is a new document with its body.
activity stretch(uint64_t number, const link_context& shared, const bucket_info& bucket) {
  activity made;
  made.bucket = bucket.name;
  made.stream = shared.streams;
  made.log_id = hash128{1};
  made.after = number * in_one_frame;
  made.through = made.after + in_one_frame;
  made.last = 1'000'000;
  for (uint64_t sequence = made.after + 1; sequence <= made.through; ++sequence) {
    peer_entry& entry = made.entries.emplace_back();
    entry.sequence = sequence;
    entry.id = "d" + std::to_string(sequence);
    peer_change& change = entry.changes.emplace_back();
    change.body = R"({"n":)" + std::to_string(sequence) + "}";
    change.rev = make_revision({}, false, *change.body);
  }
  return made;
}

} // namespace

TEST_CASE("of a catch-up that never rests only what is on its way is remembered") {
  linked_node node("a", 1);
  const bucket_info bucket = *node.rows->create_bucket("b");
  bucket_core& core = node.core("b");
  link_context shared;
  shared.rows = node.local.get();
  shared.options.random = [] { return 1; };
  following followed(shared, bucket, checkpoint{});
  followed.announced({"b", hash128{1}, 1'000'000, {}}, ticks(0));

  std::deque<apply_batch> on_their_way;
  for (uint64_t number = 0; number < 100; ++number) {
    const ticks now(static_cast<int64_t>(number));
    followed.taken_in(stretch(number, shared, bucket), now);
    for (apply_batch& batch : std::exchange(shared.out.batches, {}))
      on_their_way.push_back(std::move(batch));
    if (on_their_way.size() < 2) continue; // there is always one that is not applied
    for (const replicated_document& document : on_their_way.front().documents)
      REQUIRE(core.merge(document));
    node.commit(core);
    followed.applied(on_their_way.front().ticket, ec::none, now);
    on_their_way.pop_front();
    REQUIRE(followed.documents_on_their_way() == in_one_frame);
  }
  CHECK(node.state("b").documents == 99 * in_one_frame);
  CHECK(shared.rejected == 0);
}

TEST_CASE("a document whose row here is damaged is named and passed over, and the others go on") {
  test::link_world w;
  w.run();
  const bucket_info bucket = *w.b.rows->create_bucket("b");
  row_batch rows;
  rows.put(keys::document(bucket.number, "d1"), "");
  const row_batch* only = &rows;
  REQUIRE(w.b.rows->commit({&only, 1}, true));
  w.a.put("b", "d1", "{}");
  const revision rev = w.a.put("b", "d2", "{}").rev;
  w.run(ticks(5000));
  CHECK(w.b.winner("b", "d2") == rev);
  const link_status status = w.b.link->status(w.now);
  CHECK(status.refused == std::vector<std::string>{"b/d1"});
  CHECK(status.behind == 0);
}

TEST_CASE("what a peer wrote does not wait for what it tells of others") {
  linked_node node("a", 1);
  const bucket_info bucket = *node.rows->create_bucket("b");
  link_context shared;
  shared.rows = node.local.get();
  shared.options.random = [] { return 1; };
  shared.patient = true;
  following followed(shared, bucket, checkpoint{});
  followed.announced({"b", hash128{1}, 11, {}}, ticks(0));
  activity told;
  told.bucket = "b";
  told.stream = shared.streams;
  told.log_id = hash128{1};
  told.through = 1;
  told.last = 11;
  const std::string body = R"({"n":1})";
  told.entries.push_back({1, "elsewhere", {{make_revision({}, false, body), {}}}, {}});
  followed.taken_in(std::move(told), ticks(1));
  CHECK(shared.out.batches.empty());
  activity own = stretch(0, shared, bucket);
  own.after = 1;
  own.through = own.last = 11;
  followed.taken_in(std::move(own), ticks(1));
  REQUIRE(shared.out.batches.size() == 1);
  const apply_batch first = std::exchange(shared.out.batches, {}).front();
  CHECK(first.documents.size() == in_one_frame);
  CHECK_FALSE(first.reached);
  for (const replicated_document& document : first.documents)
    REQUIRE(node.core("b").merge(document));
  node.commit(node.core("b"));
  followed.applied(first.ticket, ec::none, ticks(2));
  CHECK(followed.progress(ticks(2)).sequence == 0);

  node.put("b", "elsewhere", body); // as another link takes it in
  followed.tick(ticks(1) + defaults::other_link_wait);
  CHECK(shared.fetched == 0);
  for (const apply_batch& rest : shared.out.batches) CHECK(rest.documents.empty());
  for (const apply_batch& rest : std::exchange(shared.out.batches, {}))
    followed.applied(rest.ticket, ec::none, ticks(40));
  CHECK(followed.progress(ticks(40)).sequence == 11);
}

TEST_CASE("what is told of one document goes together") {
  linked_node node("a", 1);
  const bucket_info bucket = *node.rows->create_bucket("b");
  const revision first = node.put("b", "d", R"({"n":1})").rev;
  link_context shared;
  shared.rows = node.local.get();
  shared.options.random = [] { return 1; };
  following followed(shared, bucket, checkpoint{});
  followed.announced({"b", hash128{1}, 10, {}}, ticks(0));
  activity told = stretch(0, shared, bucket);
  peer_entry both;
  both.id = "d";
  peer_change& ends = both.changes.emplace_back();
  ends.rev = make_revision(first, true, {});
  ends.parent = first;
  ends.deleted = true;
  peer_change& goes_on = both.changes.emplace_back(); // its body is to be asked for
  goes_on.rev = make_revision(first, false, R"({"n":2})");
  goes_on.parent = first;
  told.entries.back() = std::move(both);
  followed.taken_in(std::move(told), ticks(1));
  REQUIRE(shared.out.batches.size() == 1);
  const auto& ahead = shared.out.batches.front().documents;
  CHECK(ahead.size() == in_one_frame - 1);
  CHECK(std::none_of(ahead.begin(), ahead.end(), [](const auto& one) { return one.id == "d"; }));
}

TEST_CASE(
    "what only waited for a document that has come from elsewhere goes on when its part has not") {
  linked_node node("a", 1);
  const bucket_info bucket = *node.rows->create_bucket("b");
  link_context shared;
  shared.rows = node.local.get();
  shared.options.random = [] { return 1; };
  following followed(shared, bucket, checkpoint{});
  followed.announced({"b", hash128{1}, 1, {}}, ticks(0));
  const revision first = make_revision({}, false, R"({"n":1})");
  const revision second = make_revision(first, false, R"({"n":2})");

  activity logged;
  logged.bucket = "b";
  logged.stream = shared.streams;
  logged.log_id = hash128{1};
  logged.through = logged.last = 1;
  logged.entries.push_back({1, "d", {{second, first}}});
  followed.taken_in(std::move(logged), ticks(1));
  documents::sent large; // its body comes in parts
  large.id = "d";
  revision_tree tree;
  tree.add(second, first, false);
  large.tree = tree.encode();
  large.bodies.push_back({second, 7, std::nullopt});
  documents answer;
  answer.bucket = "b";
  answer.items.push_back(std::move(large));
  followed.delivered(std::move(answer), ticks(2));
  REQUIRE(followed.progress(ticks(2)).sequence == 0);

  node.put("b", "d", R"({"n":1})");
  write_op update;
  update.id = "d";
  update.rev = first;
  update.body = R"({"n":2})";
  REQUIRE(node.write("b", std::move(update)).rev == second);
  part superseded;
  superseded.bucket = "b";
  superseded.id = "d";
  superseded.rev = second;
  followed.delivered(std::move(superseded), ticks(3));
  CHECK(followed.progress(ticks(3)).sequence == 1);
  CHECK(followed.caught_up());
  CHECK(shared.rejected == 0);
}

} // namespace treadmill::replication
