#pragma once
#include "actors/reply.hpp"
#include "js/wire/jobs.hpp"
#include "net/node/node_backend.hpp"
#include "net/replication/peer_frames.hpp"
#include "net/replication/replication_link.hpp"
#include "storage/base/hash.hpp"
#include "storage/base/result.hpp"
#include "storage/engine/bucket_core.hpp"
#include "storage/engine/checkpoint.hpp"
#include <caf/meta/type_name.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

/// Every message between actors. A request is named verb_noun, a reply with a noun, a notice with a
/// past participle. Messages with an `inspect` can be serialized; those marked LOCAL carry shared
/// memory and stay in the process.
namespace treadmill {

using steady_time = std::chrono::steady_clock::time_point;

// Gateway -> bucket
// -------------------------------------------------------------------------------------------------------

/// Apply these writes and answer after their commit. LOCAL.
struct write_documents {
  std::shared_ptr<const write_group> group{};
  steady_time deadline{}; ///< after it, the bucket neither starts nor continues the write
  reply_ptr<write_answer> answer{};
};

// Peer link -> bucket
// -------------------------------------------------------------------------------------------------------

/// Merge these documents of a peer and write its checkpoint after them, or merge the documents of
/// an import. Answered after the commit. LOCAL.
struct merge_documents {
  std::shared_ptr<const replication::apply_batch> what{};
  uint64_t reopens = 0; ///< store::reopens when the link read its basis
  reply_ptr<replication::batch_outcome> answer{};
  steady_time deadline = steady_time::max(); ///< of an import: nothing is applied after it
};

/// Write this checkpoint of a peer, which only passed entries that this node already had. Not
/// answered: if it is lost, the link looks at those entries again.
struct record_checkpoint {
  std::string peer{}; ///< node id
  checkpoint reached{};
  uint64_t reopens = 0; ///< as in merge_documents
};

// Bucket -> storage and back
// --------------------------------------------------------------------------------------------------

/// Start a new epoch of this bucket, after committing or refusing all batches of older epochs.
struct begin_epoch {
  uint32_t bucket = 0;
};

/// Answers begin_epoch. Code none: the bucket may read its state and continue.
struct epoch_begun {
  uint64_t epoch = 0;
  ec code = ec::none; ///< disk_full, not_found (the bucket was dropped)
  std::string reason{};
};

/// Write this batch. Answered by batch_done, in the order of the bucket's batches. LOCAL.
struct commit_batch {
  uint32_t bucket = 0;
  uint64_t epoch = 0;
  uint64_t number = 0;
  std::shared_ptr<const row_batch> rows{};
  bool lazy = false;       ///< it adds no activity: storage does not sync for it alone
  bool makes_room = false; ///< it only removes a query: written even below the free-space floor
};

/// Answers commit_batch. Code none: the batch is on disk if `synced`; otherwise it is in LevelDB,
/// and batches_synced follows unless the batch was lazy. ambiguous: the write failed. Any other
/// code: storage did not attempt the write.
struct batch_done {
  uint64_t epoch = 0;
  uint64_t number = 0;
  ec code = ec::none;
  std::string reason{};
  bool synced = false;
};

/// The bucket's unsynced commits are on disk now, or the store was reopened after a failure. Read
/// `store::synced` to learn which sequence is on disk.
struct batches_synced {};

// Node -> storage
// ---------------------------------------------------------------------------------------------------------------

struct make_bucket {
  std::string name{};
  bool for_peer = false; ///< refused with not_found if the bucket was dropped on this node
};
struct drop_bucket {
  std::string name{};
};
/// Answers both: which bucket it is or was. `fresh`: the bucket did not exist before.
struct bucket_facts {
  std::string name{};
  uint32_t number = 0;
  hash128 log_id{};
  bool fresh = false;
};

// ZeroMQ gateway -> node -> storage
// -------------------------------------------------------------------------------------------

/// Store the peers, as their registry encodes them, in one synced batch.
struct keep_peers {
  std::string text{};
};
/// Code none: they are on disk.
struct peers_kept {
  ec code = ec::none;
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
  ec code = ec::none; ///< disk_full, not_found (the bucket was dropped)
  std::string reason{};
};

/// Write this batch of an index after the waiting writes of clients. Storage syncs it only if
/// `sync` is set: the view rebuilds index rows lost in a crash. Answered by index_committed. LOCAL.
struct commit_index {
  uint32_t bucket = 0;
  uint32_t index = 0;
  std::shared_ptr<const row_batch> rows{};
  bool drops = false; ///< it marks an index as dropped; storage removes its rows
  bool sync = false;  ///< clients follow these rows, so a crash must not lose them
};
/// Code none: the batch is in LevelDB. Any other: it is not, or its fate is unknown; the view must
/// read the index again.
struct index_committed {
  uint32_t index = 0;
  ec code = ec::none;
  std::string reason{};
};

// View -> isolate pool and back
// -----------------------------------------------------------------------------------------------

/// Map these documents. LOCAL.
struct map_documents {
  uint32_t index = 0;  ///< returned in the answer
  uint64_t ticket = 0; ///< returned in the answer
  std::shared_ptr<const js::map_job> job{};
};
struct documents_mapped {
  uint32_t index = 0;
  uint64_t ticket = 0;
  std::shared_ptr<const js::map_answer> answer{};
};
/// Reduce these values. LOCAL.
struct reduce_values {
  uint32_t index = 0;  ///< returned in the answer
  uint64_t ticket = 0; ///< returned in the answer
  std::shared_ptr<const js::reduce_job> job{};
};
struct values_reduced {
  uint32_t index = 0;
  uint64_t ticket = 0;
  std::shared_ptr<const js::reduce_answer> answer{};
};
/// From the REST gateway: reduce these values without storing them in an index. LOCAL.
struct reduce_once {
  std::shared_ptr<const js::reduce_job> job{};
  reply_ptr<js::reduce_answer> answer{};
};
/// No further job will use this function.
struct forget_function {
  uint64_t id = 0;
};

// Gateway -> view
// --------------------------------------------------------------------------------------------------------------

/// Answer when the index covers this sequence. LOCAL.
struct await_index {
  uint64_t sequence = 0;
  steady_time deadline{}; ///< after it, the answer is `overloaded` with the progress
  reply_ptr<result<void>> answer{};
};

// Node -> storage: queries
// ------------------------------------------------------------------------------------------------

/// Drop the indexes of a query whose view has ended. Answered by index_committed.
struct drop_query {
  uint32_t bucket = 0;
  std::string name{};
};

// Bucket -> node, node -> view
// --------------------------------------------------------------------------------------------------

/// Query definitions of this bucket were written.
struct queries_changed {
  uint32_t bucket = 0;
};
/// The query's definition may have changed: read it.
struct look_at_definition {};

// Bucket -> followers
// -------------------------------------------------------------------------------------------------------------

/// The bucket's activity is fsynced up to `sequence`. Followers read it through `store::synced`.
struct activity_advanced {
  uint32_t bucket = 0;
  uint64_t sequence = 0;
};

// Wire -> ZeroMQ gateway, peer link
// -------------------------------------------------------------------------------------------

/// A frame arrived.
struct frame_received {
  uint64_t connection = 0;
  std::string frame{};
  bool routed = false;  ///< sent to the link that owned the connection at that time
  uint64_t waiting = 0; ///< bytes that peer_wire counts until the frame is handled
};
/// Frames in flight over this connection may be lost. The wire redials a connection that this node
/// dialled; any other connection has ended.
struct connection_lost {
  uint64_t connection = 0;
};
/// A dialled connection is established, for the first time or again.
struct connection_made {
  uint64_t connection = 0;
};

// ZeroMQ gateway -> peer link and back
// ----------------------------------------------------------------------------------------

/// Send over this connection from now on; 0: there is none.
struct connection_chosen {
  uint64_t connection = 0;
  bool lost = false; ///< frames sent over the previous one may not have arrived
};
/// Whether other links are established, which may deliver the same documents.
struct others_linked {
  bool any = false;
};
/// Send a goodbye to the peer. The exit message that ends the link follows.
struct disconnect_link {
  uint8_t why = 0; ///< a replication::disconnect_reason
};
/// The link was established, or is no longer established.
struct link_changed {
  uint64_t peer = 0; ///< its key at the gateway
  bool established = false;
  std::string node_id{}; ///< of the peer that greeted
};
/// The peer refuses this node, or has removed it.
struct link_refused {
  uint64_t peer = 0;
  uint8_t why = 0; ///< a replication::disconnect_reason
};
/// The peer exceeded a limit of the link: the gateway closes its connections.
struct link_cut {
  uint64_t peer = 0;
  std::string reason{};
};

// REST gateway -> ZeroMQ gateway
// ----------------------------------------------------------------------------------------

/// Federate with the node at this address. LOCAL.
struct add_peer {
  peer_request asked{};
  steady_time deadline{}; ///< after it, the gateway does not add the peer
  reply_ptr<result<peer_added>> answer{};
};
/// End the federation with a peer, on both sides. LOCAL.
struct remove_peer {
  std::string name{}; ///< of the peer, or its host:port
  reply_ptr<result<void>> answer{};
  steady_time deadline = steady_time::max(); ///< after it, the gateway does not start the removal
};

// Actors to themselves (INTERNAL)
// ---------------------------------------------------------------------------------------------

struct flush_batch {}; ///< bucket: submit the gathered batch; storage: commit waiting batches
/// Storage: reopen, sync, clean up. Bucket: continue the waiting work. View: answer waiting
/// requests. Peer link: a timer is due. ZeroMQ gateway: check the connections.
struct tick {};
struct try_again {}; ///< view: the pause after a failure is over
/// Peer link: a bucket merged or refused a batch.
struct documents_merged {
  uint32_t bucket = 0;
  uint64_t ticket = 0;
  ec code = ec::none;
  uint64_t reopens = 0;               ///< copied from the answered merge_documents
  std::vector<std::string> refused{}; ///< ids of documents that the bucket left out
};
/// ZeroMQ gateway: the time to wait for a new peer is over; answer the request.
struct wait_over {
  uint64_t waiter = 0;
};
/// ZeroMQ gateway: the probe is over; the frames heard tell whether an old connection is alive.
struct probe_over {
  uint64_t connection = 0; ///< the new one
};
/// Isolate pool: an answer from the pool's own thread. One of the two pointers is set.
struct job_done {
  uint64_t ticket = 0; ///< of the pool
  std::shared_ptr<const js::map_answer> mapped{};
  std::shared_ptr<const js::reduce_answer> reduced{};
};

template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, begin_epoch& x) {
  return f(caf::meta::type_name("begin_epoch"), x.bucket);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, epoch_begun& x) {
  return f(caf::meta::type_name("epoch_begun"), x.epoch, x.code, x.reason);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, batch_done& x) {
  return f(caf::meta::type_name("batch_done"), x.epoch, x.number, x.code, x.reason, x.synced);
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
           x.reached.chain, x.reopens);
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
typename Inspector::result_type inspect(Inspector& f, disconnect_link& x) {
  return f(caf::meta::type_name("disconnect_link"), x.why);
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
  return f(caf::meta::type_name("documents_merged"), x.bucket, x.ticket, x.code, x.reopens,
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
