#include "net/link_following.hpp"
#include "storage/keys.hpp"

namespace treadmill::replication {

following::following(link_context& shared, bucket_info bucket, checkpoint from)
    : shared_(shared), bucket_(std::move(bucket)), stored_(from), received_(from), written_(from) {}

// The stream
// -------------------------------------------------------------------------------------------------

void following::begin_session(ticks now) {
  streaming_ = false;
  peer_sequence_ = 0;
  start_over(now);
  again_at_ = now;
}

/// Forgets what came and is not applied. What is being applied may still succeed, which does no
/// harm.
void following::start_over(ticks now) {
  queue_.clear();
  queued_share_ = 0;
  pending_.clear();
  wanted_.clear();
  assembling_.clear();
  asking_ = false;
  applying_ = 0;
  valid_from_ = last_ticket_ + 1;
  run_ = 0;
  received_ = stored_;
  streaming_ = false;
  again_at_ = now;
  if (!(written_ == stored_)) note_soon(now);
}

/// The same after something went wrong: not at once.
void following::fall_back(ticks now) {
  start_over(now);
  again_at_ = now + retry_.wait(shared_.options.random());
}

void following::reject(ticks now) {
  ++shared_.rejected;
  problem_ = "the peer sent what breaks a rule";
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
  peer_sequence_ = head_sequence_ = 0; // what it announces next counts, however small
}

void following::announced(const heads::head& head, ticks now) {
  if (head.log_id == peer_log_ && head.sequence < peer_sequence_) return; // an older frame
  peer_log_ = head.log_id;
  peer_sequence_ = head_sequence_ = head.sequence;
  peer_digest_ = head.digest;
  gone_ = false;
  // What is queued is of a log that the peer has given up: what it waits for may never come.
  if (!queue_.empty() && head.log_id != received_.log_id) start_over(now);
  if (!caught_up() && behind_since_ < ticks(0)) behind_since_ = now;
  if (!streaming_ && again_at_ <= now) begin_stream(now);
}

/// Nothing is on its way here, and the peer has more.
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
  if (!streaming_ || what.stream != stream_) return; // of a stream that was given up
  const bool restart = what.restart && restarted_ != stream_;
  if (restart || what.log_id != received_.log_id) {
    if (what.after != 0) return begin_stream(now); // the beginning was lost
    if (received_.sequence > 0) ++shared_.restarts;
    start_over(now);
    streaming_ = true;
    restarted_ = stream_;
    stored_ = received_ = checkpoint{what.log_id, 0, {}};
  }
  const bool first_answer = !std::exchange(answered_, true);
  if (first_answer) shared_.answers.answered(now - begun_at_);
  // It says how long the log is now, whatever was heard before: of a log that was given up, or of a
  // store that was put back.
  const bool grows = !first_answer && peer_log_ == what.log_id;
  peer_log_ = what.log_id;
  peer_sequence_ = grows ? std::max(peer_sequence_, what.last) : what.last;
  if (what.through > received_.sequence && what.after != received_.sequence) {
    // What lies before it was lost: ask from there. What is queued is good, unless it is much.
    if (queued_bytes() > defaults::window_bytes) start_over(now);
    return begin_stream(now);
  }
  again_at_ = now + shared_.answer_wait();
  if (what.through <= received_.sequence) return; // nothing yet, or it came already
  if (!has_room(now)) return;
  batch& into = open_batch();
  const size_t documents = into.documents.size();
  const size_t missing = into.missing.size();
  const size_t bytes = into.bytes;
  const uint64_t share = into.share;
  const auto rows = shared_.rows->latest();
  for (peer_entry& entry : what.entries) {
    ++shared_.entries_in;
    into.bytes += entry.id.size() + 64;
    into.share += window_share(entry);
    const auto looked = look_at(std::move(entry), *rows, into, now);
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
    // About what the containers take beside the bytes themselves.
    into.held.add(into.share - share + 512 * more_documents + 256 * more_missing);
  }
  if (behind_since_ < ticks(0)) behind_since_ = now;
  go_on(now);
}

/// Whether there is room for more of the log. A peer that goes beyond the window that it was given
/// is cut; where much is held for others of its buckets, too, the rest is asked for later.
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

/// Where the next stretch goes: small ones that wait anyway are one.
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

/// Whether all that the peer tells of a revision is known here, or on its way. The name alone does
/// not say so where it was made elsewhere.
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

