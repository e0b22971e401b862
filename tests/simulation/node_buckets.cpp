#include "storage/engine/keys.hpp"
#include "tests/simulation/node.hpp"
#include <algorithm>
#include <utility>

/// The buckets of a simulated node: as the bucket actor has them.
namespace treadmill::simulation {

namespace {

constexpr size_t full_batch = size_t{256} * 1024;

constexpr const char* last_bucket = "last_bucket";

rev_id id_of(const revision& rev) { return {rev.number(), std::string(rev.hash())}; }

} // namespace

node::host* node::host_of(const std::string& bucket) {
  const auto found = hosts_.find(bucket);
  return found == hosts_.end() ? nullptr : &found->second;
}

node::host* node::host_of(uint32_t number) {
  for (auto& [name, of] : hosts_)
    if (of.info.number == number) return &of;
  return nullptr;
}

bool node::has_bucket(const std::string& bucket) const {
  return simulation::find_bucket(disk_, bucket).has_value();
}

void node::load_hosts() {
  for (const bucket_info& info : buckets()) {
    host& of = hosts_[info.name];
    of.info = info;
    const uint64_t sequence = read_state(disk_, info.number).sequence;
    const uint64_t known = around_.notes().shown(hash_bytes(as_bytes(info.log_id)));
    if (sequence < known)
      around_.fail("node" + std::to_string(index_) + " lost entries that others were told of");
    // What was on its way in the crash may have become durable.
    log_entries(info.name, info.number, std::min(known, sequence) + 1, sequence);
    of.told = sequence;
    begin_epoch(of);
  }
}

// Epochs
// -------------------------------------------------------------------------------------------------

void node::begin_epoch(host& of) {
  if (std::exchange(of.beginning, true)) return;
  of.core.reset();
  wants_epoch_.push_back(of.info.number);
  later(ticks(random().below(3)), [this] { settle_epochs(); });
}

void node::start_core(host& of) {
  auto state = replication::read_state(*latest(), of.info.number);
  if (!state) return begin_epoch(of); // the read failed
  if (state->sequence > 1 && of.epoch == 0 && around_.injects(fault::sequence_reused))
    --state->sequence;
  of.epoch = ++epochs_;
  of.submitted = of.finished = 0;
  of.needs_sync = false;
  of.core.emplace(of.info.number, *state,
                  [this](std::string_view key) { return read_latest(key); });
  for (auto& [peer, noted] : of.notes) noted.batch = 0; // written again
  if (!of.notes.empty()) write_notes(of.info.number);
}

void node::reset_all_cores() {
  for (auto& [name, of] : hosts_) {
    refused_[of.info.number] = of.epoch;
    of.notes.clear();
    for (auto& [number, done] : std::exchange(of.answers, {})) done(ec::ambiguous);
    begin_epoch(of);
  }
}

/// Each batch that was handed over gets an answer of its own; what was not never will be.
void node::fail_epoch(host& of, uint64_t number, ec code) {
  while (!of.answers.empty() && of.answers.front().first <= number) {
    const answer done = std::move(of.answers.front().second);
    of.answers.pop_front();
    done(code);
  }
  if (!of.core) return; // it starts over already
  if (around_.injects(fault::core_kept_after_failure)) {
    of.finished = std::max(of.finished, number);
    of.epoch = ++epochs_;
    return;
  }
  while (!of.answers.empty() && of.answers.back().first > of.submitted) {
    const answer done = std::move(of.answers.back().second);
    of.answers.pop_back();
    done(ec::disk_full);
  }
  begin_epoch(of);
}

void node::finish(host& of, const batch& done, ec code) {
  if (done.epoch != of.epoch) return;
  if (code != ec::none) return fail_epoch(of, done.number, code);
  of.finished = done.number;
  if (of.core) of.core->committed(done.number);
  std::erase_if(of.notes, [&](const auto& item) {
    return item.second.batch != 0 && item.second.batch <= done.number;
  });
  while (!of.answers.empty() && of.answers.front().first <= done.number) {
    const answer next = std::move(of.answers.front().second);
    of.answers.pop_front();
    next(ec::none);
  }
  if (of.core) submit_soon(of);
}

// Batches
// -------------------------------------------------------------------------------------------------

disk::record node::rows_of(host& of, const row_batch& rows) {
  disk::record made;
  rows.for_each(
      [&](std::string_view key, std::string_view value) {
        made.emplace_back(std::string(key), std::string(value));
      },
      [&](std::string_view key) { made.emplace_back(std::string(key), std::nullopt); });
  const fault injected = around_.planned().injected;
  if (injected != fault::digest_forgotten && injected != fault::features_forgotten) return made;
  // A fault: the digest of before is kept, or the features are left out.
  const auto before = replication::read_state(*latest(), of.info.number);
  for (auto& [key, value] : made) {
    if (key != keys::bucket_state(of.info.number)) continue;
    auto state = bucket_state::decode(*value);
    if (!around_.injects(injected)) continue;
    if (injected == fault::digest_forgotten) state->digest = before->digest;
    if (injected == fault::features_forgotten) state->features = 0;
    value = state->encode();
  }
  return made;
}

void node::submit_batch(host& of) {
  if (!of.core || !of.core->dirty()) return;
  bucket_core::batch made = of.core->take_batch();
  of.submitted = made.number;
  const bool sync = std::exchange(of.needs_sync, false) && !around_.planned().interval;
  submit({of.info.number, of.epoch, made.number, rows_of(of, made.rows), sync});
}

void node::submit_soon(host& of) {
  if (!of.core || !of.core->dirty()) return;
  if (of.core->batch_bytes() >= full_batch || random().chance(100)) return submit_batch(of);
  if (of.finished != of.submitted || std::exchange(of.flush_planned, true)) return;
  later(ticks(random().below(2)), [this, number = of.info.number] {
    host* planned = host_of(number);
    if (planned == nullptr) return;
    planned->flush_planned = false;
    if (planned->finished == planned->submitted) submit_batch(*planned);
  });
}

/// Answers after the batch that is open now, or the last one that was handed over.
void node::answer_after(host& of, answer done) {
  const uint64_t number = of.core->dirty() ? of.submitted + 1 : of.submitted;
  if (number == of.finished) return done(ec::none);
  of.answers.emplace_back(number, std::move(done));
  submit_soon(of);
}

// Clients
// -------------------------------------------------------------------------------------------------

void node::write(const std::string& bucket, write_group group) {
  later(ticks(0), [this, bucket, group = std::move(group)] {
    if (store_ == store_life::open && host_of(bucket) == nullptr && !has_left(bucket)) made(bucket);
    host* of = host_of(bucket);
    if (of == nullptr || !of->core) return; // 404, or 503: nothing was begun
    apply(*of, group);
  });
}

void node::apply(host& of, const write_group& group) {
  const std::string bucket = of.info.name;
  auto outcomes = of.core->apply(group);
  if (of.core->dirty()) of.needs_sync = true;
  record_begun(bucket, group, outcomes);
  if (around_.injects(fault::answer_before_durable)) record_acknowledged(bucket, outcomes);
  answer_after(of, [this, bucket, outcomes = std::move(outcomes)](ec code) {
    if (code == ec::none) record_acknowledged(bucket, outcomes);
  });
}

void node::import(const std::string& bucket, replicated_document document) {
  later(ticks(0), [this, bucket, document = std::move(document)] {
    if (store_ == store_life::open && host_of(bucket) == nullptr && !has_left(bucket)) made(bucket);
    host* of = host_of(bucket);
    if (of != nullptr && of->core) take_import(*of, document);
  });
}

void node::take_import(host& of, const replicated_document& document) {
  const auto merged = of.core->merge(document);
  if (!merged) return; // 400: nothing was begun
  if (of.core->dirty()) of.needs_sync = true;
  std::vector<std::shared_ptr<told_claim>> told;
  const auto bodies = bodies_by_revision(document);
  for (const revision_tree::node& one : document.tree.nodes()) {
    told_claim claim;
    claim.parent = id_of(one.parent);
    claim.leaf = one.leaf;
    const auto body = bodies.find(one.rev);
    if (body != bodies.end()) claim.body = std::string(body->second);
    const rev_id computed = rev_of_edit(claim.parent, one.deleted, claim.body.value_or(""));
    claim.own = !one.elsewhere() || (one.leaf && computed == id_of(one.rev));
    told.push_back(around_.notes().told({of.info.name, document.id}, id_of(one.rev), claim));
    if (around_.tracing())
      around_.trace("node" + std::to_string(index_) + " imports " + of.info.name + "/" +
                    document.id + " " + one.rev.text() + " of " + one.parent.text() +
                    (one.deleted ? " deleted" : "") + (claim.own ? " own " : " ") +
                    claim.body.value_or("").substr(0, 20));
  }
  answer_after(of, [told = std::move(told)](ec code) {
    for (const auto& claim : told)
      if (code == ec::none) claim->acknowledged = true;
  });
}

void node::record_begun(const std::string& bucket, const write_group& group,
                        const std::vector<write_outcome>& outcomes) {
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].ok()) continue;
    const write_op& op = group.ops[i];
    const edit::kind what = op.what == write_op::kind::patch    ? edit::kind::patch
                            : op.what == write_op::kind::remove ? edit::kind::tombstone
                                                                : edit::kind::body;
    around_.notes().began({bucket, op.id}, id_of(outcomes[i].rev), what, op.body);
    if (around_.tracing())
      around_.trace("node" + std::to_string(index_) + " writes " + bucket + "/" + op.id + " " +
                    outcomes[i].rev.text());
  }
}

