#pragma once
#include "actors/messages.hpp"
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <vector>

/// The whole protocol of the node: the messages that each actor takes and answers.
/// actors/README.md draws it.
namespace treadmill {

/// An actor that follows a bucket's activity.
using follower_actor = caf::typed_actor<
    // The bucket's activity is fsynced up to a sequence: read it at your own pace.
    caf::reacts_to<activity_advanced>>;

/// The actors that follow a bucket from now on.
struct followers_changed {
  std::vector<follower_actor> followers{};
};

/// An actor that is told when queries of a bucket were defined, changed or deleted.
using query_keeper_actor = caf::typed_actor<caf::reacts_to<queries_changed>>;

/// Owns LevelDB's writing side.
using storage_actor = caf::typed_actor<
    // A bucket starts over: storage commits or refuses its older batches before the answer.
    caf::replies_to<begin_epoch>::with<epoch_begun>,
    // Write a batch together with all waiting batches; one fsync for all.
    caf::replies_to<commit_batch>::with<batch_done>,
    // Make a bucket, or answer with the existing one.
    caf::replies_to<make_bucket>::with<bucket_facts>,
    // Drop a bucket; storage removes its rows in the background.
    caf::replies_to<drop_bucket>::with<bucket_facts>,
    // Give a number to a new index.
    caf::replies_to<begin_index>::with<index_begun>,
    // Write a batch of an index, after the writes of clients.
    caf::replies_to<commit_index>::with<index_committed>,
    // Drop a query's indexes; storage removes their rows in the background.
    caf::replies_to<drop_query>::with<index_committed>,
    // Store the list of peers.
    caf::replies_to<keep_peers>::with<peers_kept>,
    // INTERNAL: commit waiting batches.
    caf::reacts_to<flush_batch>,
    // INTERNAL: every `tick_interval`.
    caf::reacts_to<tick>>;

/// Orders the writes of one bucket.
using bucket_actor = caf::typed_actor<
    // Apply writes; the answer goes through the message's own reply.
    caf::reacts_to<write_documents>,
    // From peer links: merge documents; the answer goes through the message's own reply.
    caf::reacts_to<merge_documents>, caf::reacts_to<record_checkpoint>, caf::reacts_to<tick>,
    // Storage's answer to begin_epoch.
    caf::reacts_to<epoch_begun>,
    // Storage's answer to commit_batch.
    caf::reacts_to<batch_done>,
    // From storage, after an interval's sync or a reopen: more activity may be on disk.
    caf::reacts_to<batches_synced>,
    // From the node: the actors that follow the bucket.
    caf::reacts_to<followers_changed>,
    // INTERNAL: submit the gathered batch.
    caf::reacts_to<flush_batch>>;

/// Runs map and reduce functions in the worker processes.
using isolate_pool_actor = caf::typed_actor<
    // Map documents; answered when their worker has answered.
    caf::replies_to<map_documents>::with<documents_mapped>,
    // Run a JavaScript reduction; answered when its worker has answered.
    caf::replies_to<reduce_values>::with<values_reduced>,
    // From the gateway's threads; the answer goes through the message's own reply.
    caf::reacts_to<reduce_once>,
    // A function is no longer used.
    caf::reacts_to<forget_function>,
    // INTERNAL: from the pool's own thread.
    caf::reacts_to<job_done>>;

/// Keeps the index of one query.
using view_actor = follower_actor::extend<
    // From the gateway's threads: answered when the index covers a sequence.
    caf::reacts_to<await_index>,
    // From the node: the definition's document was written.
    caf::reacts_to<look_at_definition>,
    // Storage's answer to begin_index.
    caf::reacts_to<index_begun>,
    // Storage's answer to commit_index.
    caf::reacts_to<index_committed>,
    // The isolate pool's answers.
    caf::reacts_to<documents_mapped>, caf::reacts_to<values_reduced>,
    // INTERNAL: requests wait for the index.
    caf::reacts_to<tick>,
    // INTERNAL: the pause after a failure is over.
    caf::reacts_to<try_again>>;

/// A peer link's bucket, or the reason why there is none. INTERNAL.
struct bucket_found {
  std::string name{};
  uint32_t number = 0;
  bool made = false; ///< the link asked the node to make it
  ec code = ec::none;
  bucket_actor actor{};
};

/// Follows one peer and serves it.
using peer_link_actor = follower_actor::extend<
    // From the wire's thread.
    caf::reacts_to<frame_received>,
    // From the gateway: the connection to send over, and whether other links are established.
    caf::reacts_to<connection_chosen>, caf::reacts_to<others_linked>,
    // From the gateway: the link ends after this.
    caf::reacts_to<disconnect_link>,
    // INTERNAL: answers of buckets and the node.
    caf::reacts_to<documents_merged>, caf::reacts_to<bucket_found>,
    // INTERNAL: a timer is due.
    caf::reacts_to<tick>>;

/// Knows the peers, and which connection belongs to which of them.
using zmq_gateway_actor = caf::typed_actor<
    // From the REST gateway's threads.
    caf::reacts_to<add_peer>, caf::reacts_to<remove_peer>,
    // From the wire's thread: frames of connections that belong to no link yet.
    caf::reacts_to<frame_received>, caf::reacts_to<connection_lost>,
    caf::reacts_to<connection_made>,
    // From links.
    caf::reacts_to<link_changed>, caf::reacts_to<link_refused>, caf::reacts_to<link_cut>,
    // INTERNAL: timers.
    caf::reacts_to<wait_over>, caf::reacts_to<probe_over>, caf::reacts_to<tick>>;

/// A bucket's actor is running (again).
struct bucket_started {
  bucket_facts facts{};
  bucket_actor actor{};
};
/// A bucket's actor has ended: the bucket was dropped, or the actor died and bucket_started
/// follows.
struct bucket_stopped {
  std::string name{};
  uint32_t number = 0;
};

/// The ZeroMQ gateway is running (again).
struct peers_started {
  zmq_gateway_actor actor{};
};
/// All current links: they follow all buckets.
struct links_changed {
  std::vector<follower_actor> links{};
};

/// The isolate pool is running (again).
struct pool_started {
  isolate_pool_actor actor{};
};

/// Find a bucket's actor; with `make`, make the bucket if it is missing. LOCAL.
struct open_bucket {
  std::string name{};
  bool make = false;
  reply_ptr<result<bucket_started>> answer{};
  bool for_peer = false;                     ///< not made if it was dropped on this node
  steady_time deadline = steady_time::max(); ///< after it, the node does not start this
};
/// Drop a bucket and end its actor. LOCAL.
struct remove_bucket {
  std::string name{};
  reply_ptr<result<void>> answer{};
  steady_time deadline = steady_time::max(); ///< after it, the node does not start this
};

/// Answer when the query's index covers this sequence. LOCAL.
struct await_query {
  std::string bucket{};
  std::string name{};
  await_index wanted{};
};

/// Supervises all others and knows every bucket and query.
using node_actor = query_keeper_actor::extend<
    // From the gateway's threads; not_found if there is no such query.
    caf::reacts_to<await_query>,
    // INTERNAL: retry a query drop that failed.
    caf::reacts_to<drop_query>,
    // From the ZeroMQ gateway: the links that follow all buckets, and the peers to store.
    caf::reacts_to<links_changed>, caf::replies_to<keep_peers>::with<peers_kept>,
    // From the gateway's threads and from peer links.
    caf::reacts_to<open_bucket>,
    // From the gateway's threads.
    caf::reacts_to<remove_bucket>>;

/// The REST gateway's side inside the actor system.
using gateway_actor = follower_actor::extend<
    // From the node: the actor that takes a bucket's writes.
    caf::reacts_to<bucket_started>,
    // From the node: end the writes and feeds of that bucket's actor.
    caf::reacts_to<bucket_stopped>,
    // From the node: the actors that run functions and add peers.
    caf::reacts_to<pool_started>, caf::reacts_to<peers_started>>;

template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, followers_changed& x) {
  return f(caf::meta::type_name("followers_changed"), x.followers);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_started& x) {
  return f(caf::meta::type_name("bucket_started"), x.facts, x.actor);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, pool_started& x) {
  return f(caf::meta::type_name("pool_started"), x.actor);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, peers_started& x) {
  return f(caf::meta::type_name("peers_started"), x.actor);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, links_changed& x) {
  return f(caf::meta::type_name("links_changed"), x.links);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_found& x) {
  return f(caf::meta::type_name("bucket_found"), x.name, x.number, x.made, x.code, x.actor);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_stopped& x) {
  return f(caf::meta::type_name("bucket_stopped"), x.name, x.number);
}

} // namespace treadmill
