#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "storage/store.hpp"
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
  /// Writes, or documents of a peer, that were applied and wait for the commit of the batch that
  /// they are in (or that they depend on).
  struct waiting_answer {
    uint64_t first = 0; ///< batch that has something of it; before `batch` where a bulk is large
    uint64_t batch = 0; ///< the last one
    reply_ptr<rest::write_answer> write{}; ///< one of the two is there
    std::vector<write_outcome> outcomes{};
    reply_ptr<replication::batch_outcome> merge{};
    replication::batch_outcome merged{};
    bool begun = false; ///< a part of it is there, or may be
  };
  using work = std::variant<write_documents, merge_documents, record_checkpoint>;
  /// How far the first of `waiting` is applied.
  struct work_progress {
    bool started = false;
    size_t next = 0;    ///< op, or document
    uint64_t first = 0; ///< batch that has something of it, maybe
    bool begun = false; ///< a part of it is there, or may be
    std::vector<write_outcome> outcomes{};
    replication::batch_outcome merged{};
  };
  struct batch_on_its_way {
    uint64_t number = 0;
    uint64_t sequence = 0; ///< its last one
    size_t bytes = 0;
  };
  bucket_actor_state() = default;
  bucket_actor_state(const bucket_actor_state&) = delete;
  bucket_actor_state& operator=(const bucket_actor_state&) = delete;
  ~bucket_actor_state() { forget_batches(UINT64_MAX); }
  /// Of what is on its way, up to this batch; the last sequence in it, 0: none was.
  uint64_t forget_batches(uint64_t up_to);

  bucket_options options{};
  row_finder* finder = nullptr;      ///< while many documents are changed
  std::optional<bucket_core> core{}; ///< nothing: a generation is being begun
  uint64_t generation = 0;
  bool beginning = false;
  bool flush_sent = false;
  uint64_t handed_over = 0;   ///< number of the last batch given to storage
  uint64_t finished = 0;      ///< number of the last batch that storage answered
  uint64_t last_sequence = 0; ///< of what was handed over
  std::deque<batch_on_its_way> on_their_way{};
  size_t bytes_on_their_way = 0;
  uint64_t told = 0;        ///< what followers were told last
  uint64_t query_batch = 0; ///< the last batch that has definitions of queries; 0: none on its way
  std::deque<waiting_answer> answers{}; ///< in batch order
  std::deque<work> waiting{};           ///< in the order in which it came; the first is in work
  work_progress now{};
  bool planned = false; ///< to go on with it
  static inline constexpr const char* name = "bucket";
};

/// Orders the writes of one bucket: applies them to the bucket core at once, hands batches to
/// storage, answers after the commit, and tells its followers how far the bucket is on disk. Never
/// waits for the disk. Documents of peers take the same way, with the checkpoint behind them; a
/// batch that has checkpoints alone is lazy (commit_batch).
///
/// What takes longer than a slice, or makes more than may be on its way to storage, is gone on with
/// later, so that other actors get their turn; what comes meanwhile waits behind it. Of an atomic
/// bulk, or an import, nothing is handed over before all of it is applied.
///
/// Lifetime: from the first use of the bucket until it is dropped or the node ends; restarted by
/// the node when it dies. **Thread**: scheduled.
/// **Blocks?** Only for reads of documents that it changes. **Mailbox bound**: by the
/// gateway and the windows of links. **Errors**: after a failed commit, the writes of that batch
/// are answered `ambiguous`, those that were never attempted with the store's problem, a bulk of
/// which a part may be there and another is not `ambiguous` as well, and it starts over from what
/// is stored, in a new generation. What a peer link sends that rests on what it read before a
/// failed commit is refused. **On exit**: replies that it still holds answer `ambiguous` by
/// themselves.
bucket_actor::behavior_type bucket(bucket_actor::stateful_pointer<bucket_actor_state> self,
                                   bucket_options options);

} // namespace treadmill