/// What is not known here is merged as it came where that is all that is new, else asked for.
result<void> following::look_at(peer_entry&& entry, const row_view& rows, batch& into, ticks now) {
  const auto here = read_local(rows, bucket_.number, entry.id);
  if (!here && here.error().code == ec::corrupt) { // one damaged row holds up nothing else
    give_up(entry.id);
    return {};
  }
  if (!here) return tl::unexpected(here.error());
  if (entry.digest && rescans_ && *here) {
    const document_row& row = (*here)->stored.row;
    const auto digest = digest_of(rows, bucket_.number, entry.id, row, (*here)->tree);
    if (!digest) return tl::unexpected(digest.error());
    // Whatever it is that differs: it need not be among what the entry is about.
    entry.changes.front().differs = *digest != *entry.digest;
  }
  replicated_document extends;
  extends.id = entry.id;
  std::vector<revision_tree::node> nodes;
  for (peer_change& change : entry.changes) {
    const auto known = look_at(change, entry.id, *here, rows);
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
      const bool elsewhere = shared_.patient && !change.body && !change.deleted;
      change.body.reset();
      into.missing[entry.id].push_back(std::move(change));
      if (assembling_.count(entry.id) != 0) break;
      wanted_.try_emplace(entry.id, wanted{elsewhere ? now + defaults::patience : now, false});
      break;
    }
  }
  if (nodes.empty()) return {};
  extends.tree = revision_tree::of(std::move(nodes));
  if (take_changes(std::move(extends), into)) return {};
  return fail(ec::bad_request, "a document that breaks a rule");
}

/// What an entry brings of a document, all of it at once. False where it breaks a rule.
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
  for (known_claim& one : claims_of(document)) waiting.revisions.push_back(std::move(one));
  if (waiting.batch == brought_by.number) return;
  // A document that was asked for goes with the first batch that waits for it, which may lie before
  // one that brings more of it.
  waiting.batch = std::max(waiting.batch, brought_by.number);
  if (waiting.batch == brought_by.number) brought_by.pending.push_back(&item);
}

/// What it brought is in the store.
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

// Documents that are asked for
// -------------------------------------------------------------------------------------------------

/// What is due is asked for, and what waits for nothing any more goes on its way.
void following::go_on(ticks now) {
  ask(now);
  hand_over();
  pop_done(now);
}

/// Asks for what is due, the first batches first: no more is fetched than will soon be applied.
void following::ask(ticks now) {
  if (asking_ && ask_again_at_ > now) return; // one request at a time
  const bool again = std::exchange(asking_, false);
  if (again) {
    shared_.answers.repeated();
    for (auto& [id, item] : wanted_) item.asked = false;
  }
  ask_again_at_ = now + shared_.answer_wait();
  want asked;
  asked.bucket = bucket_.name;
  size_t bytes = 0;
  size_t leaves = 0;
  const auto rows = shared_.rows->latest();
  for (batch& waiting : queue_) {
    if (bytes > defaults::window_bytes) break;
    bytes += waiting.bytes;
    std::vector<std::string> ids;
    for (const auto& [id, revs] : waiting.missing) ids.push_back(id);
    for (const std::string& id : ids) {
      if (asked.documents.size() >= defaults::wanted_documents) break;
      if (leaves >= defaults::wanted_leaves) break;
      const size_t before = asked.documents.size();
      if (!ask_for(id, *rows, asked, now)) return;
      if (asked.documents.size() == before) continue;
      leaves += asked.documents.back().leaves.size() + asked.documents.back().elsewhere.size();
    }
  }
  if (asked.documents.empty()) return;
  asking_ = true;
  if (!again) asked_at_ = now;
  shared_.send(std::move(asked));
}

/// What has come from elsewhere meanwhile is not asked for any more. False where nothing can be
/// read now.
bool following::ask_for(const std::string& id, const row_view& rows, want& asked, ticks now) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end() || found->second.at > now) return true;
  const auto here = read_local(rows, bucket_.number, id);
  if (!here && here.error().code == ec::corrupt) {
    give_up(id);
    resolve(id);
    wanted_.erase(found);
    return true;
  }
  if (!here) return false;
  bool needed = false;
  for (batch& waiting : queue_) {
    const auto missing = waiting.missing.find(id);
    if (missing == waiting.missing.end()) continue;
    std::erase_if(missing->second, [&](const peer_change& told) {
      return knows_all(told, id, *here, rows).value_or(false);
    });
    if (missing->second.empty()) {
      waiting.missing.erase(missing);
    } else {
      needed = true;
    }
  }
  if (!needed) {
    wanted_.erase(found);
    return true;
  }
  want::wanted one;
  one.id = id;
  if (*here && !list_leaves(rows, bucket_.number, id, **here, one)) return false;
  asked.documents.push_back(std::move(one));
  found->second = {ask_again_at_, true};
  return true;
}

