#include "storage/engine/keys.hpp"
#include "tests/simulation/node.hpp"
#include <algorithm>
#include <utility>

/// The store of a simulated node: as the storage actor has it (DESIGN, "Failed commits").
namespace treadmill::simulation {

namespace {

void join(disk::record& group, disk::record rows) {
  group.insert(group.end(), std::make_move_iterator(rows.begin()),
               std::make_move_iterator(rows.end()));
}

} // namespace

void node::submit(batch made) {
  waiting_.push_back(std::move(made));
  commit_soon();
}

void node::commit_soon() {
  if (in_flight_ || commit_planned_) return;
  commit_planned_ = true;
  later(ticks(random().below(2)), [this] {
    commit_planned_ = false;
    commit();
  });
}

bool node::is_refused(const batch& one) {
  if (store_ != store_life::open) return true;
  const auto refused = refused_.find(one.bucket);
  return refused != refused_.end() && refused->second >= one.epoch &&
         !around_.injects(fault::epoch_ignored);
}

/// What waits becomes one write. Batches of a epoch that failed are refused.
void node::commit() {
  if (in_flight_) return;
  if (store_ != store_life::open && around_.injects(fault::epoch_ignored)) return;
  auto group = std::make_shared<std::vector<batch>>();
  for (batch& one : std::exchange(waiting_, {})) {
    host* of = host_of(one.bucket);
    if (of == nullptr) continue; // dropped: whoever waited was answered then
    if (is_refused(one)) {
      refused_[one.bucket] = one.epoch;
      finish(*of, one, ec::disk_full);
    } else {
      group->push_back(std::move(one));
    }
  }
  if (group->empty()) return settle_epochs();
  in_flight_ = group;
  const bool fails = random().chance(around_.failing_commits());
  later(ticks(random().between(0, around_.planned().commit.count())), [this, fails, group] {
    in_flight_.reset();
    fails ? commit_failed(*group) : commit_done(*group);
    settle_epochs();
    if (!waiting_.empty()) commit_soon();
  });
}

void node::commit_done(std::vector<batch>& group) {
  disk::record rows;
  bool sync = false;
  std::erase_if(group, [&](const batch& one) { return host_of(one.bucket) == nullptr; });
  for (batch& one : group) {
    join(rows, std::move(one.rows));
    sync = sync || one.sync;
  }
  if (!rows.empty()) disk_.write(std::move(rows));
  if (sync) disk_.sync();
  for (const batch& one : group)
    if (host* of = host_of(one.bucket)) finish(*of, one, ec::none);
  if (sync) note_synced();
}

/// The store takes no writes until it is opened again; what failed may be there then.
void node::commit_failed(std::vector<batch>& group) {
  if (around_.tracing()) around_.trace("node" + std::to_string(index_) + " a commit fails");
  store_ = store_life::read_only;
  const bool attempted = random().chance(700);
  const bool landed = attempted && random().chance(500);
  for (const batch& one : group) {
    refused_[one.bucket] = one.epoch;
    if (host* of = host_of(one.bucket)) finish(*of, one, attempted ? ec::ambiguous : ec::disk_full);
  }
  disk::record rows;
  if (landed)
    for (batch& one : group) join(rows, std::move(one.rows));
  later(ticks(random().between(0, 400)), [this, rows = std::move(rows)]() mutable {
    // Reads are refused while it is closed.
    store_ = store_life::closed;
    later(ticks(random().between(0, 20)),
          [this, rows = std::move(rows)]() mutable { reopen_store(std::move(rows)); });
  });
}

void node::reopen_store(disk::record landed) {
  // What was not synced may be lost, but only up to the end.
  const size_t unsynced = disk_.unsynced();
  const size_t kept = random().chance(800) ? unsynced : random().below(unsynced + 1);
  disk::record rows;
  for (auto& change : landed) {
    // Rows of a bucket that was dropped meanwhile come back to nobody's harm: its number is dead.
    uint32_t number = 0;
    for (size_t i = 1; i < 5; ++i) number = number << 8 | static_cast<uint8_t>(change.first[i]);
    if (host_of(number) != nullptr) rows.push_back(std::move(change));
  }
  disk_.crash(kept);
  if (kept == unsynced && !rows.empty()) disk_.write(std::move(rows));
  disk_.sync();
  store_ = store_life::open;
  if (kept < unsynced) {
    for (const auto& [document, rev] : std::exchange(unsynced_acknowledged_, {}))
      around_.notes().lost_unsynced(document, rev);
    reset_all_cores();
    remake_links(); // what they know may be lost
  }
  note_synced();
  settle_epochs();
}

/// A bucket gets its new epoch when nothing of the old one is left, and the store is open.
void node::settle_epochs() {
  if (in_flight_ || store_ != store_life::open) return;
  for (const uint32_t number : std::exchange(wants_epoch_, {})) {
    host* of = host_of(number);
    if (of == nullptr || of->core) continue;
    if (!around_.injects(fault::epoch_ignored))
      std::erase_if(waiting_, [&](const batch& one) { return one.bucket == number; });
    of->beginning = false;
    start_core(*of);
  }
}

/// As with `--durability interval`.
void node::sync_now() {
  if (!in_flight_ && store_ == store_life::open && disk_.unsynced() > 0) {
    disk_.sync();
    note_synced();
  }
  later(ticks(100), [this] { sync_now(); });
}

/// What became durable is noted, and links are told.
void node::note_synced() {
  unsynced_acknowledged_.clear();
  std::vector<uint32_t> advanced;
  for (auto& [name, of] : hosts_) {
    const uint64_t sequence = read_state(disk_, of.info.number).sequence;
    if (sequence == of.told) continue;
    log_entries(name, of.info.number, of.told + 1, sequence);
    of.told = sequence;
    advanced.push_back(of.info.number);
  }
  for (const uint32_t number : advanced) tell_links(number);
}

void node::log_entries(const std::string& bucket, uint32_t number, uint64_t from, uint64_t to) {
  const hash_bytes log_id = simulation::find_bucket(disk_, bucket)->second;
  hash_bytes before(16, '\0');
  if (from > 1) {
    const auto entry = simulation::read_entry(disk_, number, from - 1);
    if (entry) before = entry->chain;
  }
  for (uint64_t sequence = from; sequence <= to; ++sequence) {
    const auto entry = simulation::read_entry(disk_, number, sequence);
    if (!entry) return around_.fail("an entry of the log is not there");
    const std::string wrong = around_.notes().logged(bucket, log_id, sequence, before, *entry);
    if (!wrong.empty()) around_.fail("node" + std::to_string(index_) + " " + bucket + ": " + wrong);
    before = entry->chain;
  }
}

} // namespace treadmill::simulation
