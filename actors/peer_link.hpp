#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "actors/peer_wire.hpp"
#include "net/local_rows.hpp"
#include "net/peer_board.hpp"
#include "net/peer_budget.hpp"
#include "net/replication_link.hpp"
#include "storage/store.hpp"
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
  uint64_t peer = 0; ///< its key on the board and for the gateway
  replication::link_options link{};
  std::shared_ptr<const store> rows{};
  std::shared_ptr<const node_counters> counters{};
  std::shared_ptr<rest::peer_board> board{};
  std::shared_ptr<peer_wire> wire{};
  std::shared_ptr<replication::work_budget> work{};         ///< what its frames may cost
  std::function<std::chrono::microseconds()> thread_time{}; ///< of the processor, so far
  node_actor node{};
  zmq_gateway_actor gateway{};
};

/// What a link's actor knows between two messages.
struct peer_link_state {
  using for_bucket = std::variant<replication::apply_batch, replication::note_checkpoint>;
  /// A bucket that the link writes to.
  struct written_bucket {
    bucket_actor actor{}; ///< none: it is being looked for, or was not needed yet
    bool looking = false;
    std::deque<for_bucket> waiting{}; ///< at most what the link has in flight
  };
  peer_link_options options{};
  std::unique_ptr<replication::local_rows> rows{};
  std::unique_ptr<replication::link> link{};
  uint64_t failures = 0; ///< node_counters::failed_commits when the link was made
  /// Of links before this one, which counted from 0.
  replication::link_status counted{};
  uint64_t connection = 0; ///< 0: there is none
  bool patient = false;
  bool established = false; ///< as the gateway was told, with the peer's node id
  std::string told{};
  std::map<uint32_t, written_bucket> buckets{};
  /// Frames that wait until the peer has time again.
  std::deque<frame_received> deferred{};
  uint64_t waited = 0;                         ///< frames that were among them
  uint64_t flooded = 0;                        ///< times that there were too many
  uint64_t refused_buckets = 0;                ///< as it was logged
  std::optional<replication::ticks> tick_at{}; ///< of the next tick that counts
  std::optional<replication::ticks> shown_at{};
  bool unshown = false; ///< something may have changed since
  static inline constexpr const char* name = "peer link";
};

/// One node's side of the link with one peer: moves messages in and out of a replication::link,
/// which decides everything. Frames go out over the connection that the gateway chose, documents to
/// the actors of their buckets, which answer after their commit.
///
/// After a failed commit it begins anew from what is stored: what it had seen as committed may be
/// gone.
///
/// Lifetime: as long as the peer is one; started again by the gateway when it dies, from the stored
/// checkpoints. **Thread**: scheduled. **Blocks?** For reads of the store: a batch, or a slice of
/// the log, at a time. **Mailbox bound**: by the windows of both directions, and the wire's queue
/// for each connection. A frame that brings nothing that was asked for is charged to the peer's
/// `work`; where that is used up, frames wait here, and a peer that goes on is cut. **Errors**: a
/// bucket that refuses a batch is tried again by the link.
/// **On exit**: the peer is not told (part_link does), and it notices.
peer_link_actor::behavior_type peer_link(peer_link_actor::stateful_pointer<peer_link_state> self,
                                         peer_link_options options);

} // namespace treadmill
