#pragma once
#include "tests/actors/actor_world.hpp"
#include "tests/actors/fake_pool.hpp"

namespace treadmill::test {

/// A whole node without HTTP: gateway, node, storage, buckets, views and a pool that is not one,
/// all on the test's scheduler.
struct node_world : actor_world {
  explicit node_world(std::chrono::milliseconds sync_interval = {}, size_t queued_writes = 100) {
    rest_gateway_options options;
    options.name = "box1";
    options.queued_writes = queued_writes;
    options.queued_bytes = 1 << 20;
    options.rows = rows;
    options.counters = counters;
    options.board = board;
    options.peers = std::make_shared<peer_board>();
    gateway = std::make_unique<rest_gateway>(system, options);
    node_options chosen;
    chosen.rows = rows;
    chosen.counters = counters;
    chosen.gateway = gateway->actor();
    chosen.spawn_storage = [this, sync_interval](caf::actor_system& where) {
      storage_now = where.spawn(storage, storage_options{rows, counters, sync_interval,
                                                         defaults::free_floor_bytes,
                                                         64 * defaults::kibibyte});
      return storage_now;
    };
    pool->map = map_to_n;
    chosen.spawn_pool = [this](caf::actor_system& where) {
      pool_now = where.spawn(fake_pool, pool);
      return pool_now;
    };
    chosen.board = board;
    chosen.slots = slots;
    subject = system.spawn(node, chosen);
    gateway->connect(subject);
    run();
  }
  ~node_world() {
    const gateway_actor its_actor = gateway->actor();
    gateway->disconnect();
    caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
    run();
    caf::anon_send_exit(its_actor, caf::exit_reason::user_shutdown);
    run();
  }
  void write(answer_box& box, const std::string& bucket, std::vector<write_op> ops,
             bool make = true) {
    gateway->write(bucket, make, group(std::move(ops)), soon(), box.function());
  }
  bucket_actor find_bucket(const std::string& name) {
    bucket_actor found;
    caf::anon_send(subject, open_bucket{name, false,
                                        std::make_shared<reply<result<bucket_started>>>(
                                            [&](result<bucket_started> started) {
                                              if (started) found = started->actor;
                                            },
                                            fail(ec::internal, "dropped"))});
    run();
    return found;
  }
  uint64_t sequence(const std::string& bucket) {
    return rows->latest().state(rows->find_bucket(bucket)->number)->sequence;
  }

  /// Waits for the query to cover all that is committed.
  result<void> catch_up(const std::string& bucket, const std::string& query,
                        steady_time deadline = soon()) {
    result<void> got = fail(ec::internal, "not answered");
    gateway->await_query(bucket, query, sequence(bucket), deadline,
                         [&](result<void> answer) { got = std::move(answer); });
    run();
    return got;
  }

  /// Lets so many of the pool's answers go that are held; 0: all, and none is held any more.
  void release(uint64_t count = 0) {
    if (count == 0) pool->hold = false;
    caf::anon_send(pool_now, job_done{count, {}, {}});
    run();
  }

  storage_actor storage_now{};
  isolate_pool_actor pool_now{};
  std::shared_ptr<fake_pool_control> pool = std::make_shared<fake_pool_control>();
  std::shared_ptr<query_board> board = std::make_shared<query_board>();
  std::shared_ptr<row_slots> slots = std::make_shared<row_slots>(4);
  std::unique_ptr<rest_gateway> gateway{};
  node_actor subject{};
};

} // namespace treadmill::test
