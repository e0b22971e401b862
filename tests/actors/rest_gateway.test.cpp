#include "tests/actors/actor_world.hpp"
#include <doctest/doctest.h>
#include <future>

namespace treadmill::test {
namespace {

/// A pool whose workers cannot start, after one job.
std::shared_ptr<js::map_pool> broken_pool() {
  js::pool_options options;
  options.executable = "/nowhere/treadmill-map";
  auto pool = std::make_shared<js::map_pool>(std::move(options));
  std::promise<js::outcome> ended;
  js::map_job job;
  job.what = make_function(js::kind::map, "d => d");
  job.documents.push_back({"a", "1-a", "{}"});
  pool->map(std::move(job), [&](const js::map_answer& answer) { ended.set_value(answer.how); });
  CHECK(ended.get_future().get() == js::outcome::unavailable);
  pool->stop(); // its counters are final
  return pool;
}

} // namespace

TEST_CASE("the facts of a node have the counts of all its pools of workers") {
  actor_world world;
  rest_gateway_options options;
  options.rows = world.rows;
  options.counters = world.counters;
  const auto one = broken_pool();
  const auto other = broken_pool();
  options.pools = {one, other};
  options.peers = std::make_shared<peer_board>();
  rest_gateway gateway(world.system, options);
  const uint64_t failed = one->counters().failed_starts + other->counters().failed_starts;
  CHECK(failed >= 2);
  CHECK(gateway.facts().query_workers.failed_starts == failed);
  CHECK(gateway.facts().query_workers.workers == 0);
  gateway.disconnect();
  caf::anon_send_exit(gateway.actor(), caf::exit_reason::user_shutdown);
  world.run();
}

} // namespace treadmill::test
