#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "actors/peer_wire.hpp"
#include "net/peer_board.hpp"
#include "net/peer_budget.hpp"
#include "net/peer_registry.hpp"
#include "net/replication_link.hpp"
#include "storage/json.hpp"
#include "storage/store.hpp"
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
  std::string advertised{};         ///< where others can dial this node; empty: nowhere
  std::string listening{};          ///< where it listens; empty: nowhere
  std::vector<std::string> peers{}; ///< to be added at the start, whatever became of them before
  size_t most_peers = replication::defaults::peers;
  json_limits limits{};
  std::shared_ptr<const store> rows{};
  std::shared_ptr<node_counters> counters{};
  std::shared_ptr<rest::peer_board> board{};
  std::shared_ptr<peer_wire> wire{};
  node_actor node{};
  std::function<uint64_t()> random{}; ///< see shared_random
  /// See peer_link_options; by default none passes.
  std::function<std::chrono::microseconds()> thread_time{};
};

/// What the gateway knows between two messages.
struct zmq_gateway_state {
  using time_point = std::chrono::steady_clock::time_point;
  struct connection {
    std::string dialled_uri{}; ///< empty: the peer made it
    bool made = false;         ///< it can be sent over
    bool greeted = false;      ///< the peer greeted over it: it belongs to the link
    uint64_t heard = 0;        ///< frames, at the last look
    time_point heard_at{};
  };
  /// A peer of the registry, under the same key.
  struct linked_peer {
    peer_link_actor link{}; ///< none: it died, and is started again at the next tick
    std::map<uint64_t, connection> connections{};
    uint64_t chosen = 0; ///< 0: none
    time_point chosen_at{};
    uint64_t instance = 0; ///< of the peer's process
    bool established = false;
    bool unproven = false; ///< it came by itself, and no link was made yet
    time_point greeted_at{};
    time_point away_since{}; ///< while it has no connection
    time_point dial_at{};    ///< not before
    std::string refusal{};   ///< why one of the two sides refuses the other; empty: it does not
  };
  /// Who asked for a peer, and waits for it to be reached.
  struct waiting_request {
    uint64_t key = 0;
    bool fresh = false; ///< it was not known before
    reply_ptr<result<rest::peer_added>> answer{};
  };
  /// A connection over which another process greeted with the identity of a connected peer.
  struct probed_connection {
    uint64_t key = 0;
    replication::hello greeting{};
    std::string frame{};
    std::map<uint64_t, uint64_t> heard{}; ///< of the peer's connections, when it began
  };
  struct waiting_save {
    uint64_t version = 0;
    std::function<void(const error&)> then{};
  };
  zmq_gateway_options options{};
  replication::peer_registry registry{};
  std::map<uint64_t, linked_peer> peers{};
  std::map<uint64_t, uint64_t> owners{}; ///< of connections: keys of peers
  std::map<uint64_t, probed_connection> probed{};
  std::map<uint64_t, size_t> idle_frames{}; ///< of incoming connections that belong to no peer
  std::shared_ptr<replication::work_budget> strangers_work{};
  std::map<uint64_t, waiting_request> waiting{};
  uint64_t last_waiter = 0;
  /// Links that were told to end, with the connections that are hung up when they have.
  std::map<caf::actor_addr, std::vector<uint64_t>> ending{};
  // What of the registry is on disk.
  uint64_t version = 0;
  uint64_t saved = 0;
  bool saving = false;
  std::string stored{}; ///< as of `saved`
  std::deque<waiting_save> saves{};
  static inline constexpr const char* name = "zmq gateway";
};

/// Knows the peers (peer_registry, which makes the decisions, and is stored: those that an operator
/// added; a stranger is kept until it was away for `stranger_memory`), starts and supervises
/// a link for each, and decides which connection belongs to which of them.
///
/// A peer can have several connections at one time: both sides may dial. Any of them can be used,
/// because a link does not mind where its frames come from. The one that is sent over is one that
/// is alive; of two such, the one that the node with the smaller node id dialled. The others are
/// hung up after a while by who dialled them, so that never both sides hang up the one that the
/// other has chosen.
///
/// Lifetime: as long as the node; started again by it when it dies, from the stored registry: all
/// connections and links are made anew. **Thread**: scheduled. **Blocks?** Never.
/// **Mailbox bound**: by the wire's bound on connections; frames of links do not come here.
/// **Errors**: a peer whose record cannot be written is not added, or not removed. Other changes
/// of records are written again until it succeeds. **On exit**: the peers are told.
zmq_gateway_actor::behavior_type
zmq_gateway(zmq_gateway_actor::stateful_pointer<zmq_gateway_state> self,
            zmq_gateway_options options);

} // namespace treadmill
