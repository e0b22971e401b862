#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "storage/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace treadmill {

struct storage_options {
  std::shared_ptr<store> rows{};
  std::shared_ptr<node_counters> counters{};
  /// Zero: every commit is fsynced before its answer. Else: within this time after it.
  std::chrono::milliseconds sync_interval{0};
  uint64_t free_floor_bytes = 0; ///< as the store's; 0: indexes have none, either
  uint64_t write_buffer_bytes = 0;
};

/// What storage knows between two messages.
struct storage_state {
  storage_state() = default;
  storage_state(const storage_state&) = delete;
  storage_state& operator=(const storage_state&) = delete;
  ~storage_state(); ///< syncs what an interval has not synced yet
  struct waiting_batch {
    commit_batch batch{};
    caf::typed_response_promise<batch_done> answer{};
    caf::strong_actor_ptr from{};
  };
  struct waiting_index {
    commit_index batch{};
    caf::typed_response_promise<index_committed> answer{};
  };
  storage_options options{};
  std::vector<waiting_batch> waiting{};
  std::deque<waiting_index> indexes{}; ///< written one at a time, behind what clients wait for
  bool flush_sent = false;
  uint64_t last_generation = 0;
  /// Generations in force. A bucket that is not in it (any more) has to begin one.
  std::unordered_map<uint32_t, uint64_t> generations{};
  bool unsynced = false; ///< committed without a sync since the last one
  /// Who committed something without a sync since the last one: after a failure of the store their
  /// memory may be ahead of what a reopen finds.
  struct {
    std::unordered_set<uint32_t> buckets{};
    std::set<std::pair<uint32_t, uint32_t>> indexes{}; ///< bucket and index
  } exposed{};
  /// Indexes that were exposed when the store failed: the next batch of each is refused, so that
  /// its view reads the store again.
  std::set<std::pair<uint32_t, uint32_t>> lost_indexes{};
  /// Buckets, by number, that have committed without a sync, or may have: they are told when it is
  /// on disk.
  std::unordered_map<uint32_t, caf::strong_actor_ptr> to_tell{};
  std::chrono::steady_clock::time_point synced_at{};
  bool cleaning = true;   ///< rows of dropped buckets may be there
  size_t index_bytes = 0; ///< written to indexes since the last tick
  unsigned put_off = 0;   ///< times that cleaning up was, one after the other
  std::chrono::steady_clock::time_point reopen_at{}; ///< below the floor: not before
  std::chrono::seconds reopen_pause{1};
  std::string reopen_problem{}; ///< why the last try to reopen failed; empty: none did
  static inline constexpr const char* name = "storage";
};

/// The only writer of the store: gathers the batches that wait and commits them with one fsync.
///
/// Lifetime: one a process, from the node's start to its end. **Thread**: detached; under test,
/// plain. **Blocks?** Yes, for fsync: hence detached.
/// **Mailbox bound**: by the gateway (queued writes and bytes). **Errors**: a batch is committed,
/// `ambiguous` (its write failed), or refused with the store's problem; after the last two its
/// bucket's generation is over, and what follows of it is refused. A sync tells the buckets that
/// wait for it; where every commit is synced, no message is sent for it. Lazy batches alone are not
/// synced: LevelDB's log keeps them behind what they rest on. **On exit**: what was
/// waiting is committed first, since stop messages queue behind it; then an interval's unsynced
/// rest is synced.
storage_actor::behavior_type storage(storage_actor::stateful_pointer<storage_state> self,
                                     storage_options options);

} // namespace treadmill