void following::delivered(documents&& what, ticks now) {
  const auto is_asked = [this](const documents::sent& item) {
    const auto found = wanted_.find(item.id);
    return found != wanted_.end() && found->second.asked;
  };
  // The second answer to a request that was repeated: what is asked for now is still to come.
  if (std::none_of(what.items.begin(), what.items.end(), is_asked)) return;
  shared_.answers.answered(now - asked_at_);
  shared_.useful = true;
  asking_ = false;
  for (documents::sent& item : what.items) {
    if (!is_asked(item)) continue; // came already
    if (!settle(std::move(item), now)) return reject(now);
  }
  for (auto& [id, item] : wanted_) {
    if (std::exchange(item.asked, false)) item.at = now; // the answer was cut: ask for the rest
  }
  go_on(now);
}

/// False where it breaks a rule.
bool following::settle(documents::sent&& item, ticks now) {
  const std::string id = item.id;
  ++shared_.fetched;
  wanted_.erase(id);
  if (item.tree.empty()) { // the peer has dropped its bucket, and made it again
    fall_back(now);
    return true;
  }
  auto tree = revision_tree::decode(item.tree);
  if (!tree) return false;
  assembly made;
  made.document.id = id;
  made.document.tree = std::move(*tree);
  for (documents::sent_body& body : item.bodies) {
    if (body.size > shared_.options.limits.document_bytes) {
      give_up(id);
      resolve(id);
      return true;
    }
    if (body.body) {
      made.document.bodies.push_back({body.rev, std::move(*body.body)});
    } else if (body.size > 0) {
      made.left.emplace_back(body.rev, body.size);
    }
  }
  if (made.left.empty()) return finish(std::move(made.document), now);
  assembly& started = assembling_[id] = std::move(made);
  if (assembling_.size() == 1) ask_part(id, started, now);
  return true;
}

/// A document is here, whole. False where it breaks a rule.
bool following::finish(replicated_document&& document, ticks now) {
  const auto right = check_replicated(document, shared_.options.limits);
  if (!right && !is_own_limit(document.id, right.error().code)) return false;
  if (right) {
    complete(std::move(document), now);
  } else {
    give_up(document.id);
    resolve(document.id);
  }
  return true;
}

void following::ask_part(const std::string& id, assembly& of, ticks now) {
  of.asked_at = now;
  want_part asked;
  asked.bucket = bucket_.name;
  asked.id = id;
  asked.rev = of.left.front().first;
  asked.offset = of.body.size();
  shared_.send(std::move(asked));
}

void following::delivered(part&& what, ticks now) {
  const auto found = assembling_.find(what.id);
  if (found == assembling_.end()) return;
  assembly& of = found->second;
  if (of.left.front().first != what.rev) return;
  if (what.size == 0) { // superseded meanwhile: ask for the document as it is now
    wanted_[what.id] = {now, false};
    assembling_.erase(found);
    return go_on(now);
  }
  if (what.offset != of.body.size()) return; // came already
  if (what.size != of.left.front().second || what.bytes.empty()) return reject(now);
  shared_.useful = true;
  of.body += what.bytes;
  if (of.body.size() == what.size) {
    of.document.bodies.push_back({what.rev, std::exchange(of.body, {})});
    of.left.pop_front();
  }
  if (!of.left.empty()) return ask_part(what.id, of, now);
  replicated_document document = std::move(of.document);
  assembling_.erase(found);
  if (!finish(std::move(document), now)) return reject(now);
  if (!assembling_.empty()) ask_part(assembling_.begin()->first, assembling_.begin()->second, now);
  hand_over();
  pop_done(now);
}

namespace {

/// Whether a document, as it came, leaves nothing to ask for about this revision: it has it, or it
/// has forgotten it.
bool answers(const revision_tree& tree, const revision& rev) {
  if (tree.find(rev) != nullptr) return true;
  const auto nodes = tree.nodes();
  return !nodes.empty() && uint64_t{nodes.front().rev.number()} >=
                               uint64_t{rev.number()} + ::treadmill::defaults::revision_depth;
}

} // namespace

