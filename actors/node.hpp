#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "storage/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace treadmill {

struct node_options {
  std::shared_ptr<store> rows{};
  std::shared_ptr<node_counters> counters{};
  gateway_actor gateway{};
  json_limits limits{};
  /// How children are spawned: detached where they block, which the composition root decides.
  std::function<storage_actor(caf::actor_system&)> spawn_storage{};
};

struct node_state {
  struct running_bucket {
    bucket_facts facts{};
    bucket_actor actor{};
  };
  node_options options{};
  storage_actor storage{};
  std::map<uint32_t, running_bucket> buckets{};
  bool ending = false;
  static inline constexpr const char* name = "node";
};

/// Supervises all other actors: starts a bucket's actor when the bucket is first used, starts it
/// again when it dies (from what is stored), and tells the gateway about both. When storage dies,
/// it and all buckets start over.
///
/// Lifetime: as long as the node. **Thread**: scheduled. **Blocks?** Never. **Mailbox bound**:
/// opening and dropping buckets only.
/// **On exit**: ends the buckets first and storage after them, so that what buckets handed over is
/// committed (actors/README.md, "Shutdown").
node_actor::behavior_type node(node_actor::stateful_pointer<node_state> self, node_options options);

} // namespace treadmill
