#pragma once
#include "actors/messages.hpp"
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <memory>

/// The whole protocol of the node: what each actor takes and answers. actors/README.md draws it.
namespace treadmill {

/// Whoever wants to know how far a bucket is.
using follower_actor = caf::typed_actor<
    // The bucket's activity is fsynced up to a sequence: read it at your own pace.
    caf::reacts_to<activity_advanced>>;

/// Owns LevelDB's writing side.
using storage_actor = caf::typed_actor<
    // A bucket starts over: everything older of it is finished or refused before the answer.
    caf::replies_to<begin_generation>::with<generation_begun>,
    // Write a batch together with all that wait; one fsync for all.
    caf::replies_to<commit_batch>::with<batch_done>,
    // Make a bucket, or name the one that is there.
    caf::replies_to<make_bucket>::with<bucket_facts>,
    // Take a bucket away; its rows go in the background.
    caf::replies_to<drop_bucket>::with<bucket_facts>,
    // INTERNAL: commit what has gathered.
    caf::reacts_to<flush_batch>,
    // INTERNAL: every `tick_interval`.
    caf::reacts_to<tick>>;

/// Orders the writes of one bucket.
using bucket_actor = caf::typed_actor<
    // Apply writes; the answer goes through the message's own reply.
    caf::reacts_to<write_documents>,
    // Storage's answer to begin_generation.
    caf::reacts_to<generation_begun>,
    // Storage's answer to commit_batch.
    caf::reacts_to<batch_done>,
    // From storage, after an interval's sync or a reopen: followers may have news.
    caf::reacts_to<batches_synced>,
    // INTERNAL: hand over what has gathered.
    caf::reacts_to<flush_batch>>;

/// A bucket's actor is running (again).
struct bucket_started {
  bucket_facts facts{};
  bucket_actor actor{};
};
/// A bucket's actor is gone: it was dropped, or it died and another bucket_started follows.
struct bucket_stopped {
  std::string name{};
  uint32_t number = 0;
};

/// Find a bucket's actor; make the bucket where `make`. LOCAL.
struct open_bucket {
  std::string name{};
  bool make = false;
  reply_ptr<result<bucket_started>> answer{};
};
/// Drop a bucket and end its actor. LOCAL.
struct remove_bucket {
  std::string name{};
  reply_ptr<result<void>> answer{};
};

/// Supervises all others and knows every bucket.
using node_actor = caf::typed_actor<
    // From the gateway's threads.
    caf::reacts_to<open_bucket>,
    // From the gateway's threads.
    caf::reacts_to<remove_bucket>>;

/// The REST gateway's side inside the actor system.
using gateway_actor = follower_actor::extend<
    // From the node: where a bucket's writes go.
    caf::reacts_to<bucket_started>,
    // From the node: writes and feeds of that actor are over.
    caf::reacts_to<bucket_stopped>>;

template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_started& x) {
  return f(caf::meta::type_name("bucket_started"), x.facts, x.actor);
}
template<class Inspector>
typename Inspector::result_type inspect(Inspector& f, bucket_stopped& x) {
  return f(caf::meta::type_name("bucket_stopped"), x.name, x.number);
}

} // namespace treadmill
