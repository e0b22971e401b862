#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "actors/row_slots.hpp"
#include "net/query_board.hpp"
#include "storage/store.hpp"
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
  /// How children are spawned: detached where they block, which the composition root decides.
  std::function<storage_actor(caf::actor_system&)> spawn_storage{};
  std::function<isolate_pool_actor(caf::actor_system&)> spawn_pool{};
  /// The ZeroMQ gateway, which is given the node's handle; empty: no federation.
  std::function<zmq_gateway_actor(caf::actor_system&, node_actor)> spawn_peers{};
  std::shared_ptr<rest::query_board> board{};
  size_t parts_out = 4; ///< see view_options
  std::shared_ptr<row_slots> slots = std::make_shared<row_slots>(8);
};

struct node_state {
  struct running_bucket {
    bucket_facts facts{};
    bucket_actor actor{};
    std::map<std::string, view_actor> views{}; ///< by the names of their queries
  };
  /// A query that is gone: its bucket's number, its name.
  using gone_query = std::pair<uint32_t, std::string>;
  node_options options{};
  storage_actor storage{};
  isolate_pool_actor pool{};
  zmq_gateway_actor peers{};
  std::vector<follower_actor> links{};                  ///< of peers: they follow all buckets
  std::map<caf::actor_addr, gone_query> ending_views{}; ///< told to end, because the query is gone
  /// Their indexes are being dropped; defined again, they begin after that.
  std::set<gone_query> dropping{};
  std::map<uint32_t, running_bucket> buckets{};
  bool ending = false;
  static inline constexpr const char* name = "node";
};

/// Supervises all other actors: starts a bucket's actor when the bucket is first used (at once
/// where it has queries), and a view for each of its queries; starts them again when they die (from
/// what is stored), and tells the gateway about buckets. When storage or the isolate pool dies, it
/// and all that use it start over. The ZeroMQ gateway, which supervises the links with peers, is
/// started again from the stored list of peers.
///
/// Lifetime: as long as the node. **Thread**: scheduled. **Blocks?** For reads of the store: the
/// definitions of a bucket's queries, when it is started and when one of them changes. **Mailbox
/// bound**: opening and dropping buckets only.
/// **On exit**: ends the links with peers, then the buckets, and storage after them, so that what
/// buckets handed over is committed (actors/README.md, "Shutdown").
node_actor::behavior_type node(node_actor::stateful_pointer<node_state> self, node_options options);

} // namespace treadmill
