#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "actors/peer_requests.hpp"
#include "actors/peer_wire.hpp"
#include "net/node/peer_board.hpp"
#include "net/replication/peer_budget.hpp"
#include "net/replication/peer_connections.hpp"
#include "net/replication/peer_registry.hpp"
#include "storage/engine/store.hpp"
#include "storage/json/json.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

struct zmq_gateway_options {
  replication::own_identity own{};
  std::string advertised{};         ///< address where others can dial this node; empty: none
  std::string listening{};          ///< address where it listens; empty: none
  std::vector<std::string> peers{}; ///< added at every start, even if they were removed before
  size_t most_peers = replication::defaults::peers;
  json_limits limits{};
  std::shared_ptr<const store> rows{};
  std::shared_ptr<node_counters> counters{};
  std::shared_ptr<peer_board> board{};
  std::shared_ptr<peer_wire> wire{};
  node_actor node{};
  std::function<uint64_t()> random{}; ///< see shared_random
  /// See peer_link_options. Default: always 0, so that frames cost nothing.
  std::function<std::chrono::microseconds()> thread_time{};
};

/// What the gateway knows between two messages.
struct zmq_gateway_state {
  struct waiting_save {
    uint64_t version = 0;
    std::function<void(const error&)> then{};
  };
  zmq_gateway_options options{};
  replication::peer_registry registry{};
  std::optional<replication::peer_connections> connections{}; ///< from the start on
  peer_requests requests{};
  /// Links that were not told to end, by the numbers that `connections` gave them.
  std::map<uint64_t, peer_link_actor> links{};
  std::map<caf::actor_addr, uint64_t> link_numbers{}; ///< of all links
  bool are_links_told = true;                         ///< the node knows `links`
  bool carries_out = false;                           ///< steps of `connections`, at the moment
  std::shared_ptr<replication::work_budget> strangers_work{};
  // Which version of the registry is on disk.
  uint64_t version = 0;
  uint64_t saved = 0;
  bool saving = false;
  std::string stored{}; ///< the text of version `saved`; empty: unknown
  std::deque<waiting_save> saves{};
  static inline constexpr const char* name = "zmq gateway";
};

/// Owns the peer registry and one link for each peer. It carries out the decisions of
/// peer_connections: dials and hangs up, starts and ends links, and tells links and the wire whose
/// a connection is. It stores the peers that an operator added; a stranger (any other peer) stays
/// in memory until it was away for `stranger_memory`.
///
/// Lifetime: as long as the node. If it dies, the node starts it again from the stored registry,
/// and it makes all connections and links anew. **Thread**: scheduled. **Blocks?** Never.
/// **Mailbox bound**: by the wire's bound on connections; the wire sends frames of links to the
/// links. **Errors**: a peer whose record cannot be written is not added, or not removed. The
/// gateway retries other writes of records until they succeed. **On exit**: it tells the links to
/// say goodbye to the peers.
zmq_gateway_actor::behavior_type
zmq_gateway(zmq_gateway_actor::stateful_pointer<zmq_gateway_state> self,
            zmq_gateway_options options);

} // namespace treadmill
