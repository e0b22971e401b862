#include "tests/crash/workload.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>
#include <set>

namespace treadmill::test {

workload::workload(uint64_t seed, workload_options options) : options_(options), random_(seed) {}

// Writes
// -------------------------------------------------------------------------------------------------

std::string workload::random_body() {
  if (text_.empty()) { // that does not compress
    while (text_.size() < 64 * 1024) text_ += static_cast<char>('a' + below(26));
  }
  // Now and then one that takes several blocks of a log.
  const size_t limit = below(40) == 0 ? 40 * 1024 : options_.body_bytes;
  return "{\"n\":" + std::to_string(random_()) + ",\"text\":\"" +
         text_.substr(below(text_.size() / 4), below(limit) + 1) + "\"}";
}

write_op workload::random_op(const bucket_core&, const store& rows, uint32_t number) {
  write_op op;
  op.id = "d" + std::to_string(below(options_.ids));
  const size_t kind = below(10);
  op.what = kind < 6   ? write_op::kind::put
            : kind < 7 ? write_op::kind::create
            : kind < 8 ? write_op::kind::patch
                       : write_op::kind::remove;
  if (op.what != write_op::kind::remove) op.body = random_body();
  if (below(4) == 0) { // a revision that may be stale by now
    const auto tree = rows.latest().full_tree(number, op.id);
    if (tree && tree->winner() != nullptr) op.rev = tree->winner()->rev;
  }
  return op;
}

bucket_core* workload::core_of(const store& rows, bucket& wanted) {
  const uint32_t number = wanted.info.number;
  if (const auto found = cores_.find(number); found != cores_.end()) return &found->second;
  const read_view latest = rows.latest();
  auto state = latest.state(number);
  if (!state) return nullptr;
  auto made = cores_.try_emplace(number, number, *state,
                                 [latest](std::string_view key) { return latest.read(key); });
  return &made.first->second;
}

/// Notes the writes of a group as possible: each that is OK and new has the next sequence.
void workload::note(bucket& written, const std::vector<write_outcome>& outcomes,
                    uint64_t first_sequence, const std::vector<write_op>& ops) {
  uint64_t sequence = first_sequence;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].ok()) continue;
    entry made{outcomes[i].id, {outcomes[i].rev}};
    // A retry makes no entry: its revision is an entry's already.
    const auto same = [&](const auto& item) { return item.second == made; };
    if (ops[i].rev && (std::any_of(written.known.begin(), written.known.end(), same) ||
                       std::any_of(written.maybe.begin(), written.maybe.end(), same))) {
      continue;
    }
    written.maybe[++sequence] = std::move(made);
  }
}

workload::outcome workload::settle(const result<void>& done) {
  if (done) return outcome::done;
  cores_.clear();
  return done.error().code == ec::disk_full ? outcome::refused : outcome::ambiguous;
}

workload::outcome workload::write_documents(store& rows) {
  std::vector<bucket_core::batch> batches;
  std::vector<std::pair<bucket*, uint64_t>> written;
  std::map<bucket*, std::map<uint64_t, entry>> before;
  for (bucket& target : buckets_) {
    if (target.state != life::there || below(2) == 0) continue;
    bucket_core* core = core_of(rows, target);
    if (core == nullptr) return outcome::refused;
    before.emplace(&target, target.maybe);
    for (size_t group = below(2) + 1; group > 0; --group) {
      write_group ops;
      ops.atomic = below(4) == 0;
      for (size_t n = below(3) + 1; n > 0; --n) {
        ops.ops.push_back(random_op(*core, rows, target.info.number));
      }
      const uint64_t sequence = core->state().sequence;
      note(target, core->apply(ops), sequence, ops.ops);
    }
    if (!core->dirty()) continue;
    batches.push_back(core->take_batch());
    written.emplace_back(&target, batches.back().number);
  }
  if (batches.empty()) return outcome::done;
  std::vector<const row_batch*> pointers;
  for (const bucket_core::batch& batch : batches) pointers.push_back(&batch.rows);
  const bool durable = !options_.interval || below(3) == 0;
  const outcome out = settle(rows.commit(pointers, durable));
  if (out == outcome::refused) {
    for (auto& [target, maybe] : before) target->maybe = std::move(maybe);
  }
  if (out != outcome::done) return out;
  for (const auto& [target, batch] : written) {
    if (const auto core = cores_.find(target->info.number); core != cores_.end()) {
      core->second.committed(batch);
    }
  }
  if (!durable) return out;
  for (bucket& target : buckets_) { // a sync is one of everything before it
    acknowledged_ += target.maybe.size();
    target.known.merge(target.maybe);
    target.maybe.clear();
  }
  return out;
}

workload::outcome workload::sync(store& rows) {
  const outcome out = settle(rows.sync());
  if (out != outcome::done) return out;
  for (bucket& target : buckets_) {
    acknowledged_ += target.maybe.size();
    target.known.merge(target.maybe);
    target.maybe.clear();
  }
  return out;
}

