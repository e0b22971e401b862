#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "storage/engine/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace treadmill {

struct bucket_options {
  uint32_t number = 0;
  std::shared_ptr<const store> rows{};
  storage_actor storage{};
  std::vector<follower_actor> followers{};
  query_keeper_actor query_keeper{}; ///< may be none
  bucket_limits limits{};
  std::shared_ptr<node_counters> counters{};
  std::function<steady_time()> clock = std::chrono::steady_clock::now;
};

/// What a bucket knows between two messages.
struct bucket_actor_state {
  /// Applied writes or documents of a peer that wait for the commit of the batch that contains
  /// them, or that they depend on.
  struct waiting_answer {
    uint64_t first = 0; ///< first batch that may have a part of it: large bulks span several
    uint64_t batch = 0; ///< the answer follows the commit of this batch
    reply_ptr<write_answer> write{}; ///< either this or `merge` is set
    std::vector<write_outcome> outcomes{};
    reply_ptr<replication::batch_outcome> merge{};
    replication::batch_outcome merged{};
    bool begun = false; ///< a part of it is in the store, or may be
  };
  using work = std::variant<write_documents, merge_documents, record_checkpoint>;
  /// Progress of the first item of `waiting`.
  struct work_progress {
    bool started = false;
    size_t next = 0;    ///< next op, or next document
    uint64_t first = 0; ///< first batch that may have a part of it
    bool begun = false; ///< a part of it is in the store, or may be
    std::vector<write_outcome> outcomes{};
    replication::batch_outcome merged{};
  };
  struct batch_on_its_way {
    uint64_t number = 0;
    uint64_t sequence = 0; ///< the last one in it
    size_t bytes = 0;
  };
  bucket_actor_state() = default;
  bucket_actor_state(const bucket_actor_state&) = delete;
  bucket_actor_state& operator=(const bucket_actor_state&) = delete;
  ~bucket_actor_state() { forget_batches(UINT64_MAX); }
  /// Forgets batches on their way, up to this one. Answers the last sequence in them; 0: none.
  uint64_t forget_batches(uint64_t up_to);

  bucket_options options{};
  row_finder* finder = nullptr;      ///< set while one operation changes many documents
  std::optional<bucket_core> core{}; ///< empty: an epoch is being started
  uint64_t epoch = 0;
  bool beginning = false;
  bool flush_sent = false;
  uint64_t submitted = 0;     ///< number of the last batch submitted to storage
  uint64_t finished = 0;      ///< number of the last batch that storage answered
  uint64_t last_sequence = 0; ///< of the submitted batches
  std::deque<batch_on_its_way> on_their_way{};
  size_t bytes_on_their_way = 0;
  uint64_t told = 0;                    ///< the last sequence that followers were told
  uint64_t query_batch = 0;             ///< last batch with query definitions; 0: none on its way
  std::deque<waiting_answer> answers{}; ///< in batch order
  std::deque<work> waiting{};           ///< in order of arrival; the first is being applied
  work_progress now{};
  bool planned = false; ///< a tick to continue is in the mailbox
  static inline constexpr const char* name = "bucket";
};

/// Orders the writes of one bucket: applies them to the bucket core at once, submits batches to
/// storage, answers after the commit, and tells its followers which sequence is on disk. It does
/// not wait for the disk. It handles documents of peers in the same way, followed by the
/// checkpoint; a batch with only checkpoints is lazy (commit_batch).
///
/// The bucket interrupts work that takes longer than a slice, or that exceeds the bytes allowed on
/// their way to storage, so that other actors get their turn. Later work waits until it is done. An
/// atomic bulk or an import is submitted only after all of it was applied.
///
/// Lifetime: from the first use of the bucket until it is dropped or the node ends; restarted by
/// the node when it dies. **Thread**: scheduled.
/// **Blocks?** Only for reads of documents that it changes. **Mailbox bound**: by the gateway and
/// the windows of links. **Errors**: after a failed commit, the writes of that batch are answered
/// `ambiguous`; writes that were never attempted are answered with the store's problem; a bulk that
/// may be stored in part is answered `ambiguous`. Then the bucket starts over from the stored
/// state, in a new epoch. It refuses batches of a peer link that read its basis before the failed
/// commit. **On exit**: replies that it still holds answer `ambiguous` by themselves.
bucket_actor::behavior_type bucket(bucket_actor::stateful_pointer<bucket_actor_state> self,
                                   bucket_options options);

} // namespace treadmill
