#include "net/replication/link_following.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>
#include <iterator>

namespace treadmill::replication {

following::following(link_context& shared, bucket_info bucket, checkpoint from)
    : shared_(shared), bucket_(std::move(bucket)), stored_(from), received_(from), written_(from) {}

// The stream
// -------------------------------------------------------------------------------------------------

void following::begin_session(ticks now) {
  streaming_ = false;
  peer_sequence_ = 0;
  refused_.clear();
  start_over(now);
  again_at_ = now;
}

/// Discards what arrived and is not applied. Batches that are being applied may still succeed,
/// which is harmless.
void following::start_over(ticks now) {
  queue_.clear();
  queued_share_ = 0;
  pending_.clear();
  wanted_.clear();
  assembling_.clear();
  assembled_.clear();
  stop_asking();
  applying_.clear();
  run_ = 0;
  received_ = stored_;
  streaming_ = false;
  again_at_ = now;
  if (!(written_ == stored_)) note_soon(now);
}

/// The same after a failure: asks again only after a growing delay.
void following::fall_back(ticks now) {
  start_over(now);
  again_at_ = now + retry_.next(shared_.options.random());
}

void following::reject(ticks now) {
  ++shared_.rejected;
  problem_ = "the peer violated the protocol";
  fall_back(now);
}

void following::begin_stream(ticks now) {
  follow asked;
  asked.bucket = bucket_.name;
  shared_.streams = std::max(shared_.streams + 1, static_cast<uint64_t>(now.count()));
  asked.stream = stream_ = shared_.streams;
  asked.from = received_;
  asked.taken = stored_.sequence;
  asked.window = shared_.window();
  asked.digests = rescans_;
  shared_.send(std::move(asked));
  const bool begun_again = streaming_ && !answered_;
  if (begun_again) {
    shared_.answers.repeated();
  } else {
    begun_at_ = now;
  }
  streaming_ = true;
  answered_ = false;
  again_at_ = now + shared_.answer_wait();
  unacknowledged_ = 0;
  acknowledge_at_ = ticks(-1);
}

void following::acknowledge(ticks now) {
  unacknowledged_ = 0;
  acknowledge_at_ = ticks(-1);
  if (!streaming_) return;
  follow asked;
  asked.bucket = bucket_.name;
  asked.stream = stream_;
  asked.from = stored_;
  asked.taken = stored_.sequence;
  asked.window = shared_.window();
  shared_.send(std::move(asked));
  again_at_ = std::max(again_at_, now + shared_.answer_wait());
}

void following::stopped(ticks now) {
  start_over(now);
  gone_ = true;
  peer_sequence_ = head_sequence_ = 0; // accepts its next announcement, however small the sequence
}

void following::announced(const bucket_digests::item& item, ticks now) {
  if (item.log_id == peer_log_ && item.sequence < peer_sequence_) return; // a delayed, older frame
  peer_log_ = item.log_id;
  peer_sequence_ = head_sequence_ = item.sequence;
  peer_digest_ = item.digest;
  gone_ = false;
  // The queue belongs to a log that the peer has replaced: documents it waits for may never arrive.
  if (!queue_.empty() && item.log_id != received_.log_id) start_over(now);
  if (!caught_up() && behind_since_ < ticks(0)) behind_since_ = now;
  if (!streaming_ && again_at_ <= now) begin_stream(now);
}

/// True if the peer has more activity and none is queued here.
bool following::lacks() const {
  if (!queue_.empty() || peer_sequence_ == 0) return false;
  return received_.sequence < peer_sequence_ || received_.log_id != peer_log_;
}

size_t following::queued_bytes() const {
  size_t bytes = 0;
  for (const batch& waiting : queue_) bytes += waiting.bytes;
  return bytes;
}

bool following::caught_up() const {
  if (gone_) return true;
  return stored_.sequence >= peer_sequence_ && (peer_sequence_ == 0 || stored_.log_id == peer_log_);
}

void following::taken_in(activity&& what, ticks now) {
  if (!streaming_ || what.stream != stream_) return; // of a stream that this side abandoned
  const bool restart = what.restart && restarted_ != stream_;
  if (restart || what.log_id != received_.log_id) {
    if (what.after != 0) return begin_stream(now); // the first frame of the stream was lost
    if (received_.sequence > 0) ++shared_.restarts;
    start_over(now);
    streaming_ = true;
    restarted_ = stream_;
    stored_ = received_ = checkpoint{what.log_id, 0, {}};
  }
  const bool first_answer = !std::exchange(answered_, true);
  if (first_answer) shared_.answers.answered(now - begun_at_);
  // The first frame of a stream gives the current length of the log. It replaces earlier values:
  // those may be of a replaced log, or from before a restored backup.
  const bool grows = !first_answer && peer_log_ == what.log_id;
  peer_log_ = what.log_id;
  peer_sequence_ = grows ? std::max(peer_sequence_, what.last) : what.last;
  if (what.through > received_.sequence && what.after != received_.sequence) {
    // The frame before this one was lost: request from there. The queue stays valid, but drop it if
    // it is large.
    if (queued_bytes() > defaults::window_bytes) start_over(now);
    return begin_stream(now);
  }
  again_at_ = now + shared_.answer_wait();
  if (what.through <= received_.sequence) return; // no new activity, or a repeated frame
  if (!has_room(now)) return;
  batch& into = open_batch();
  const size_t documents = into.documents.size();
  const size_t missing = into.missing.size();
  const size_t bytes = into.bytes;
  const uint64_t share = into.share;
  const auto rows = shared_.rows->latest();
  looked_up last;
  for (peer_entry& entry : what.entries) {
    ++shared_.entries_in;
    into.bytes += entry.id.size() + 64;
    into.share += window_share(entry);
    const auto looked = look_at(std::move(entry), *rows, last, into, now);
    if (!looked && looked.error().code == ec::bad_request) return reject(now);
    if (!looked) {
      problem_ = looked.error().reason;
      return fall_back(now);
    }
  }
  into.reached = received_ = checkpoint{what.log_id, what.through, what.chain};
  unacknowledged_ += into.bytes - bytes;
  queued_share_ += into.share - share;
  const size_t more_documents = into.documents.size() - documents;
  const size_t more_missing = into.missing.size() - missing;
  if (more_documents + more_missing > 0) {
    shared_.useful = true;
    // The constants approximate the memory of the containers.
    into.held.add(into.share - share + 512 * more_documents + 256 * more_missing);
  }
  if (behind_since_ < ticks(0)) behind_since_ = now;
  go_on(now);
}

/// Whether there is room for more activity. Cuts a peer that fills twice the window. If other
/// buckets of the peer use up the memory bound, the link requests the rest later.
bool following::has_room(ticks now) {
  if (queued_share_ >= 2 * defaults::window_bytes) {
    shared_.cut("it sent more of the activity of " + bucket_.name + " than was asked for");
    return false;
  }
  if (shared_.held < defaults::held_bytes) return true;
  streaming_ = false;
  again_at_ = now + defaults::room_again;
  return false;
}

/// The batch for the next frame. A small batch that still waits takes more, so that few batches are
/// submitted.
following::batch& following::open_batch() {
  if (!queue_.empty()) {
    batch& last = queue_.back();
    const bool waits = last.ticket == 0 && !last.done;
    const bool is_small = last.share < defaults::batch_bytes / 2 &&
                          last.documents.size() + last.missing.size() < defaults::batch_entries / 2;
    if (waits && is_small) return last;
  }
  batch& made = queue_.emplace_back();
  made.number = ++last_batch_;
  made.bytes = 64;
  made.held = held_bytes(shared_.held);
  made.held.add(512);
  return made;
}

// Entries
// -------------------------------------------------------------------------------------------------

bool following::knows(const std::string& id, const revision& rev,
                      const std::optional<local_document>& here) const {
  if (here && here->tree.find(rev) != nullptr) return true;
  const auto waiting = pending_.find(id);
  if (waiting == pending_.end()) return false;
  const auto& revisions = waiting->second.revisions;
  return std::any_of(revisions.begin(), revisions.end(),
                     [&](const known_claim& known) { return known.rev == rev; });
}

/// Whether everything that the peer says about a revision is known here, or arrived and is not
/// applied yet. For a revision made elsewhere the name alone does not prove that.
result<bool> following::knows_all(const peer_change& told, const std::string& id,
                                  const std::optional<local_document>& here,
                                  const row_view& rows) const {
  if (told.differs) return false;
  if (const auto* node = here ? here->tree.find(told.rev) : nullptr; node != nullptr) {
    known_claim known{node->rev, node->parent, node->elsewhere(), std::nullopt};
    if (told.claim && node->leaf && node->elsewhere()) {
      auto claim = claim_of_leaf(rows, bucket_.number, id, here->stored.row, *node);
      if (!claim) return tl::unexpected(claim.error());
      known.claim = *claim;
    }
    if (agrees(told, known)) return true;
  }
  const auto waiting = pending_.find(id);
  if (waiting == pending_.end()) return false;
  const auto& revisions = waiting->second.revisions;
  return std::any_of(revisions.begin(), revisions.end(), [&](const known_claim& known) {
    return known.rev == told.rev && agrees(told, known);
  });
}

result<following::knowledge> following::look_at(const peer_change& change, const std::string& id,
                                                const std::optional<local_document>& here,
                                                const row_view& rows) const {
  const auto known = knows_all(change, id, here, rows);
  if (!known) return tl::unexpected(known.error());
  if (*known) return knowledge::known;
  if (change.differs || (!change.body && !change.deleted)) return knowledge::unknown;
  const bool first = change.parent.empty() && change.rev.number() == 1;
  const bool extends = first || (!change.parent.empty() && knows(id, change.parent, here));
  return extends ? knowledge::extends : knowledge::unknown;
}

/// If the changes of an entry are the only news of the document, they become a document to merge;
/// otherwise the document is fetched.
result<void> following::look_at(peer_entry&& entry, const row_view& rows, looked_up& last,
                                batch& into, ticks now) {
  if (last.id != entry.id) {
    auto found = read_local(rows, bucket_.number, entry.id);
    if (!found && found.error().code == ec::corrupt) { // one damaged row must not block the bucket
      give_up(entry.id);
      return {};
    }
    if (!found) return tl::unexpected(found.error());
    last = {entry.id, std::move(*found)};
  }
  const auto& here = last.here;
  if (entry.digest && rescans_ && here) {
    const auto digest = digest_of(rows, bucket_.number, entry.id, here->stored.row, here->tree);
    if (!digest) return tl::unexpected(digest.error());
    // The difference need not be in the changes of this entry, so mark one of them to fetch the
    // whole document.
    entry.changes.front().differs = *digest != *entry.digest;
  }
  replicated_document extends;
  extends.id = entry.id;
  std::vector<revision_tree::node> nodes;
  for (peer_change& change : entry.changes) {
    const auto known = look_at(change, entry.id, here, rows);
    if (!known) return tl::unexpected(known.error());
    switch (*known) {
    case knowledge::known: break;
    case knowledge::extends: {
      revision_tree::node& added = nodes.emplace_back();
      added.rev = change.rev;
      added.parent = change.parent;
      added.deleted = change.deleted;
      added.foreign = change.foreign;
      if (change.body) extends.bodies.push_back({change.rev, std::move(*change.body)});
      break;
    }
    case knowledge::unknown:
      if (refused_.count(entry.id) != 0) break;
      const bool elsewhere = shared_.patient && !change.body && !change.deleted;
      change.body.reset();
      into.missing[entry.id].push_back(std::move(change));
      if (assembling_.count(entry.id) != 0) break;
      wanted_.try_emplace(entry.id,
                          wanted{elsewhere ? now + defaults::other_link_wait : now, false, {}});
      break;
    }
  }
  if (nodes.empty()) return {};
  extends.tree = revision_tree::of(std::move(nodes));
  if (take_changes(std::move(extends), into)) return {};
  return fail(ec::bad_request, "a document that breaks a rule");
}

/// Adds the changes of one entry of a document, all at once, to the batch. Returns false if they
/// break a rule.
bool following::take_changes(replicated_document&& made, batch& into) {
  for (const leaf_body& body : made.bodies) into.bytes += body.body.size();
  const auto right = check_replicated(made, shared_.options.limits);
  if (!right && is_own_limit(made.id, right.error().code)) {
    give_up(made.id);
    return true;
  }
  if (!right) return false;
  note_pending(made, into);
  into.documents.push_back(std::move(made));
  return true;
}

void following::note_pending(const replicated_document& document, batch& brought_by) {
  auto& item = *pending_.try_emplace(document.id).first;
  on_their_way& waiting = item.second;
  for (const known_claim& one : claims_of(document)) waiting.revisions.push_back(one);
  if (waiting.batch == brought_by.number) return;
  // A fetched document joins the first batch that waits for it. A later batch may already bring
  // more of the document.
  waiting.batch = std::max(waiting.batch, brought_by.number);
  if (waiting.batch == brought_by.number) brought_by.pending.push_back(&item);
}

/// The batch is in the store, so its revisions need not be remembered.
void following::forget_pending(const batch& applied) {
  for (const auto* item : applied.pending)
    if (item->second.batch == applied.number) pending_.erase(pending_.find(item->first));
}

void following::give_up(const std::string& id) {
  ++shared_.refused_documents;
  refused_some_ = true;
  const std::string name = bucket_.name + '/' + id;
  auto& shown = shared_.refused;
  if (shown.size() < defaults::refused_shown &&
      std::find(shown.begin(), shown.end(), name) == shown.end()) {
    shown.push_back(name);
  }
}

/// The document exceeds a limit of this node: keep the revisions that are known here and fetch no
/// more. (The limit for query documents depends on how many other queries exist, so those may be
/// fetched again.)
void following::refused(const std::string& id) {
  give_up(id);
  if (!is_query_document(id) && refused_.size() < defaults::refused_remembered) refused_.insert(id);
  wanted_.erase(id);
  assembling_.erase(id);
  resolve(id);
}

// Applying
// -------------------------------------------------------------------------------------------------

/// Submits complete batches in order. A batch whose entries were all known is not submitted. If the
/// first incomplete batch still waits for documents, the ones that have arrived are submitted
/// early: merging is a union, and the checkpoint stays before the batch. So few documents are held
/// in memory, and two peers that announce each other's writes do not wait for each other.
void following::submit() {
  for (batch& next : queue_) {
    if (next.done || next.ticket != 0) continue;
    if (applying_.size() >= defaults::applying) return;
    if (!next.missing.empty()) {
      go_ahead(next);
      return;
    }
    if (next.documents.empty() && !next.in_parts) {
      next.done = true;
      continue;
    }
    submit(next, {}, true);
  }
}

/// A document that is only partly known waits for the rest, unless much is held: one change can end
/// a branch that another change extends. (So a document in many parts is not merged as often.)
void following::go_ahead(batch& waiting) {
  if (waiting.fetched_bytes >= defaults::documents_bytes) return submit(waiting, {}, false);
  if (waiting.fetched_bytes > 0) return;
  const auto rest = std::stable_partition(
      waiting.documents.begin(), waiting.documents.end(),
      [&](const replicated_document& one) { return waiting.missing.count(one.id) == 0; });
  if (rest == waiting.documents.begin()) return;
  std::vector<replicated_document> left(std::make_move_iterator(rest),
                                        std::make_move_iterator(waiting.documents.end()));
  waiting.documents.erase(rest, waiting.documents.end());
  submit(waiting, std::move(left), false);
}

/// Submits the documents of a batch; those in `left` remain in it. `whole`: also submits the
/// checkpoint after the batch.
void following::submit(batch& of, std::vector<replicated_document> left, bool whole) {
  const uint64_t ticket = ++shared_.tickets;
  batch_charge& held = shared_.applying[{bucket_.number, ticket}];
  held.documents = std::move(of.fetched);
  held.fetched = of.fetched_bytes > 0;
  if (whole) {
    of.ticket = ticket;
    held.activity = std::move(of.held);
  } else {
    of.in_parts = true;
    of.bytes -= std::min(of.bytes, of.fetched_bytes);
    of.fetched_bytes = 0;
  }
  applying_.insert(ticket);
  shared_.documents_in += of.documents.size();
  const bool first = run_ == 0;
  while (run_ == 0) run_ = shared_.options.random();
  apply_batch made{bucket_.number, ticket, shared_.peer_id, run_, first, {}, {}, {}};
  made.documents = std::exchange(of.documents, std::move(left));
  if (whole) made.reached = of.reached;
  shared_.out.batches.push_back(std::move(made));
}

void following::applied(uint64_t ticket, ec code, ticks now,
                        const std::vector<std::string>& refused_ids) {
  shared_.applying.erase({bucket_.number, ticket});
  if (applying_.erase(ticket) == 0) return; // of a stream that this side abandoned
  for (const std::string& id : refused_ids) refused(id);
  if (code != ec::none) {
    problem_ =
        "received documents could not be written: " + std::string(::treadmill::to_string(code));
    return fall_back(now);
  }
  for (batch& waiting : queue_)
    if (waiting.ticket == ticket) waiting.done = true;
  retry_.reset();
  begin_assembly(now);
  go_on(now);
}

void following::pop_done(ticks now) {
  const uint64_t before = stored_.sequence;
  while (!queue_.empty() && queue_.front().done) {
    batch& first = queue_.front();
    stored_ = first.reached;
    if (first.ticket != 0) written_ = stored_;
    forget_pending(first);
    queued_share_ -= first.share;
    queue_.pop_front();
  }
  if (stored_.sequence == before) return;
  problem_.clear();
  if (caught_up()) behind_since_ = ticks(-1);
  if (caught_up()) rescans_ = false;
  if (!(written_ == stored_)) note_soon(now);
  if (unacknowledged_ >= defaults::window_bytes / 4) {
    acknowledge(now);
  } else if (acknowledge_at_ < ticks(0)) {
    acknowledge_at_ = now + defaults::acknowledge_after;
  }
}

void following::note_soon(ticks now) {
  if (note_at_ < ticks(0)) note_at_ = std::max(now, noted_at_ + defaults::note_after);
}

// Time
// -------------------------------------------------------------------------------------------------

void following::tick(ticks now) {
  ticked_at_ = now;
  if (note_at_ >= ticks(0) && now >= note_at_) {
    note_at_ = ticks(-1);
    if (applying_.empty()) { // else a batch that is being applied writes a later one
      noted_at_ = now;
      written_ = stored_;
      shared_.out.notes.push_back({bucket_.number, shared_.peer_id, stored_});
    }
  }
  if (acknowledge_at_ >= ticks(0) && now >= acknowledge_at_) acknowledge(now);
  if (!wanted_.empty()) go_on(now);
  if (!assembling_.empty()) { // one body at a time
    const auto active = assembling_.find(assembled_);
    if (active == assembling_.end()) {
      begin_assembly(now);
    } else if (now >= active->second.asked_at + shared_.answers.wait()) {
      ask_part(active->first, active->second, now);
    }
  }
  // The peer has more activity and none arrives: a frame was lost.
  if (now >= again_at_ && !gone_ && (!streaming_ || !answered_ || lacks())) begin_stream(now);
}

ticks following::due() const {
  ticks at = ticks::max();
  if (note_at_ >= ticks(0)) at = std::min(at, note_at_);
  if (acknowledge_at_ >= ticks(0)) at = std::min(at, acknowledge_at_);
  // A document that was due and is not requested waits for its turn, or for the store.
  for (const auto& [id, item] : wanted_)
    at = std::min(at, item.at > ticked_at_ ? item.at : ticked_at_ + defaults::again_soon);
  if (const auto active = assembling_.find(assembled_); active != assembling_.end()) {
    at = std::min(at, active->second.asked_at + shared_.answers.wait());
  } else if (!assembling_.empty()) {
    at = std::min(at, ticked_at_ + defaults::again_soon);
  }
  if (!gone_ && (!streaming_ || !answered_ || lacks())) at = std::min(at, again_at_);
  return at;
}

/// If both sides have applied each other's log, this stays so for a while, and the digests still
/// differ: compares all documents of the peer's log again. The peer's digest covers only what it
/// has synced, hence the wait; on this side compare requires that everything is synced.
void following::compare(uint64_t taken, ticks now) {
  if (gone_ || !caught_up() || !queue_.empty() || refused_some_ ||
      head_sequence_ != stored_.sequence)
    return;
  const auto state = read_state(*shared_.rows->synced(), bucket_.number);
  const auto latest = read_state(*shared_.rows->latest(), bucket_.number);
  if (!state || !latest) return;
  const bool same = stored_.sequence == rest_sequence_ && state->sequence == rest_own_;
  rest_sequence_ = stored_.sequence;
  rest_own_ = state->sequence;
  const bool rests = latest->sequence == state->sequence && taken == state->sequence &&
                     state->digest != peer_digest_;
  rest_seen_ = rests ? (same ? rest_seen_ + 1 : 1) : 0;
  if (rest_seen_ < defaults::rests_before_rescan || now < rescan_after_) return;
  rest_seen_ = 0;
  rescan_after_ = now + defaults::rescan_pause;
  ++shared_.rescans;
  stored_ = checkpoint{peer_log_, 0, {}};
  refused_.clear();
  start_over(now);
  rescans_ = true;
  begin_stream(now);
}

bucket_progress following::progress(ticks now) const {
  bucket_progress shown;
  shown.bucket = bucket_.name;
  shown.sequence = stored_.sequence;
  const bool behind = !gone_ && peer_sequence_ > stored_.sequence;
  shown.behind = behind ? peer_sequence_ - stored_.sequence : 0;
  if (shown.behind > 0 && behind_since_ >= ticks(0)) shown.lag = now - behind_since_;
  if (shown.behind > 0) shown.reason = problem_;
  return shown;
}

} // namespace treadmill::replication