void node::record_acknowledged(const std::string& bucket,
                               const std::vector<write_outcome>& outcomes) {
  for (const write_outcome& outcome : outcomes) {
    if (!outcome.ok()) continue;
    const history::document_key document{bucket, outcome.id};
    around_.notes().acknowledged(document, id_of(outcome.rev));
    if (around_.planned().interval)
      unsynced_acknowledged_.emplace_back(document, id_of(outcome.rev));
  }
}

std::optional<revision> node::some_leaf(const std::string& bucket, const std::string& id) {
  const host* of = host_of(bucket);
  if (of == nullptr) return std::nullopt;
  ++event_;
  const auto rows = latest();
  const auto found = replication::read_document(*rows, of->info.number, id);
  if (!found || !*found) return std::nullopt;
  const auto tree = (*found)->row.tree();
  if (!tree) return std::nullopt;
  std::vector<revision> live;
  for (const revision_tree::node& leaf : tree->leaves())
    if (!leaf.deleted) live.push_back(leaf.rev);
  if (live.empty()) return std::nullopt;
  return live[random().below(live.size())];
}

// Buckets that come and go
// -------------------------------------------------------------------------------------------------

/// Makes a bucket in one synced record.
void node::made(const std::string& bucket) {
  if (host_of(bucket) != nullptr) return;
  bucket_info info;
  info.name = bucket;
  const std::string* last = disk_.read_latest(keys::meta(last_bucket));
  info.number = last == nullptr ? 1 : static_cast<uint32_t>(std::stoul(*last)) + 1;
  for (uint8_t& byte : info.log_id) byte = static_cast<uint8_t>(random().next());
  const auto before = dropped_.find(bucket);
  if (before != dropped_.end() && around_.injects(fault::bucket_number_reused))
    info.number = before->second.number;
  if (before != dropped_.end() && around_.injects(fault::log_id_kept)) {
    info.log_id = before->second.log_id;
    around_.notes().set_back(hash_bytes(as_bytes(info.log_id)), 0);
  }
  if (around_.tracing())
    around_.trace("node" + std::to_string(index_) + " makes " + bucket + " as " +
                  std::to_string(info.number) + "@" + to_hex(info.log_id).substr(0, 6));
  disk_.write({{keys::catalogue(bucket), catalogue_row{info.number, info.log_id}.encode()},
               {keys::meta(last_bucket), std::to_string(info.number)},
               {keys::left_bucket(bucket), std::nullopt}});
  disk_.sync();
  host& of = hosts_[bucket];
  of = host();
  of.info = info;
  start_core(of);
  note_synced();
  tell_links(info.number);
}

