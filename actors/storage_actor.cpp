#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/caf_errors.hpp"
#include "actors/defaults.hpp"
#include "actors/logging.hpp"
#include "actors/storage_actor.hpp"
#include "net/base/clock.hpp"
#include "storage/engine/keys.hpp"
#include "storage/index/index.hpp"
#include <algorithm>
#include <cstdlib>
#include <utility>

namespace treadmill {
namespace {

using storage_pointer = storage_actor::stateful_pointer<storage_state>;

batch_done refusal(const commit_batch& batch, ec code, std::string reason) {
  return {batch.epoch, batch.number, code, std::move(reason), false};
}

batch_done success(const commit_batch& batch, bool synced) {
  return {batch.epoch, batch.number, ec::none, {}, synced};
}

void count_commit(node_counters& counters, size_t batches, clock::duration took) {
  counters.commits.fetch_add(1);
  counters.committed_batches.fetch_add(batches);
  const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(took);
  counters.commit_nanoseconds.fetch_add(static_cast<uint64_t>(time.count()));
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took);
  counters.commit_latencies.at(api::latency_slot(microseconds)).fetch_add(1);
}

/// Flushes after the messages that are already in the mailbox, so that all share one fsync.
void flush_soon(storage_pointer self) {
  if (!std::exchange(self->state.flush_sent, true)) self->send(self, flush_batch{});
}

/// A bucket in doubt has no epoch: its later batches rest on some that may be gone.
bool is_current(storage_state& state, const commit_batch& batch) {
  const auto epoch = state.epochs.find(batch.bucket);
  return epoch != state.epochs.end() && epoch->second == batch.epoch &&
         !state.options.rows->in_doubt({batch.bucket});
}

/// Takes the waiting batches. Refuses those of ended epochs and dropped buckets, returns the rest.
std::vector<storage_state::waiting_batch> take_writable(storage_state& state) {
  std::vector<storage_state::waiting_batch> good;
  for (storage_state::waiting_batch& item : std::exchange(state.waiting, {})) {
    if (!state.options.rows->alive(item.batch.bucket)) {
      item.answer.deliver(refusal(item.batch, ec::not_found, "the bucket was dropped"));
    } else if (!is_current(state, item.batch)) {
      item.answer.deliver(refusal(item.batch, ec::overloaded, "the bucket is restarting: retry"));
    } else {
      good.push_back(std::move(item));
    }
  }
  return good;
}

void commit(storage_state& state, std::vector<storage_state::waiting_batch>&& good,
            store::room changes) {
  if (good.empty()) return;
  std::vector<const row_batch*> batches;
  batches.reserve(good.size());
  for (const auto& item : good) batches.push_back(item.batch.rows.get());
  const bool eager =
      std::any_of(good.begin(), good.end(), [](const auto& item) { return !item.batch.lazy; });
  const bool sync = eager && state.options.sync_interval.count() == 0;
  const clock::time_point begin = clock::now();
  const result<void> done = state.options.rows->commit(batches, sync, changes);
  if (done) {
    if (eager) count_commit(*state.options.counters, good.size(), clock::now() - begin);
    state.unsynced = state.unsynced || (eager && !sync);
    for (auto& item : good) {
      if (!sync && !item.batch.lazy) state.to_tell[item.batch.bucket] = std::move(item.from);
      item.answer.deliver(success(item.batch, sync));
    }
    return;
  }
  for (auto& item : good) {
    // The batch may be in the store after the reopen.
    if (done.error().code == ec::ambiguous) state.to_tell[item.batch.bucket] = std::move(item.from);
    item.answer.deliver(refusal(item.batch, done.error().code, done.error().reason));
  }
}

void flush(storage_state& state) {
  state.flush_sent = false;
  std::vector<storage_state::waiting_batch> good = take_writable(state);
  if (good.empty() || state.options.rows->check_space())
    return commit(state, std::move(good), store::room::taken);
  // A batch that makes room depends on its bucket's earlier batches. Check it again after the
  // others were refused, because that may have ended its epoch.
  std::vector<storage_state::waiting_batch> others;
  for (auto& item : good) (item.batch.makes_room ? state.waiting : others).push_back(item);
  commit(state, std::move(others), store::room::taken);
  commit(state, take_writable(state), store::room::made);
}

void tell_buckets(storage_pointer self) {
  for (const auto& [number, bucket] : std::exchange(self->state.to_tell, {})) {
    if (bucket != nullptr) self->send(caf::actor_cast<bucket_actor>(bucket), batches_synced{});
  }
}

void sync_if_due(storage_pointer self, clock::time_point now) {
  storage_state& state = self->state;
  if (!state.unsynced || now - state.synced_at < state.options.sync_interval) return;
  state.synced_at = now;
  state.unsynced = false;
  if (state.options.rows->sync()) tell_buckets(self);
}

/// Runs even below the free-space floor, because it makes room. A failed store refuses it.
void clean_up(storage_state& state) {
  // Clients wait for an index that is being built; no one notices space freed a second later.
  constexpr unsigned most_put_off = 9;
  const bool building = std::exchange(state.index_bytes, 0) >= defaults::index_batch_bytes;
  const bool asked = state.cleaning || state.options.rows->compacting();
  if (!asked || (building && state.put_off++ < most_put_off)) return;
  state.put_off = 0;
  const auto more = state.options.rows->clean_up();
  if (more) state.cleaning = *more;
}

/// Logs the reason of a failure once, not at every attempt.
void reopen(storage_pointer self) {
  storage_state& state = self->state;
  const auto done = state.options.rows->try_reopen();
  if (done) {
    log::info(state.options.rows->writable() ? "the store was reopened and takes writes again"
                                             : "the store was reopened; it accepts only deletes "
                                               "that free space until the disk has more");
    state.reopen_problem.clear();
    tell_buckets(self);
  } else if (state.reopen_problem != done.error().reason) {
    state.reopen_problem = done.error().reason;
    log::error("the store cannot be reopened; it is tried again and again",
               {{"reason", state.reopen_problem}});
  }
}

/// Below the floor, the pause between attempts doubles up to a minute: each reopen may repeat a
/// compaction that fills the disk.
bool may_reopen(storage_state& state, bool roomy, clock::time_point now) {
  if (!roomy && now < state.reopen_at) return false;
  if (roomy) state.reopen_pause.reset();
  state.reopen_at = now + state.reopen_pause.next();
  return true;
}

void look_after(storage_pointer self) {
  storage_state& state = self->state;
  store& rows = *state.options.rows;
  if (const uint64_t failures = rows.failures();
      failures != std::exchange(state.logged_failures, failures))
    log::error("a commit failed; the store reads only until it is reopened");
  const bool roomy = rows.writable() || rows.check_space();
  if (rows.failed() && may_reopen(state, roomy, clock::now())) reopen(self);
  sync_if_due(self, clock::now());
  clean_up(state);
}

caf::result<epoch_begun> begin(storage_pointer self, const begin_epoch& asked) {
  storage_state& state = self->state;
  flush(state);
  store& rows = *state.options.rows;
  // A restarted bucket is told instead of its predecessor.
  if (const auto told = state.to_tell.find(asked.bucket); told != state.to_tell.end()) {
    told->second = self->current_sender();
  }
  if (!rows.alive(asked.bucket)) {
    return epoch_begun{0, ec::not_found, "the bucket was dropped"};
  }
  if (rows.failed()) {
    const error why = rows.why_not_writable();
    return epoch_begun{0, why.code, why.reason};
  }
  rows.clear_doubt({asked.bucket});
  state.epochs[asked.bucket] = ++state.last_epoch;
  return epoch_begun{state.last_epoch, ec::none, {}};
}

// Indexes
// -------------------------------------------------------------------------------------------------

index_committed answer_of(const commit_index& batch, const result<void>& done) {
  if (done) return {batch.index, ec::none, {}};
  return {batch.index, done.error().code, done.error().reason};
}

/// An index can be rebuilt and writes of clients cannot, so it leaves the last free space to them.
bool has_room_for_index(const storage_state& state) {
  const storage_options& options = state.options;
  if (options.free_floor_bytes == 0) return true;
  const uint64_t needed = options.rows->free_floor() + 2 * options.write_buffer_bytes;
  return options.rows->space().free_bytes >= needed;
}

result<void> write_index(storage_state& state, const commit_index& batch) {
  store& rows = *state.options.rows;
  if (!rows.alive(batch.bucket)) return fail(ec::not_found, "the bucket was dropped");
  const writer index{batch.bucket, batch.index};
  if (rows.in_doubt(index)) {
    rows.clear_doubt(index); // this answer makes its view read the store again
    return fail(ec::overloaded, "the store was reopened: the index is read again");
  }
  if (!batch.drops && !has_room_for_index(state))
    return fail(ec::disk_full, "the disk is nearly full: it has no room for more rows of queries");
  const row_batch* only = batch.rows.get();
  auto done =
      rows.commit({&only, 1}, batch.sync, batch.drops ? store::room::made : store::room::taken);
  state.index_bytes += only->bytes();
  return done;
}

/// Writes one index batch. Writes of clients that came meanwhile go before the next one.
void write_one_index(storage_pointer self) {
  storage_state& state = self->state;
  if (state.indexes.empty()) return;
  storage_state::waiting_index item = std::move(state.indexes.front());
  state.indexes.pop_front();
  item.answer.deliver(answer_of(item.batch, write_index(state, item.batch)));
  state.cleaning = state.cleaning || item.batch.drops;
  if (!state.indexes.empty()) flush_soon(self);
}

/// Writes all waiting index batches, for a caller whose answer must come after them.
void write_indexes(storage_state& state) {
  for (auto& item : std::exchange(state.indexes, {}))
    item.answer.deliver(answer_of(item.batch, write_index(state, item.batch)));
}

/// First writes all waiting index batches, because a starting view reads the store after this
/// answer. The number needs no sync: a crash that loses it also loses everything that used it.
caf::result<index_begun> begin(storage_state& state, const begin_index& asked) {
  write_indexes(state);
  const auto refuse = [](const error& problem) {
    return index_begun{0, problem.code, problem.reason};
  };
  store& rows = *state.options.rows;
  if (!rows.alive(asked.bucket)) return refuse({ec::not_found, "the bucket was dropped"});
  const std::string key = keys::last_index(asked.bucket);
  const auto stored = rows.latest().read(key);
  if (!stored) return refuse(stored.error());
  const auto last = *stored ? decode_last_index(**stored) : result<uint32_t>(0);
  if (!last) return refuse(last.error());
  row_batch batch;
  batch.put(key, encode_last_index(*last + 1));
  batch.name_writer({asked.bucket, *last + 1}); // a lost number is given again
  const row_batch* only = &batch;
  if (const auto done = rows.commit({&only, 1}, false); !done) return refuse(done.error());
  return index_begun{*last + 1, ec::none, {}};
}

result<void> drop_indexes(storage_state& state, const drop_query& asked) {
  store& rows = *state.options.rows;
  if (!rows.alive(asked.bucket)) return {}; // its rows are removed with the bucket's
  const std::string key = keys::query(asked.bucket, asked.name);
  const auto stored = rows.latest().read(key);
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return {};
  const auto query = query_row::decode(**stored);
  if (!query) return tl::unexpected(query.error());
  row_batch batch;
  batch.remove(key);
  for (const uint32_t index : {query->index, query->next}) {
    if (index != 0) batch.put(keys::dead_index(asked.bucket, index), "");
  }
  const row_batch* only = &batch;
  auto done = rows.commit({&only, 1}, false, store::room::made);
  state.cleaning = true;
  return done;
}

/// First writes all index batches that the query's view sent before it ended.
caf::result<index_committed> drop(storage_state& state, const drop_query& asked) {
  write_indexes(state);
  const auto done = drop_indexes(state, asked);
  return answer_of({}, done);
}

/// Whether the bucket was dropped on this node, so that peers may not bring it back.
result<bool> left(const store& rows, const std::string& name) {
  return rows.latest().read(keys::left_bucket(name)).map([](const auto& row) {
    return row.has_value();
  });
}

caf::result<bucket_facts> make(storage_state& state, const make_bucket& asked) {
  flush(state);
  const std::string& name = asked.name;
  const bool fresh = !state.options.rows->find_bucket(name);
  if (fresh && asked.for_peer) {
    const auto dropped = left(*state.options.rows, name);
    if (!dropped) return to_caf(dropped.error());
    if (*dropped) return to_caf({ec::not_found, "the bucket was dropped here"});
  }
  auto info = state.options.rows->create_bucket(name, asked.for_peer);
  if (!info) return to_caf(info.error());
  return bucket_facts{info->name, info->number, info->log_id, fresh};
}

caf::result<bucket_facts> drop(storage_state& state, const std::string& name) {
  flush(state);
  auto info = state.options.rows->drop_bucket(name);
  if (!info) return to_caf(info.error());
  state.epochs.erase(info->number);
  state.to_tell.erase(info->number);
  state.cleaning = true;
  return bucket_facts{info->name, info->number, info->log_id, false};
}

caf::result<peers_kept> keep(storage_state& state, const keep_peers& asked) {
  row_batch batch;
  batch.put(keys::meta("peers"), asked.text);
  const row_batch* only = &batch;
  const auto done = state.options.rows->commit({&only, 1}, true);
  if (done) return peers_kept{};
  return peers_kept{done.error().code, done.error().reason};
}

} // namespace

