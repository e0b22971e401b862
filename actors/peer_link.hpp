#pragma once
#include "actors/interfaces.hpp"
#include "actors/peer_wire.hpp"
#include "net/node/peer_board.hpp"
#include "net/replication/local_rows.hpp"
#include "net/replication/peer_budget.hpp"
#include "net/replication/replication_link.hpp"
#include "storage/engine/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <variant>

namespace treadmill {

struct peer_link_options {
  uint64_t peer = 0; ///< its key on the board and at the gateway
  replication::link_options link{};
  std::shared_ptr<const store> rows{};
  std::shared_ptr<peer_board> board{};
  std::shared_ptr<peer_wire> wire{};
  std::shared_ptr<replication::work_budget> work{};         ///< budget for its frames
  std::function<std::chrono::microseconds()> thread_time{}; ///< processor time of this thread
  node_actor node{};
  zmq_gateway_actor gateway{};
};

/// What a link's actor knows between two messages.
struct peer_link_state {
  using for_bucket = std::variant<replication::apply_batch, replication::note_checkpoint>;
  /// A bucket that the link writes to.
  struct written_bucket {
    bucket_actor actor{}; ///< none: not found yet, or not needed yet
    bool looking = false;
    std::deque<for_bucket> waiting{}; ///< at most what the link has in flight
  };
  peer_link_options options{};
  std::unique_ptr<replication::local_rows> rows{};
  std::unique_ptr<replication::link> link{};
  uint64_t reopens = 0; ///< store::reopens when the link was made
  /// Counts of earlier links, because each link counts from 0.
  link_status counted{};
  uint64_t connection = 0; ///< 0: there is none
  bool patient = false;
  bool established = false; ///< as last told to the gateway, with the node id in `told`
  std::string told{};
  std::map<uint32_t, written_bucket> buckets{};
  /// Frames that wait for the peer's work budget.
  std::deque<frame_received> deferred{};
  uint64_t waited = 0;            ///< frames that were ever in `deferred`
  uint64_t flooded = 0;           ///< how often `deferred` was full
  uint64_t refused_buckets = 0;   ///< as last logged
  std::optional<ticks> tick_at{}; ///< time of the next valid tick
  std::optional<ticks> shown_at{};
  bool unshown = false; ///< something may have changed since `shown_at`
  static inline constexpr const char* name = "peer link";
};

/// One node's side of the link with one peer: moves messages in and out of a replication::link,
/// which makes all decisions. It sends frames over the connection that the gateway chose, and
/// submits documents to the actors of their buckets, which answer after the commit.
///
/// After a failed commit it makes a new link from what is stored, because data that the old link
/// saw as committed may be lost.
///
/// Lifetime: as long as the gateway knows the peer. If it dies, the gateway starts it again from
/// the stored checkpoints. **Thread**: scheduled. **Blocks?** For reads of the store: a batch, or a
/// slice of the log, at a time. **Mailbox bound**: by the windows of both directions, and the
/// wire's queue for each connection. The actor charges frames that bring nothing this node asked
/// for to the peer's `work`. When that budget is used up, frames wait here; if more than
/// `defaults::frames_deferred` wait, the peer is cut. **Errors**: if a bucket refuses a batch, the
/// link retries it. **On exit**: it sends no goodbye (disconnect_link does); the peer notices the
/// silence.
peer_link_actor::behavior_type peer_link(peer_link_actor::stateful_pointer<peer_link_state> self,
                                         peer_link_options options);

} // namespace treadmill
