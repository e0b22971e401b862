#pragma once
#include "actors/interfaces.hpp"
#include "actors/node_counters.hpp"
#include "storage/base/back_off.hpp"
#include "storage/engine/store.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace treadmill {

struct storage_options {
  std::shared_ptr<store> rows{};
  std::shared_ptr<node_counters> counters{};
  /// Zero: every commit is fsynced before its answer. Otherwise: within this time after the answer.
  std::chrono::milliseconds sync_interval{0};
  uint64_t free_floor_bytes = 0; ///< as in the store's options; 0: also no floor for indexes
  uint64_t write_buffer_bytes = 0;
};

/// What storage knows between two messages.
struct storage_state {
  storage_state() = default;
  storage_state(const storage_state&) = delete;
  storage_state& operator=(const storage_state&) = delete;
  ~storage_state(); ///< syncs commits that are still unsynced
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
  std::deque<waiting_index> indexes{}; ///< written one at a time, after the batches of clients
  bool flush_sent = false;
  uint64_t last_epoch = 0;
  /// Current epochs. A bucket without one, or in doubt (store::in_doubt), must begin one.
  std::unordered_map<uint32_t, uint64_t> epochs{};
  bool unsynced = false; ///< there were commits without a sync since the last sync
  /// Actors of buckets, by number, with batches that are, or may be, committed without a sync. They
  /// are told when these are on disk.
  std::unordered_map<uint32_t, caf::strong_actor_ptr> to_tell{};
  std::chrono::steady_clock::time_point synced_at{};
  bool cleaning = true;   ///< rows of dropped buckets or indexes may remain
  size_t index_bytes = 0; ///< written to indexes since the last tick
  unsigned put_off = 0;   ///< how many times in a row cleaning up was postponed
  std::chrono::steady_clock::time_point reopen_at{}; ///< below the floor, do not reopen before
  back_off<std::chrono::seconds> reopen_pause{std::chrono::seconds(1), std::chrono::seconds(60)};
  uint64_t logged_failures = 0;
  std::string reopen_problem{}; ///< why the last reopen failed; empty: it did not
  static inline constexpr const char* name = "storage";
};

/// The only writer of the store: gathers the waiting batches and commits them with one fsync.
///
/// Lifetime: one per process, from the node's start to its end. **Thread**: detached; under test,
/// plain. **Blocks?** Yes, for fsync: hence detached.
/// **Mailbox bound**: by the gateway (queued writes and bytes). **Errors**: a batch is committed,
/// `ambiguous` (its write failed), or refused with the store's problem. The last two put the
/// batch's bucket in doubt, and storage refuses the rest of its epoch's batches. After an
/// interval's sync, storage sends batches_synced to the buckets concerned; if every commit is
/// synced, it sends none. A commit of only lazy batches is not synced: LevelDB's log keeps them
/// after the batches that they depend on. **On exit**: waiting batches are committed first, because
/// stop messages queue behind them; then unsynced commits are synced.
storage_actor::behavior_type storage(storage_actor::stateful_pointer<storage_state> self,
                                     storage_options options);

} // namespace treadmill