void node::make_bucket(const std::string& bucket) {
  later(ticks(0), [this, bucket] { make_when_idle(bucket); });
}

void node::make_when_idle(const std::string& bucket) {
  if (store_ != store_life::open) {
    later(ticks(1), [this, bucket] { make_when_idle(bucket); });
    return;
  }
  around_.made_again(index_, bucket);
  made(bucket);
}

void node::make_for_peer(const std::string& bucket, size_t peer, uint64_t incarnation) {
  if (store_ == store_life::open && !has_left(bucket)) made(bucket);
  const auto found = links_.find(peer);
  if (found == links_.end() || found->second.incarnation != incarnation) return;
  const ec code = host_of(bucket) != nullptr ? ec::none
                  : has_left(bucket)         ? ec::not_found
                                             : ec::disk_full;
  found->second.link->bucket_made(bucket, code, around_.now());
  pump(peer);
}

void node::drop_bucket(const std::string& bucket) {
  later(ticks(0), [this, bucket] { drop_when_idle(bucket); });
}

void node::drop_when_idle(const std::string& bucket) {
  host* of = host_of(bucket);
  if (of == nullptr) return;
  if (in_flight_ || store_ != store_life::open) {
    later(ticks(1), [this, bucket] { drop_when_idle(bucket); });
    return;
  }
  const uint32_t number = of->info.number;
  disk_.sync(); // a drop is synced, and with it all before it
  note_synced();
  around_.losing(index_, [&] { drop_now(*host_of(bucket)); });
  tell_links(number);
}