/// A document came whole: it goes with the first batch that waits for it. A later one may wait for
/// what the document was not yet when it was sent: then it is asked for again.
void following::complete(replicated_document&& document, ticks now) {
  const std::string id = document.id;
  const revision_tree tree = document.tree;
  const auto first = std::find_if(queue_.begin(), queue_.end(), [&](const batch& waiting) {
    return waiting.missing.count(id) != 0;
  });
  if (first == queue_.end()) return;
  note_pending(document, *first);
  for (const leaf_body& body : document.bodies) {
    first->bytes += body.body.size();
    first->held.add(body.body.size());
  }
  first->documents.push_back(std::move(document));
  bool lacking = false;
  for (batch& waiting : queue_) {
    const auto missing = waiting.missing.find(id);
    if (missing == waiting.missing.end()) continue;
    std::erase_if(missing->second,
                  [&](const peer_change& told) { return answers(tree, told.rev); });
    if (missing->second.empty()) {
      waiting.missing.erase(missing);
    } else {
      lacking = true;
    }
  }
  if (lacking) wanted_[id] = {now + defaults::patience, false};
}

void following::resolve(const std::string& id) {
  for (batch& waiting : queue_) waiting.missing.erase(id);
}

// Applying
// -------------------------------------------------------------------------------------------------

/// Hands over what is complete, in order. What was known needs no batch of its own.
void following::hand_over() {
  for (batch& next : queue_) {
    if (next.done || next.ticket != 0) continue;
    if (!next.missing.empty() || applying_ >= defaults::applying) return;
    if (next.documents.empty()) {
      next.done = true;
      continue;
    }
    next.ticket = ++last_ticket_;
    ++applying_;
    shared_.documents_in += next.documents.size();
    const bool first = run_ == 0;
    while (run_ == 0) run_ = shared_.options.random();
    shared_.out.batches.push_back({bucket_.number,
                                   next.ticket,
                                   shared_.peer_id,
                                   run_,
                                   first,
                                   std::move(next.documents),
                                   next.reached,
                                   {}});
  }
}

void following::applied(uint64_t ticket, ec code, ticks now,
                        const std::vector<std::string>& refused_ids) {
  if (ticket < valid_from_) return;
  for (const std::string& id : refused_ids) give_up(id);
  if (code != ec::none) {
    problem_ = "what came could not be written: " + std::string(::treadmill::to_string(code));
    return fall_back(now);
  }
  for (batch& waiting : queue_) {
    if (waiting.ticket != ticket) continue;
    waiting.done = true;
    --applying_;
  }
  retry_.reset();
  hand_over();
  pop_done(now);
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
    if (applying_ == 0) { // else a later one is written with what is being applied
      noted_at_ = now;
      written_ = stored_;
      shared_.out.notes.push_back({bucket_.number, shared_.peer_id, stored_});
    }
  }
  if (acknowledge_at_ >= ticks(0) && now >= acknowledge_at_) acknowledge(now);
  if (!wanted_.empty()) go_on(now);
  if (!assembling_.empty()) { // one at a time
    auto& [id, of] = *assembling_.begin();
    if (now >= of.asked_at + shared_.answers.wait()) ask_part(id, of, now);
  }
  // Where the peer has more and nothing comes, a frame got lost.
  if (now >= again_at_ && !gone_ && (!streaming_ || !answered_ || lacks())) begin_stream(now);
}

ticks following::due() const {
  ticks at = ticks::max();
  if (note_at_ >= ticks(0)) at = std::min(at, note_at_);
  if (acknowledge_at_ >= ticks(0)) at = std::min(at, acknowledge_at_);
  // What was due and is not asked for waits for its turn, or for the store.
  for (const auto& [id, item] : wanted_)
    at = std::min(at, item.at > ticked_at_ ? item.at : ticked_at_ + defaults::again_soon);
  if (!assembling_.empty())
    at = std::min(at, assembling_.begin()->second.asked_at + shared_.answers.wait());
  if (!gone_ && (!streaming_ || !answered_ || lacks())) at = std::min(at, again_at_);
  return at;
}

/// Both logs are taken in on both sides, and stay so for a while, and yet the buckets differ: all
/// of the peer's log is looked at again. Digests are of what is synced: here that is all there is;
/// for a while, because the peer may not have synced yet what it has taken in.
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