workload::outcome workload::create(store& rows) {
  bucket made;
  made.info.name = "b" + std::to_string(names_++ % 5);
  for (const bucket& there : buckets_) {
    if (there.info.name == made.info.name) return outcome::done;
  }
  auto done = rows.create_bucket(made.info.name);
  if (done) {
    made.info = *done;
    if (done->number <= highest_number_) problem_ = "a bucket number was used again";
    highest_number_ = std::max(highest_number_, done->number);
  } else if (done.error().code == ec::ambiguous) {
    made.state = life::being_made;
  } else {
    return settle(tl::unexpected(done.error()));
  }
  buckets_.push_back(std::move(made));
  return done ? outcome::done : settle(tl::unexpected(done.error()));
}

workload::outcome workload::drop(store& rows) {
  if (buckets_.empty()) return outcome::done;
  const size_t which = below(buckets_.size());
  bucket& target = buckets_[which];
  if (target.state != life::there) return outcome::done;
  const auto done = rows.drop_bucket(target.info.name);
  cores_.erase(target.info.number);
  if (done) {
    buckets_.erase(buckets_.begin() + static_cast<std::ptrdiff_t>(which));
    return outcome::done;
  }
  if (done.error().code == ec::ambiguous) target.state = life::being_dropped;
  return settle(tl::unexpected(done.error()));
}

/// Whoever follows may tell others what it is shown, so that it has to be there ever after.
void workload::follow(const store& rows) {
  const read_view view = rows.synced();
  for (bucket& target : buckets_) {
    if (target.state != life::there) continue;
    const auto shown = view.state(target.info.number);
    if (!shown) continue;
    const auto end = target.maybe.upper_bound(shown->sequence);
    target.known.insert(target.maybe.begin(), end);
    target.maybe.erase(target.maybe.begin(), end);
  }
}

workload::outcome workload::step(store& rows) {
  const outcome out = some_step(rows);
  follow(rows);
  return out;
}

workload::outcome workload::some_step(store& rows) {
  const size_t kind = below(40);
  if (buckets_.size() < options_.buckets && (buckets_.empty() || kind < 4)) return create(rows);
  if (options_.drops && kind == 4) return drop(rows);
  if (options_.drops && kind == 5) {
    const auto cleaned = rows.clean_up();
    return cleaned ? outcome::done : settle(tl::unexpected(cleaned.error()));
  }
  if (options_.interval && kind < 10) return sync(rows);
  return write_documents(rows);
}

// Checks
// -------------------------------------------------------------------------------------------------

/// What is known of the buckets, against the catalogue.
std::string workload::verify_buckets(const store& rows) {
  std::vector<bucket> kept;
  for (bucket& item : buckets_) {
    const auto found = rows.find_bucket(item.info.name);
    if (!found && item.state == life::there) return "the bucket " + item.info.name + " is lost";
    if (!found) continue;
    if (item.state == life::being_made) {
      if (found->number <= highest_number_) return "a bucket number was used again";
      highest_number_ = found->number;
      item.info = *found;
    } else if (found->number != item.info.number || found->log_id != item.info.log_id) {
      return "the bucket " + item.info.name + " is another one";
    }
    item.state = life::there;
    kept.push_back(std::move(item));
  }
  buckets_ = std::move(kept);
  if (rows.buckets().size() != buckets_.size()) return "there is a bucket that was never made";
  return {};
}

std::string workload::verify_bucket(const store& rows, bucket& kept) {
  bucket_check check = check_bucket(rows.latest(), kept.info.number);
  if (check.problem.empty()) {
    check.problem = check_revisions(rows.latest(), kept.info.number, check.activity);
  }
  if (!check.problem.empty()) return check.problem;
  checked_ += check.activity.size();
  if (!kept.known.empty() && kept.known.rbegin()->first > check.activity.size()) {
    return "the acknowledged sequence " + std::to_string(kept.known.rbegin()->first) + " of " +
           kept.info.name + " is lost";
  }
  for (const activity_entry& seen : check.activity) {
    entry made{seen.id, seen.changes};
    if (const auto known = kept.known.find(seen.sequence); known != kept.known.end()) {
      if (known->second == made) continue;
      return "the acknowledged sequence " + std::to_string(seen.sequence) + " is another entry now";
    }
    const auto maybe = kept.maybe.find(seen.sequence);
    if (maybe == kept.maybe.end() || !(maybe->second.id == made.id)) {
      return "an entry that was never written: sequence " + std::to_string(seen.sequence);
    }
    if (std::find(made.changes.begin(), made.changes.end(), maybe->second.changes.front()) ==
        made.changes.end()) {
      return "an entry with other revisions: sequence " + std::to_string(seen.sequence);
    }
    kept.known[seen.sequence] = std::move(made);
  }
  kept.maybe.clear();
  return {};
}

std::string workload::verify(const store& rows) {
  cores_.clear();
  if (!problem_.empty()) return problem_;
  if (std::string problem = verify_buckets(rows); !problem.empty()) return problem;
  for (bucket& kept : buckets_) {
    if (std::string problem = verify_bucket(rows, kept); !problem.empty()) return problem;
  }
  return {};
}

std::string workload::verify_reads(const store& rows) {
  const read_view view = rows.latest();
  for (const bucket& kept : buckets_) {
    if (kept.state != life::there) continue;
    for (const auto& [sequence, made] : kept.known) {
      const auto tree = view.full_tree(kept.info.number, made.id);
      if (!tree) return made.id + " cannot be read: " + tree.error().reason;
      if (tree->find(made.changes.front()) == nullptr) return made.id + " lacks a revision";
    }
  }
  return {};
}

} // namespace treadmill::test