storage_state::~storage_state() {
  if (unsynced) static_cast<void>(options.rows->sync()); // a failure is logged by the store
}

storage_actor::behavior_type storage(storage_pointer self, storage_options options) {
  self->state.options = std::move(options);
  self->state.synced_at = clock::now();
  self->state.logged_failures = self->state.options.rows->failures();
  self->delayed_send(self, defaults::tick_interval, tick{});
  return {
      [self](const begin_epoch& asked) { return begin(self, asked); },
      [self](const commit_batch& batch) -> caf::result<batch_done> {
        caf::strong_actor_ptr from = self->current_sender(); // make_response_promise takes it
        auto answer = self->make_response_promise<batch_done>();
        self->state.waiting.push_back({batch, answer, std::move(from)});
        flush_soon(self);
        return answer;
      },
      [self](const commit_index& batch) -> caf::result<index_committed> {
        auto answer = self->make_response_promise<index_committed>();
        self->state.indexes.push_back({batch, answer});
        flush_soon(self);
        return answer;
      },
      [self](const make_bucket& asked) { return make(self->state, asked); },
      [self](const drop_bucket& asked) { return drop(self->state, asked.name); },
      [self](const begin_index& asked) { return begin(self->state, asked); },
      [self](const drop_query& asked) { return drop(self->state, asked); },
      [self](const keep_peers& asked) { return keep(self->state, asked); },
      [self](flush_batch) {
        flush(self->state);
        write_one_index(self);
      },
      [self](tick) {
        look_after(self);
        self->delayed_send(self, defaults::tick_interval, tick{});
      },
  };
}

} // namespace treadmill
