#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "actors/row_slots.hpp"
#include "net/node/query_board.hpp"
#include "storage/engine/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace treadmill {

struct node_options {
  std::shared_ptr<store> rows{};
  std::shared_ptr<node_counters> counters{};
  gateway_actor gateway{};
  json_limits limits{};
  size_t queries = treadmill::defaults::queries; ///< of a bucket
  /// Spawn the children: detached if they block, which the composition root decides.
  std::function<storage_actor(caf::actor_system&)> spawn_storage{};
  std::function<isolate_pool_actor(caf::actor_system&)> spawn_pool{};
  /// Spawns the ZeroMQ gateway with the node's handle; empty: no federation.
  std::function<zmq_gateway_actor(caf::actor_system&, node_actor)> spawn_peers{};
  std::shared_ptr<query_board> board{};
  size_t parts_out = 4; ///< see view_options
  std::shared_ptr<row_slots> slots = std::make_shared<row_slots>(8);
};

struct node_state {
  struct running_bucket {
    bucket_facts facts{};
    bucket_actor actor{};
    std::map<std::string, view_actor> views{}; ///< by query name
  };
  /// A deleted query: its bucket's number and its name.
  using gone_query = std::pair<uint32_t, std::string>;
  node_options options{};
  storage_actor storage{};
  isolate_pool_actor pool{};
  zmq_gateway_actor peers{};
  std::vector<follower_actor> links{};                  ///< of peers: they follow all buckets
  std::map<caf::actor_addr, gone_query> ending_views{}; ///< told to end: query deleted
  /// Queries whose indexes are being dropped. If one is defined again, its view starts after that.
  std::set<gone_query> dropping{};
  std::map<uint32_t, running_bucket> buckets{};
  bool ending = false;
  static inline constexpr const char* name = "node";
};

/// Supervises all other actors. Starts a bucket's actor when the bucket is first used (at start if
/// it has queries), and a view for each of its queries. Restarts them from the stored state when
/// they die, and tells the gateway about buckets. When storage or the isolate pool dies, the node
/// restarts it and all actors that use it. It restarts the ZeroMQ gateway, which supervises the
/// links with peers, from the stored list of peers.
///
/// Lifetime: as long as the node. **Thread**: scheduled. **Blocks?** For reads of the store: the
/// definitions of a bucket's queries, when it is started and when one of them changes. **Mailbox
/// bound**: by the bounds of requests and links: opening and dropping buckets, waiting for a query.
/// Writes do not come here. **On exit**: ends the links with peers, then the buckets, and storage
/// after them, so that storage commits the batches that buckets submitted (actors/README.md,
/// "Shutdown").
node_actor::behavior_type node(node_actor::stateful_pointer<node_state> self, node_options options);

} // namespace treadmill
