#pragma once
#include "net/local_rows.hpp"
#include "net/peer_frames.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::replication {

/// Time since any fixed moment.
using ticks = std::chrono::milliseconds;

struct link_options {
  std::string node_id{}; ///< of this node
  uint64_t instance = 0; ///< of this process
  std::string name{};
  std::string zmq_uri{}; ///< where this node can be dialled; empty: nowhere
  bool invites = false;  ///< see hello::invites
  bool zstd = true;
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
  json_limits limits{};
  std::function<uint64_t()> random{}; ///< for sessions and jitter
};

/// Merge these documents into a bucket, then write the checkpoint; refuse it where
/// bucket_core::continue_run does. A document above a limit is left out and named. Answered by
/// link::applied, in the order of a bucket's tickets.
struct apply_batch {
  uint32_t bucket = 0;
  uint64_t ticket = 0;
  std::string peer_id{}; ///< empty: an import, which is merged as a whole or not at all
  uint64_t run = 0;      ///< batches of one run rest on each other
  bool first = false;    ///< of its run
  std::vector<replicated_document> documents{};
  std::optional<checkpoint> reached{}; ///< nothing: it stays where it is
  tree_limits limits{};
};

/// What became of a batch.
struct batch_outcome {
  ec code = ec::none;
  std::string reason{};
  /// Documents that are not taken in because of a limit of this node: the others are. Of an import
  /// the one at fault.
  std::vector<std::string> refused{};
};

/// Write this checkpoint at leisure: it moved over entries that were known. A lost one costs
/// looking at them again.
struct note_checkpoint {
  uint32_t bucket = 0;
  std::string peer_id{};
  checkpoint reached{};
};

/// What a link wants done, in the order of each list.
struct effects {
  std::vector<std::string> frames{};       ///< to be sent to the peer; they may get lost
  std::vector<apply_batch> batches{};      ///< to be applied
  std::vector<note_checkpoint> notes{};    ///< to be written at leisure
  std::vector<std::string> make_buckets{}; ///< answered by link::bucket_made
  std::optional<parting> ended{};          ///< the peer refuses, or has removed, this node
  std::string cut{};                       ///< why the connection is to be cut; empty: it is not
};

enum class link_state : uint8_t { connecting, catching_up, live, unreachable };
std::string_view to_string(link_state state);

struct bucket_progress {
  std::string bucket{};
  uint64_t sequence = 0; ///< of the peer's log, applied here
  uint64_t behind = 0;   ///< entries of the peer's log that are not
  ticks lag{0};          ///< since when there are such
  /// Entries of this node's log that the peer has not acknowledged, as far as is known; nothing: it
  /// was never heard of.
  std::optional<uint64_t> peer_behind{};
  std::string reason{}; ///< why one of the directions does not go on; empty: it does
};

/// What a link shows of itself.
struct link_status {
  link_state state = link_state::connecting;
  std::string reason{}; ///< of unreachable
  std::string peer_name{};
  std::string peer_id{};
  std::string peer_uri{}; ///< as the peer advertises it
  uint64_t sequence_number = 0;
  uint64_t behind = 0;
  uint64_t peer_behind = 0; ///< entries of this node's logs that the peer is not known to have
  ticks lag{0};
  ticks last_seen{0}; ///< when a frame came last
  uint64_t entries_in = 0;
  uint64_t documents_in = 0;
  uint64_t fetched = 0;  ///< documents that had to be asked for
  uint64_t rejected = 0; ///< frames that break the protocol or a rule
  uint64_t restarts = 0; ///< from 0, because the peer's log is not the one that was followed
  uint64_t rescans = 0;  ///< from 0, because digests differed at rest
  std::vector<std::string> refused{}; ///< "bucket/id": above a limit of this node, or damaged
  uint64_t refused_documents = 0;
  /// Buckets of the peer that have no place here: some of their names, and how many (about).
  std::vector<std::string> refused_buckets{};
  uint64_t refused_bucket_count = 0;
  uint64_t held_bytes = 0; ///< of its activity and documents, in memory
  uint64_t waited = 0;     ///< frames that waited, because the peer had used up its time
  uint64_t cuts = 0;       ///< of its connection, because it broke a bound
  std::vector<bucket_progress> buckets{};
};

class following;
class serving;

/// One node's side of the link with one peer, both directions of it: follows the peer's buckets and
/// serves it this node's (net/README.md, "Peer protocol"). A plain state machine: time comes with
/// each event, randomness with the options, rows are read through `local_rows`; what is to be done
/// is taken with `take`. Frames may be lost, repeated and reordered in both directions; then it
/// takes longer, nothing else.
///
/// Operation: a side *follows* a bucket by asking for its activity from a checkpoint on, in a
/// numbered stream; what comes in order is taken in, what is missing is asked for in a new stream.
/// A checkpoint moves only over entries that are applied, or known.
///
/// **Thread**: one at a time. **Errors**: a frame that breaks a rule is counted and dropped, and
/// moves no checkpoint. **Units and limits**: replication_defaults.hpp.
class link {
public:
  link(link_options options, const local_rows& rows);
  ~link();
  link(const link&) = delete;
  link& operator=(const link&) = delete;

  // Events
  // -----------------------------------------------------------------------------------------------
  /// True: it brought what this side had asked for. Anything else costs the peer some of its time.
  bool received(std::string_view frame, ticks now);
  /// A frame came that has to wait: the peer is alive.
  void heard(ticks now);
  /// To be called when `due` has come, or a little later.
  void tick(ticks now);
  /// Local activity of a bucket became durable, or a bucket was made or dropped.
  void advanced(uint32_t bucket, ticks now);
  /// `refused`: documents of the batch that were left out.
  void applied(uint32_t bucket, uint64_t ticket, ec code, ticks now,
               const std::vector<std::string>& refused = {});
  void bucket_made(const std::string& name, ec code, ticks now);
  /// The connection is gone: the session with it.
  void lost(ticks now);
  /// Whether other links may bring the same documents: then it is worth to wait a little for them.
  void set_patient(bool patient);
  /// Says goodbye.
  void say_goodbye(parting why);

  // What comes of them
  // -----------------------------------------------------------------------------------------------
  effects take();
  ticks due(ticks now) const; ///< when `tick` is wanted
  link_status status(ticks now) const;
  bool established() const;
  const std::string& peer_id() const; ///< empty: not known yet

private:
  friend class following;
  friend class serving;
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill::replication