void node::drop_now(host& of) {
  const std::string bucket = of.info.name;
  const uint32_t number = of.info.number;
  disk::record rows{{keys::catalogue(bucket), std::nullopt}};
  if (!around_.injects(fault::left_mark_forgotten))
    rows.emplace_back(keys::left_bucket(bucket), "");
  if (around_.planned().injected != fault::bucket_number_reused)
    disk_.scan_latest(keys::bucket_begin(number), keys::bucket_end(number),
                      [&](std::string_view key, std::string_view) {
                        rows.emplace_back(std::string(key), std::nullopt);
                        return true;
                      });
  disk_.write(std::move(rows));
  disk_.sync();
  dropped_[bucket] = of.info;
  auto answers = std::move(of.answers);
  hosts_.erase(bucket);
  for (auto& [last, done] : answers) done(ec::not_found);
}

// Peers' documents
// -------------------------------------------------------------------------------------------------

void node::take_in(size_t peer, replication::apply_batch asked) {
  const uint64_t incarnation = links_[peer].incarnation;
  const auto tell = [this, peer, incarnation, number = asked.bucket,
                     ticket = asked.ticket](ec code) {
    const auto found = links_.find(peer);
    if (found == links_.end() || found->second.incarnation != incarnation) return;
    if (code != ec::none && around_.injects(fault::failure_ignored)) code = ec::none;
    if (around_.tracing())
      around_.trace("node" + std::to_string(index_) + " (link with node" + std::to_string(peer) +
                    "): batch " + std::to_string(ticket) +
                    " applied: " + std::string(to_string(code)));
    found->second.link->applied(number, ticket, code, around_.now());
    pump(peer);
  };
  host* of = host_of(asked.bucket);
  if (of == nullptr || !of->core) {
    later(ticks(0), [tell, code = of == nullptr ? ec::not_found : ec::disk_full] { tell(code); });
    return;
  }
  if (!of->core->continue_run(asked.peer_id, asked.run, asked.first)) {
    later(ticks(0), [tell] { tell(ec::overloaded); });
    return;
  }
  const ec merged = merge_all(*of, asked);
  if (merged != ec::none) {
    of->core->end_run(asked.peer_id);
    if (around_.tracing()) around_.trace("a merge is refused: " + std::string(to_string(merged)));
    later(ticks(0), [tell, merged] { tell(merged); });
    if (of->core->dirty()) {
      of->needs_sync = true;
      submit_soon(*of);
    }
    return;
  }
  std::string named = asked.peer_id;
  if (around_.injects(fault::checkpoint_of_another_peer) && links_.size() > 1) {
    for (const auto& [other, slot] : links_)
      if (other != peer && !slot.link->peer_id().empty()) named = slot.link->peer_id();
  }
  if (asked.reached) of->core->note_checkpoint(named, *asked.reached);
  if (asked.reached) of->notes.erase(asked.peer_id); // an older one
  of->needs_sync = true;
  if (asked.reached && around_.injects(fault::checkpoint_before_batch)) {
    disk_.write({{keys::checkpoint(asked.bucket, asked.peer_id), asked.reached->encode()}});
    disk_.sync();
  }
  if (around_.injects(fault::applied_too_early)) {
    later(ticks(0), [tell] { tell(ec::none); });
    return submit_soon(*of);
  }
  answer_after(*of, [this, tell](ec code) { later(ticks(0), [tell, code] { tell(code); }); });
}

