#include "actors/caf_errors.hpp"
#include "net/http/error_body.hpp"
#include "tests/actors/actor_world.hpp"
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <doctest/doctest.h>
#include <set>
#include <utility>
#include <vector>

namespace treadmill::test {
namespace {

/// The types that were sent there and back.
std::set<caf::type_id_t>& travelled() {
  static std::set<caf::type_id_t> types;
  return types;
}

/// Every type of our block either travels, or is marked as one that never leaves the process.
template<caf::type_id_t... Offset>
void check_all(std::integer_sequence<caf::type_id_t, Offset...>) {
  constexpr auto begin = caf::id_block::treadmill::begin;
  const auto check = [](caf::type_id_t id, bool is_local, const char* name) {
    INFO(name);
    CHECK((is_local || travelled().count(id) == 1));
  };
  (check(begin + Offset,
         caf::allowed_unsafe_message_type<typename caf::type_by_id<begin + Offset>::type>::value,
         caf::type_name_by_id<begin + Offset>::value),
   ...);
}

template<typename Message>
Message round_trip(actor_world& world, Message message) {
  travelled().insert(caf::type_id<Message>::value);
  caf::binary_serializer::container_type bytes;
  caf::binary_serializer sink(world.system, bytes);
  REQUIRE_FALSE(sink(message));
  Message back;
  caf::binary_deserializer source(world.system, bytes);
  REQUIRE_FALSE(source(back));
  CHECK(source.remaining() == 0);
  return back;
}

} // namespace

// Whole, because it is a list: one paragraph a message, in the order of messages.hpp.
TEST_CASE("every message that could travel comes back as it was, member by member") {
  actor_world world;
  CHECK(round_trip(world, begin_epoch{7}).bucket == 7);

  const auto begun = round_trip(world, epoch_begun{9, ec::disk_full, "full"});
  CHECK(begun.epoch == 9);
  CHECK(begun.code == ec::disk_full);
  CHECK(begun.reason == "full");

  const auto done = round_trip(world, batch_done{1, 2, ec::ambiguous, "why", true});
  CHECK(done.epoch == 1);
  CHECK(done.number == 2);
  CHECK(done.code == ec::ambiguous);
  CHECK(done.reason == "why");
  CHECK(done.synced);

  CHECK(round_trip(world, make_bucket{"places"}).name == "places");
  CHECK(round_trip(world, make_bucket{"places", true}).for_peer);
  CHECK(round_trip(world, drop_bucket{"places"}).name == "places");

  hash128 log_id{};
  log_id[3] = 0xab;
  const auto facts = round_trip(world, bucket_facts{"b", 4, log_id, true});
  CHECK(facts.name == "b");
  CHECK(facts.number == 4);
  CHECK(facts.log_id == log_id);
  CHECK(facts.fresh);

  const auto advanced = round_trip(world, activity_advanced{4, 1ULL << 40});
  CHECK(advanced.bucket == 4);
  CHECK(advanced.sequence == 1ULL << 40);

  const auto stopped = round_trip(world, bucket_stopped{"b", 5});
  CHECK(stopped.name == "b");
  CHECK(stopped.number == 5);

  CHECK(round_trip(world, begin_index{6}).bucket == 6);
  const auto index = round_trip(world, index_begun{7, ec::disk_full, "full"});
  CHECK(index.index == 7);
  CHECK(index.code == ec::disk_full);
  CHECK(index.reason == "full");
  const auto committed = round_trip(world, index_committed{8, ec::io_error, "why"});
  CHECK(committed.index == 8);
  CHECK(committed.code == ec::io_error);
  CHECK(committed.reason == "why");
  CHECK(round_trip(world, forget_function{1ULL << 40}).id == 1ULL << 40);
  const auto gone = round_trip(world, drop_query{9, "by_name"});
  CHECK(gone.bucket == 9);
  CHECK(gone.name == "by_name");
  CHECK(round_trip(world, queries_changed{10}).bucket == 10);
  CHECK(round_trip(world, followers_changed{}).followers.empty());
  CHECK_FALSE(round_trip(world, pool_started{}).actor);

  const auto noted = round_trip(world, record_checkpoint{"node", {{1}, 2, {3}}, 4});
  CHECK(noted.peer == "node");
  CHECK(noted.reached == checkpoint{{1}, 2, {3}});
  CHECK(noted.reopens == 4);
  CHECK(round_trip(world, keep_peers{"text"}).text == "text");
  const auto kept = round_trip(world, peers_kept{ec::disk_full, "full"});
  CHECK(kept.code == ec::disk_full);
  CHECK(kept.reason == "full");
  const auto frame = round_trip(world, frame_received{7, "bytes", true, 8});
  CHECK(frame.connection == 7);
  CHECK(frame.frame == "bytes");
  CHECK(frame.routed);
  CHECK(frame.waiting == 8);
  CHECK(round_trip(world, connection_lost{7}).connection == 7);
  CHECK(round_trip(world, connection_made{7}).connection == 7);
  const auto chosen = round_trip(world, connection_chosen{7, true});
  CHECK(chosen.connection == 7);
  CHECK(chosen.lost);
  CHECK(round_trip(world, others_linked{true}).any);
  CHECK(round_trip(world, disconnect_link{2}).why == 2);
  const auto changed = round_trip(world, link_changed{3, true, "node"});
  CHECK(changed.peer == 3);
  CHECK(changed.established);
  CHECK(changed.node_id == "node");
  const auto refused = round_trip(world, link_refused{3, 4});
  CHECK(refused.peer == 3);
  CHECK(refused.why == 4);
  const auto cut = round_trip(world, link_cut{3, "why"});
  CHECK(cut.peer == 3);
  CHECK(cut.reason == "why");
  const auto merged = round_trip(world, documents_merged{1, 2, ec::overloaded, 4, {"x"}});
  CHECK(merged.bucket == 1);
  CHECK(merged.ticket == 2);
  CHECK(merged.code == ec::overloaded);
  CHECK(merged.reopens == 4);
  CHECK(merged.refused == std::vector<std::string>{"x"});
  const auto found = round_trip(world, bucket_found{"b", 1, true, ec::not_found, {}});
  CHECK(found.name == "b");
  CHECK(found.number == 1);
  CHECK(found.made);
  CHECK(found.code == ec::not_found);
  CHECK_FALSE(found.actor);
  CHECK(round_trip(world, wait_over{5}).waiter == 5);
  CHECK(round_trip(world, probe_over{6}).connection == 6);
  CHECK_FALSE(round_trip(world, peers_started{}).actor);
  CHECK(round_trip(world, links_changed{}).links.empty());

  round_trip(world, look_at_definition{});
  round_trip(world, try_again{});
  round_trip(world, batches_synced{});
  round_trip(world, flush_batch{});
  round_trip(world, tick{});

  const auto started = round_trip(world, bucket_started{{"b", 4, log_id, true}, {}});
  CHECK(started.facts.name == "b");
  CHECK(started.facts.number == 4);
  CHECK(started.facts.log_id == log_id);
  CHECK(started.facts.fresh);
  CHECK_FALSE(started.actor);
  CHECK(round_trip(world, std::vector<follower_actor>{}).empty());

  check_all(std::make_integer_sequence<caf::type_id_t, caf::id_block::treadmill::end -
                                                           caf::id_block::treadmill::begin>());
}

TEST_CASE(
    "an error code that this version does not know travels too, and means an internal error") {
  actor_world world;
  for (int code = 0; code <= 255; ++code) {
    const auto kept = round_trip(world, peers_kept{static_cast<ec>(code), {}});
    CHECK(static_cast<int>(kept.code) == code);
    if (code <= static_cast<int>(last_ec)) continue;
    CHECK(to_string(kept.code) == "internal");
    CHECK(http::status_of(kept.code) == 500);
  }
}

TEST_CASE("every error code survives the way through CAF, and what is not ours is ambiguous") {
  for (int code = 1; code <= static_cast<int>(last_ec); ++code) {
    const error back = from_caf(to_caf({static_cast<ec>(code), "a reason"}));
    CHECK(static_cast<int>(back.code) == code);
    CHECK(back.reason == "a reason");
  }
  CHECK(from_caf(caf::make_error(caf::sec::request_timeout)).code == ec::ambiguous);
}

TEST_CASE("a reply is given once, and one that is dropped answers by itself") {
  std::vector<int> got;
  {
    reply<int> kept([&](int value) { got.push_back(value); }, -1);
    kept(5);
    kept(6);
  }
  {
    const reply<int> dropped([&](int value) { got.push_back(value); }, -1);
  }
  CHECK(got == std::vector<int>{5, -1});
}

} // namespace treadmill::test
