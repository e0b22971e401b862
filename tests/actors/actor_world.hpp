#pragma once
#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/node.hpp"
#include "actors/rest_gateway.hpp"
#include "actors/storage_actor.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::test {

/// Commits rows of their own until the broken disk under the store has failed.
inline void commit_until_failed(store& rows) {
  row_batch batch;
  batch.put(keys::meta("large"), std::string(70'000, 'x')); // the next commit needs a new log
  const row_batch* only = &batch;
  for (int i = 0; i < 10 && !rows.failed(); ++i) static_cast<void>(rows.commit({&only, 1}, true));
  if (!rows.failed()) throw std::runtime_error("the store did not fail");
}

/// An actor system whose messages and clock move only when a test says so.
class actor_world {
public:
  struct config : caf::actor_system_config {
    config() {
      add_message_types<caf::id_block::treadmill>();
      set("scheduler.policy", caf::atom("testing"));
    }
  };

  actor_world() { open(); }
  ~actor_world() { run(); }

  /// Delivers messages until none is left.
  void run() {
    while (scheduler().try_run_once()) {
    }
  }
  bool step() { return scheduler().try_run_once(); }
  void advance(std::chrono::milliseconds time) {
    scheduler().advance_time(time);
    run();
  }
  /// As a disk that fails for a moment.
  void fail_commit() {
    broken = true;
    commit_until_failed(*rows);
    broken = false;
  }
  caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  }

  config configuration{};
  caf::actor_system system{configuration};
  std::unique_ptr<leveldb::Env> env{leveldb::NewMemEnv(leveldb::Env::Default())};
  disk_space space{uint64_t{1} << 40, uint64_t{1} << 40};
  bool broken = false; ///< no file of the store can be made durable
  std::shared_ptr<store> rows{};
  std::shared_ptr<node_counters> counters = std::make_shared<node_counters>();

private:
  void open() {
    store_options options;
    options.directory = "/store";
    options.env = env.get();
    options.write_buffer_bytes = 64 * defaults::kibibyte;
    options.space = [this] { return space; };
    options.sync_directory = [this] { return !broken; };
    auto opened = store::open(options);
    if (!opened) throw std::runtime_error(opened.error().reason);
    rows = std::move(*opened);
  }
};

inline write_op put(std::string id, std::string body) {
  write_op op;
  op.id = std::move(id);
  op.body = std::move(body);
  return op;
}

inline std::shared_ptr<const write_group> group(std::vector<write_op> ops, bool atomic = false) {
  return std::make_shared<const write_group>(write_group{std::move(ops), atomic});
}

inline steady_time soon() { return std::chrono::steady_clock::now() + std::chrono::minutes(10); }

/// Where the answer of one write lands.
struct answer_box {
  std::optional<write_answer> answer{};
  int given = 0;

  reply_ptr<write_answer> reply_to_here() {
    return std::make_shared<reply<write_answer>>(function(),
                                                 write_answer{{ec::ambiguous, "dropped"}, {}});
  }
  std::function<void(write_answer)> function() {
    return [this](write_answer got) {
      answer = std::move(got);
      ++given;
    };
  }
  ec code() const { return answer ? answer->problem.code : ec::none; }
  bool ok() const {
    if (!answer || answer->problem.code != ec::none) return false;
    for (const write_outcome& outcome : answer->outcomes) {
      if (!outcome.ok()) return false;
    }
    return true;
  }
};

} // namespace treadmill::test