ec node::merge_all(host& of, replication::apply_batch& asked) {
  for (replicated_document& document : asked.documents) {
    if (around_.injects(fault::document_skipped)) continue;
    spoil(of, document);
    if (document.tree.empty()) continue;
    const auto merged = of.core->merge(document);
    if (!merged) return merged.error().code;
    if (around_.injects(fault::merged_twice)) {
      const auto again = of.core->merge(document);
      if (!again || !again->empty()) around_.fail("a document merges twice");
    }
  }
  return ec::none;
}

/// Faults of a merge.
void node::spoil(const host& of, replicated_document& document) {
  if (around_.injects(fault::known_body_kept)) {
    const auto here = replication::read_document(*latest(), of.info.number, document.id);
    const auto tree = here && *here ? (*here)->row.tree() : result<revision_tree>(revision_tree());
    std::erase_if(document.bodies,
                  [&](const leaf_body& one) { return tree && tree->find(one.rev) != nullptr; });
  }
  revision_tree kept;
  const auto keep = [&](const revision_tree::node& one, bool with_parent) {
    kept.add(one.rev, with_parent ? one.parent : revision{}, one.deleted, one.foreign);
  };
  if (around_.injects(fault::ancestry_forgotten)) {
    for (const auto& leaf : document.tree.leaves()) keep(leaf, false);
    document.tree = std::move(kept);
  } else if (around_.injects(fault::losers_dropped)) {
    for (const revision& rev : document.tree.history(document.tree.winner()->rev))
      keep(*document.tree.find(rev), true);
    document.tree = std::move(kept);
  } else if (around_.injects(fault::tombstones_forgotten)) {
    for (const auto& one : document.tree.nodes())
      if (!one.deleted) keep(one, true);
    document.tree = std::move(kept);
  } else if (!document.bodies.empty() && around_.injects(fault::wrong_body_stored)) {
    document.bodies.front().body = R"({"wrong":1})";
  }
}

void node::take_note(const replication::note_checkpoint& asked) {
  if (around_.injects(fault::notes_dropped)) return;
  host* of = host_of(asked.bucket);
  if (of == nullptr) return;
  of->notes[asked.peer_id] = {0, asked.reached};
  if (std::exchange(of->notes_planned, true)) return;
  later(ticks(random().between(0, 300)), [this, number = asked.bucket] {
    host* planned = host_of(number);
    if (planned == nullptr) return;
    planned->notes_planned = false;
    if (planned->core) write_notes(number);
  });
}

/// Notes go with the next batch; alone they are not synced.
void node::write_notes(uint32_t number) {
  host& of = *host_of(number);
  for (auto& [peer, noted] : of.notes) {
    if (noted.batch != 0) continue;
    of.core->note_checkpoint(peer, noted.reached);
    noted.batch = of.submitted + 1;
  }
  submit_soon(of);
}

} // namespace treadmill::simulation
