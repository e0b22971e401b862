#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "actors/peer_wire.hpp"
#include "net/node/peer_board.hpp"
#include "net/replication/peer_budget.hpp"
#include "net/replication/peer_registry.hpp"
#include "net/replication/replication_link.hpp"
#include "storage/engine/store.hpp"
#include "storage/json/json.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
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
  using time_point = std::chrono::steady_clock::time_point;
  struct connection {
    std::string dialled_uri{}; ///< empty: the peer dialled
    bool made = false;         ///< frames can be sent over it
    bool greeted = false;      ///< the peer greeted over it, so it belongs to the link
    uint64_t heard = 0;        ///< frames, at the last tick
    time_point heard_at{};
  };
  /// A peer of the registry, under the registry's key.
  struct linked_peer {
    peer_link_actor link{}; ///< none: it died; the next tick starts it again
    std::map<uint64_t, connection> connections{};
    uint64_t chosen = 0; ///< the connection to send over; 0: none
    time_point chosen_at{};
    uint64_t instance = 0; ///< of the peer's process
    bool established = false;
    bool unproven = false; ///< the registry did not know it, and no link was established yet
    time_point greeted_at{};
    time_point away_since{}; ///< valid while it has no connection
    time_point dial_at{};    ///< do not dial before
    std::string refusal{};   ///< why one side refuses the other; empty: neither does
  };
  /// A request to add a peer that waits until the peer is reached.
  struct waiting_request {
    uint64_t key = 0;
    bool fresh = false; ///< the peer was not known before
    reply_ptr<result<peer_added>> answer{};
  };
  /// A connection over which another process greeted with a connected peer's identity.
  struct probed_connection {
    uint64_t key = 0;
    replication::hello greeting{};
    std::string frame{};
    std::map<uint64_t, uint64_t> heard{}; ///< frames per connection at the start
  };
  struct waiting_save {
    uint64_t version = 0;
    std::function<void(const error&)> then{};
  };
  zmq_gateway_options options{};
  replication::peer_registry registry{};
  std::map<uint64_t, linked_peer> peers{};
  std::map<uint64_t, uint64_t> owners{}; ///< connection → key of its peer
  std::map<uint64_t, probed_connection> probed{};
  std::map<uint64_t, size_t> idle_frames{}; ///< frames per connection without a peer
  std::shared_ptr<replication::work_budget> strangers_work{};
  std::map<uint64_t, waiting_request> waiting{};
  uint64_t last_waiter = 0;
  /// Links that were told to end, with the connections to hang up when they have ended.
  std::map<caf::actor_addr, std::vector<uint64_t>> ending{};
  // Which version of the registry is on disk.
  uint64_t version = 0;
  uint64_t saved = 0;
  bool saving = false;
  std::string stored{}; ///< the text of version `saved`; empty: unknown
  std::deque<waiting_save> saves{};
  static inline constexpr const char* name = "zmq gateway";
};

/// Owns the peer registry and one link for each peer: starts and supervises the links, and decides
/// which connection belongs to which peer. peer_registry makes the decisions. It stores the peers
/// that an operator added; a stranger (any other peer) stays in memory until it was away for
/// `stranger_memory`.
///
/// A peer can have several connections at one time, because both sides may dial. A link accepts
/// frames from any of them. To send, the gateway chooses a connection that is alive; of several, it
/// prefers the one that the node with the smaller node id dialled. The node that dialled one of the
/// others hangs it up after a while, so the two sides never hang up each other's choice.
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
