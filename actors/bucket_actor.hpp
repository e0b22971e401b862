#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "storage/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
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
  json_limits limits{};              ///< limit of what a patch may make
  std::shared_ptr<const node_counters> counters{};
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
    reply_ptr<ec> merge{};
    ec merged = ec::none;
    bool begun = false; ///< a part of it is there, or may be
  };
  using postponed_work = std::variant<write_documents, merge_documents>;
  bucket_options options{};
  row_finder* finder = nullptr;      ///< while many documents are changed
  std::optional<bucket_core> core{}; ///< nothing: a generation is being begun
  uint64_t generation = 0;
  bool beginning = false;
  bool flush_sent = false;
  uint64_t handed_over = 0;   ///< number of the last batch given to storage
  uint64_t finished = 0;      ///< number of the last batch that storage answered
  uint64_t last_sequence = 0; ///< of what was handed over
  std::vector<std::pair<uint64_t, uint64_t>>
      sequences{};          ///< (batch, its last sequence) on their way
  uint64_t told = 0;        ///< what followers were told last
  uint64_t query_batch = 0; ///< the last batch that has definitions of queries; 0: none on its way
  std::deque<waiting_answer> answers{};   ///< in batch order
  std::deque<postponed_work> postponed{}; ///< until the generation has begun
  static inline constexpr const char* name = "bucket";
};

/// Orders the writes of one bucket: applies them to the bucket core at once, hands batches to
/// storage, answers after the commit, and tells its followers how far the bucket is on disk. Never
/// waits for the disk. Documents of peers take the same way, with the checkpoint in their batch; a
/// batch that has checkpoints alone is lazy (commit_batch).
///
/// Lifetime: from the first use of the bucket until it is dropped or the node ends; restarted by
/// the node when it dies. **Thread**: scheduled.
/// **Blocks?** Only for reads of documents that it changes. **Mailbox bound**: by the
/// gateway. **Errors**: after a failed commit, the writes of that batch are answered `ambiguous`,
/// those that were never attempted with the store's problem, a bulk of which a part may be there
/// and another is not `ambiguous` as well, and it starts over from what is
/// stored, in a new generation. What a peer link sends that rests on what it read before a failed
/// commit is refused. **On exit**: replies that it still holds answer `ambiguous` by
/// themselves.
bucket_actor::behavior_type bucket(bucket_actor::stateful_pointer<bucket_actor_state> self,
                                   bucket_options options);

} // namespace treadmill
