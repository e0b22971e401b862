#pragma once
#include "actors/reply.hpp"
#include "js/jobs.hpp"
#include "net/node_backend.hpp"
#include "net/peer_frames.hpp"
#include "net/replication_link.hpp"
#include "storage/bucket_core.hpp"
#include "storage/checkpoint.hpp"
#include "storage/hash.hpp"
#include "storage/result.hpp"
#include <caf/meta/type_name.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

/// Every message between actors. A request is verb_noun, what answers it a noun, a notice a past
/// participle. Messages with an `inspect` could travel anywhere; those marked LOCAL carry shared
/// memory and stay in the process.
namespace treadmill {

using steady_time = std::chrono::steady_clock::time_point;

// Gateway -> bucket
// -------------------------------------------------------------------------------------------------------

/// Apply these writes and answer after their commit. LOCAL.
struct write_documents {
  std::shared_ptr<const write_group> group{};
  steady_time deadline{}; ///< not begun after it
  reply_ptr<rest::write_answer> answer{};
};

// Peer link -> bucket
// -------------------------------------------------------------------------------------------------------

/// Merge these documents of a peer and write its checkpoint behind them (or those of an import);
/// answered after the commit. LOCAL.
struct merge_documents {
  std::shared_ptr<const replication::apply_batch> what{};
  uint64_t failures = 0; ///< node_counters::failed_commits when the link read what it rests on
  reply_ptr<replication::batch_outcome> answer{};
  steady_time deadline = steady_time::max(); ///< of an import: nothing of it is applied after it
};

/// Write this checkpoint of a peer at leisure: it moved over what was known. Not answered: a lost
/// one costs looking again.
struct record_checkpoint {
  std::string peer{}; ///< node id
  checkpoint reached{};
  uint64_t failures = 0; ///< as in merge_documents
};

// Bucket -> storage and back
// --------------------------------------------------------------------------------------------------

/// Give this bucket a new generation, after everything of older ones was committed or refused.
struct begin_generation {
  uint32_t bucket = 0;
};

/// Answers begin_generation: with code none, the bucket may read its state and go on.
struct generation_begun {
  uint64_t generation = 0;
  uint8_t code = 0; ///< an ec: disk_full, not_found (the bucket was dropped)
  std::string reason{};
};

/// Write this batch. Answered by batch_done, in order of a bucket's batches. LOCAL.
struct commit_batch {
  uint32_t bucket = 0;
  uint64_t generation = 0;
  uint64_t number = 0;
  std::shared_ptr<const row_batch> rows{};
  bool lazy = false;       ///< it has no activity: not synced for its own sake
  bool makes_room = false; ///< it takes away queries alone: written below the floor, too
};

/// Answers commit_batch. Code none: the batch is on disk, or, where it is not `synced`, in LevelDB,
/// and batches_synced follows unless it was lazy. ambiguous: its write failed. Any other: it was
/// not attempted.
struct batch_done {
  uint64_t generation = 0;
  uint64_t number = 0;
  uint8_t code = 0;
  std::string reason{};
  bool synced = false;
};

/// What was committed of this bucket without a sync is on disk now, or the store was reopened after
/// a failure: `store::synced` shows how far it is.
struct batches_synced {};

// Node -> storage
// ---------------------------------------------------------------------------------------------------------------

struct make_bucket {
  std::string name{};
  bool for_peer = false; ///< not where it was dropped here: not_found
};
struct drop_bucket {
  std::string name{};
};
/// Answers both: which bucket it is or was. `fresh`: it was not there before.
struct bucket_facts {
  std::string name{};
  uint32_t number = 0;
  hash128 log_id{};
  bool fresh = false;
};

// ZeroMQ gateway -> node -> storage
// -------------------------------------------------------------------------------------------

/// Keep the peers, as their registry encodes them, in one synced batch.
struct keep_peers {
  std::string text{};
};
/// Code none: they are on disk.
struct peers_kept {
  uint8_t code = 0;
  std::string reason{};
};

// View -> storage and back
// ----------------------------------------------------------------------------------------------------

/// Give a number to a new index of this bucket.
struct begin_index {
  uint32_t bucket = 0;
};
struct index_begun {
  uint32_t index = 0;
  uint8_t code = 0; ///< an ec: disk_full, not_found (the bucket was dropped)
  std::string reason{};
};

/// Write this batch of an index, behind the writes of clients, and not synced for its own sake:
/// what an index lost in a crash is made again. Answered by index_committed. LOCAL.
struct commit_index {
  uint32_t bucket = 0;
  uint32_t index = 0;
  std::shared_ptr<const row_batch> rows{};
  bool drops = false; ///< it marks an index as dropped: its rows are to be removed
  bool sync = false;  ///< its rows are shown to followers, who must not be ahead of a crash
};
/// Code none: it is in LevelDB. Any other: it is not, or nobody knows; the index is to be read
/// again.
struct index_committed {
  uint32_t index = 0;
  uint8_t code = 0;
  std::string reason{};
};

// View -> isolate pool and back
// -----------------------------------------------------------------------------------------------

/// Map these documents. LOCAL.
struct map_documents {
  uint32_t index = 0;  ///< comes back with the answer
  uint64_t ticket = 0; ///< the same
  std::shared_ptr<const js::map_job> job{};
};
struct documents_mapped {
  uint32_t index = 0;
  uint64_t ticket = 0;
  std::shared_ptr<const js::map_answer> answer{};
};
/// Reduce these values. LOCAL.
struct reduce_values {
  uint32_t index = 0;  ///< comes back with the answer
  uint64_t ticket = 0; ///< the same
  std::shared_ptr<const js::reduce_job> job{};
};
struct values_reduced {
  uint32_t index = 0;
  uint64_t ticket = 0;
  std::shared_ptr<const js::reduce_answer> answer{};
};
/// From the gateway: reduce these values, for no index. LOCAL.
struct reduce_once {
  std::shared_ptr<const js::reduce_job> job{};
  reply_ptr<js::reduce_answer> answer{};
};
/// Nobody will ask for this function any more.
struct forget_function {
  uint64_t id = 0;
};

// Gateway -> view
// --------------------------------------------------------------------------------------------------------------

/// Answer when the index covers this sequence. LOCAL.
struct await_index {
  uint64_t sequence = 0;
  steady_time deadline{}; ///< with `overloaded` and how far it is, after it
  reply_ptr<result<void>> answer{};
};

// Node -> storage: queries
// ------------------------------------------------------------------------------------------------

/// Drop the indexes of a query whose view is gone; answered by index_committed.
struct drop_query {
  uint32_t bucket = 0;
  std::string name{};
};

// Bucket -> node, node -> view
// --------------------------------------------------------------------------------------------------

/// Definitions of queries of this bucket were written.
struct queries_changed {
  uint32_t bucket = 0;
};
/// The query's definition may have changed: look at it.
struct look_at_definition {};

// Bucket -> followers
// -------------------------------------------------------------------------------------------------------------

/// The bucket's activity is fsynced up to `sequence`: to be read through `store::synced`.
struct activity_advanced {
  uint32_t bucket = 0;
  uint64_t sequence = 0;
};

// Wire -> ZeroMQ gateway, peer link
// -------------------------------------------------------------------------------------------

/// A frame came in.
struct frame_received {
  uint64_t connection = 0;
  std::string frame{};
  bool routed = false;  ///< to the link that the connection belonged to then
  uint64_t waiting = 0; ///< what peer_wire counts it for until it is handled
};
/// What was on its way over this connection may be lost. One that was dialled is dialled again by
/// the wire, any other is over.
struct connection_lost {
  uint64_t connection = 0;
};
/// A dialled connection is there, for the first time or again.
struct connection_made {
  uint64_t connection = 0;
};

// ZeroMQ gateway -> peer link and back
// ----------------------------------------------------------------------------------------

/// Send over this connection from now on; 0: there is none.
struct connection_chosen {
  uint64_t connection = 0;
  bool lost = false; ///< what was sent over the one before may not have arrived
};
/// Whether other links may bring the same documents.
struct others_linked {
  bool any = false;
};
/// Say goodbye; what ends the link comes behind it.
struct part_link {
  uint8_t why = 0; ///< a replication::parting
};
/// The link was established, or is not any more.
struct link_changed {
  uint64_t peer = 0; ///< as the gateway numbers them
  bool established = false;
  std::string node_id{}; ///< of the peer that greeted
};
/// The peer refuses this node, or has removed it.
struct link_refused {
  uint64_t peer = 0;
  uint8_t why = 0; ///< a replication::parting
};
/// The peer broke a bound of the link: its connections are to be cut.
struct link_cut {
  uint64_t peer = 0;
  std::string reason{};
};

// REST gateway -> ZeroMQ gateway
// ----------------------------------------------------------------------------------------

/// Federate with the node at this address. LOCAL.
struct add_peer {
  rest::peer_request asked{};
  steady_time deadline{};
  reply_ptr<result<rest::peer_added>> answer{};
};
/// End the federation with a peer, on both sides. LOCAL.
struct remove_peer {
  std::string name{}; ///< or host:port
  reply_ptr<result<void>> answer{};
  steady_time deadline = steady_time::max(); ///< not begun after it
};

// Actors to themselves (INTERNAL)
// ---------------------------------------------------------------------------------------------

struct flush_batch {}; ///< bucket: hand over what has gathered; storage: commit what has gathered
/// Storage: reopen, sync, clean up; bucket: go on with what waits; view: look after who waits; peer
/// link: something is due; ZeroMQ gateway: look after its connections.
struct tick {};
struct try_again {}; ///< view: something failed a while ago
/// Peer link: a bucket has merged, or refused, a batch.
struct documents_merged {
  uint32_t bucket = 0;
  uint64_t ticket = 0;
  uint8_t code = 0;                   ///< an ec
  uint64_t failures = 0;              ///< of the merge_documents that is answered
  std::vector<std::string> refused{}; ///< ids of documents that are left out
};
/// ZeroMQ gateway: who waits for a new peer is answered by now.
struct wait_over {
  uint64_t waiter = 0;
};
/// ZeroMQ gateway: whether the peer's old connection was alive is known by now.
struct probe_over {
  uint64_t connection = 0; ///< the new one
};
/// Isolate pool: what its own thread brings. One of the two is there.
struct job_done {
  uint64_t ticket = 0; ///< of the pool
  std::shared_ptr<const js::map_answer> mapped{};
  std::shared_ptr<const js::reduce_answer> reduced{};
};

template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, begin_generation& x) {
  return f(caf::meta::type_name("begin_generation"), x.bucket);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, generation_begun& x) {
  return f(caf::meta::type_name("generation_begun"), x.generation, x.code, x.reason);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, batch_done& x) {
  return f(caf::meta::type_name("batch_done"), x.generation, x.number, x.code, x.reason, x.synced);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, batches_synced&) {
  return f(caf::meta::type_name("batches_synced"));
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, begin_index& x) {
  return f(caf::meta::type_name("begin_index"), x.bucket);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, index_begun& x) {
  return f(caf::meta::type_name("index_begun"), x.index, x.code, x.reason);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, index_committed& x) {
  return f(caf::meta::type_name("index_committed"), x.index, x.code, x.reason);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, forget_function& x) {
  return f(caf::meta::type_name("forget_function"), x.id);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, drop_query& x) {
  return f(caf::meta::type_name("drop_query"), x.bucket, x.name);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, queries_changed& x) {
  return f(caf::meta::type_name("queries_changed"), x.bucket);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, look_at_definition&) {
  return f(caf::meta::type_name("look_at_definition"));
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, make_bucket& x) {
  return f(caf::meta::type_name("make_bucket"), x.name, x.for_peer);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, drop_bucket& x) {
  return f(caf::meta::type_name("drop_bucket"), x.name);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_facts& x) {
  return f(caf::meta::type_name("bucket_facts"), x.name, x.number, x.log_id, x.fresh);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, activity_advanced& x) {
  return f(caf::meta::type_name("activity_advanced"), x.bucket, x.sequence);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, flush_batch&) {
  return f(caf::meta::type_name("flush_batch"));
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, try_again&) {
  return f(caf::meta::type_name("try_again"));
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, tick&) {
  return f(caf::meta::type_name("tick"));
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, record_checkpoint& x) {
  return f(caf::meta::type_name("record_checkpoint"), x.peer, x.reached.log_id, x.reached.sequence,
           x.reached.chain, x.failures);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, keep_peers& x) {
  return f(caf::meta::type_name("keep_peers"), x.text);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, peers_kept& x) {
  return f(caf::meta::type_name("peers_kept"), x.code, x.reason);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, frame_received& x) {
  return f(caf::meta::type_name("frame_received"), x.connection, x.frame, x.routed, x.waiting);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_lost& x) {
  return f(caf::meta::type_name("connection_lost"), x.connection);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_made& x) {
  return f(caf::meta::type_name("connection_made"), x.connection);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_chosen& x) {
  return f(caf::meta::type_name("connection_chosen"), x.connection, x.lost);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, others_linked& x) {
  return f(caf::meta::type_name("others_linked"), x.any);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, part_link& x) {
  return f(caf::meta::type_name("part_link"), x.why);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, link_changed& x) {
  return f(caf::meta::type_name("link_changed"), x.peer, x.established, x.node_id);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, link_refused& x) {
  return f(caf::meta::type_name("link_refused"), x.peer, x.why);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, link_cut& x) {
  return f(caf::meta::type_name("link_cut"), x.peer, x.reason);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, documents_merged& x) {
  return f(caf::meta::type_name("documents_merged"), x.bucket, x.ticket, x.code, x.failures,
           x.refused);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, wait_over& x) {
  return f(caf::meta::type_name("wait_over"), x.waiter);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_over& x) {
  return f(caf::meta::type_name("probe_over"), x.connection);
}

} // namespace treadmill
