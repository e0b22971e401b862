#pragma once
#include "actors/reply.hpp"
#include "js/jobs.hpp"
#include "net/node_backend.hpp"
#include "storage/bucket_core.hpp"
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
};

/// Answers commit_batch. Code none: the batch is on disk, or, where it is not `synced`, in LevelDB,
/// and batches_synced follows. ambiguous: its write failed. Any other: it was not attempted.
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
/// From the gateway: compile, and run nothing. LOCAL.
struct check_function {
  std::shared_ptr<const js::function> what{};
  reply_ptr<js::map_answer> answer{};
};
/// From the gateway: map these documents, for no index. LOCAL.
struct try_documents {
  std::shared_ptr<const js::map_job> job{};
  reply_ptr<js::map_answer> answer{};
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

// Actors to themselves (INTERNAL)
// ---------------------------------------------------------------------------------------------

struct flush_batch {}; ///< bucket: hand over what has gathered; storage: commit what has gathered
struct tick {};        ///< storage: reopen, sync, clean up; view: look after who waits
struct try_again {};   ///< view: something failed a while ago
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
  return f(caf::meta::type_name("make_bucket"), x.name);
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

} // namespace treadmill
