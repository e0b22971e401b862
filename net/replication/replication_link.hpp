#pragma once
#include "net/node/link_status.hpp"
#include "net/replication/local_rows.hpp"
#include "net/replication/peer_frames.hpp"
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

struct link_options {
  std::string node_id{}; ///< of this node
  uint64_t instance = 0; ///< of this process
  std::string name{};
  std::string zmq_uri{};              ///< where peers can dial this node; empty: they cannot
  uint64_t newest = protocol_version; ///< the newest version to speak; lower only in tests
  bool invites = false;               ///< see hello::invites
  bool zstd = true;
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
  json_limits limits{};
  std::function<uint64_t()> random{}; ///< for sessions and jitter
};

/// Asks the caller to merge these documents into a bucket, then to write the checkpoint; it must
/// refuse the batch where bucket_core::continue_run does. A document above a limit is left out and
/// reported. The caller answers with link::applied, in the order of the bucket's tickets.
struct apply_batch {
  uint32_t bucket = 0;
  uint64_t ticket = 0;
  std::string peer_id{}; ///< empty: an import, which is merged as a whole or not at all
  uint64_t run = 0;      ///< each batch of a run depends on those before it
  bool first = false;    ///< of its run
  std::vector<replicated_document> documents{};
  std::optional<checkpoint> reached{}; ///< empty: the checkpoint does not move
  tree_limits limits{};
};

/// The result of a batch.
struct batch_outcome {
  ec code = ec::none;
  std::string reason{};
  /// Documents left out because of a limit of this node; the other documents are merged. Of an
  /// import: the document that caused the refusal.
  std::vector<std::string> refused{};
};

/// Asks the caller to write this checkpoint, without urgency: it moved only over entries that were
/// known here. If it is lost, the link looks at those entries again.
struct note_checkpoint {
  uint32_t bucket = 0;
  std::string peer_id{};
  checkpoint reached{};
};

/// What the caller has to do for a link, in the order of each list.
struct effects {
  std::vector<std::string> frames{};        ///< to send to the peer; they may get lost
  std::vector<apply_batch> batches{};       ///< to apply
  std::vector<note_checkpoint> notes{};     ///< to write without urgency
  std::vector<std::string> make_buckets{};  ///< to create; answered by link::bucket_made
  std::optional<disconnect_reason> ended{}; ///< the peer refuses, or has removed, this node
  std::string cut{};                        ///< why to cut the connection; empty: keep it
};

class following;
class serving;

/// One node's side of the link with one peer, for both directions: follows the peer's buckets and
/// serves this node's buckets to it (net/README.md, "Peer protocol"). A plain state machine: each
/// event brings the time, the options bring randomness, `local_rows` reads rows, and the caller
/// collects the work to do with `take`. Frames may be lost, repeated and reordered in both
/// directions; that only delays the link.
///
/// Operation: a side *follows* a bucket by requesting its activity from a checkpoint on, in a
/// numbered stream. It accepts activity in order; if some is missing, it requests it in a new
/// stream. A checkpoint moves only over entries that are applied or were known here.
///
/// **Thread**: one at a time. **Errors**: the link counts and drops a frame that breaks a rule;
/// such a frame moves no checkpoint. **Units and limits**: replication_defaults.hpp.
class link {
public:
  link(link_options options, const local_rows& rows);
  ~link();
  link(const link&) = delete;
  link& operator=(const link&) = delete;

  // Events
  // -----------------------------------------------------------------------------------------------
  /// Returns true if the frame brought what this side had asked for. The caller charges any other
  /// frame to the peer's work budget.
  bool received(std::string_view frame, ticks now);
  /// A frame arrived that has to wait: it still shows that the peer is alive.
  void heard(ticks now);
  /// The caller calls it at `due`, or a little later.
  void tick(ticks now);
  /// Local activity of a bucket became durable, or a bucket was created or dropped.
  void advanced(uint32_t bucket, ticks now);
  /// `refused`: documents of the batch that were left out.
  void applied(uint32_t bucket, uint64_t ticket, ec code, ticks now,
               const std::vector<std::string>& refused = {});
  void bucket_made(const std::string& name, ec code, ticks now);
  /// The connection is lost; that ends the session.
  void lost(ticks now);
  /// True if other links may bring the same documents: the link then waits a little before it
  /// fetches.
  void set_patient(bool patient);
  /// Sends a goodbye frame with this disconnect reason.
  void say_goodbye(disconnect_reason why);

  // Results
  // -----------------------------------------------------------------------------------------------
  effects take();
  ticks due() const; ///< when to call `tick`
  link_status status(ticks now) const;
  bool established() const;
  const std::string& peer_id() const; ///< empty: unknown so far

private:
  friend class following;
  friend class serving;
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill::replication
