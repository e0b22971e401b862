#include "net/link_following.hpp"

/// Documents, and parts of them, that a follower asks for.
namespace treadmill::replication {

namespace {

/// What a document takes in memory, about.
uint64_t bytes_of(const replicated_document& document) {
  uint64_t bytes = 512 + document.tree.nodes().size_bytes();
  for (const leaf_body& body : document.bodies) bytes += body.body.size();
  return bytes;
}

/// Whether each body is that of a live leaf, and each of another one.
bool are_of_leaves(const std::vector<documents::sent_body>& bodies, const revision_tree& tree) {
  std::set<revision> leaves;
  return std::all_of(bodies.begin(), bodies.end(), [&](const documents::sent_body& body) {
    const revision_tree::node* leaf = tree.find(body.rev);
    return leaf != nullptr && leaf->leaf && !leaf->deleted && leaves.insert(body.rev).second;
  });
}

} // namespace

/// What is due is asked for, and what waits for nothing any more goes on its way.
void following::go_on(ticks now) {
  ask(now);
  hand_over();
  pop_done(now);
}

/// Asks for what is due, the first batches first: no more is fetched than will soon be applied.
void following::ask(ticks now) {
  if (asking_ && ask_again_at_ > now) return; // one request at a time
  const bool again = asking_;
  stop_asking();
  if (again) {
    shared_.answers.repeated();
    for (auto& [id, item] : wanted_) item.asked = false;
  }
  if (wanted_.empty()) return;
  if (!may_fetch()) {
    shared_.crowded = true;
    return;
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
  shared_.turn = bucket_.name;
  expected_ = held_bytes(shared_.expected);
  expected_.add(defaults::answer_bytes);
  if (!again) asked_at_ = now;
  shared_.send(std::move(asked));
}

/// What has come from elsewhere meanwhile is not asked for any more, unless a part of it came: then
/// all of it does. False where nothing can be read now.
bool following::ask_for(const std::string& id, const row_view& rows, want& asked, ticks now) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end() || found->second.at > now) return true;
  const auto here = read_local(rows, bucket_.number, id);
  if (!here && here.error().code == ec::corrupt) {
    leave_out(id);
    wanted_.erase(found);
    return true;
  }
  if (!here) return false;
  bool needed = false;
  for (batch& waiting : queue_) {
    const auto missing = waiting.missing.find(id);
    if (missing == waiting.missing.end()) continue;
    if (found->second.after.empty()) {
      std::erase_if(missing->second, [&](const peer_change& told) {
        return knows_all(told, id, *here, rows).value_or(false);
      });
    }
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
  one.after = found->second.after;
  if (*here && !list_leaves(rows, bucket_.number, id, **here, one)) return false;
  asked.documents.push_back(std::move(one));
  found->second.at = ask_again_at_;
  found->second.asked = true;
  return true;
}

/// Whether there is room for more documents. A bucket that has none on their way has more room, so
/// that a large document of another one does not hold it up. Where no bucket has any, one may
/// always ask, each in its turn: what is held may be waiting for its documents.
bool following::may_fetch() const {
  const uint64_t held = shared_.held + shared_.expected;
  if (held < defaults::fetched_bytes) return true;
  if (!assembling_.empty() || shared_.applies_fetched(bucket_.number)) return false;
  return held < defaults::crowded_bytes || (shared_.is_idle() && !shared_.crowded);
}

void following::stop_asking() {
  asking_ = false;
  expected_ = {};
}

void following::use_room(ticks now) {
  begin_assembly(now);
  if (!wanted_.empty()) go_on(now);
}

/// Whether it is what was asked for last: an answer that comes late has leaves that came already.
bool following::is_asked(const documents::sent& item) const {
  const auto found = wanted_.find(item.id);
  if (found == wanted_.end() || !found->second.asked) return false;
  const revision& after = found->second.after;
  if (item.tree.empty()) return item.next == after;
  if (after.empty()) return true;
  const auto tree = revision_tree::decode(item.tree);
  return !tree || tree->empty() || tree->nodes().front().rev < after;
}

void following::delivered(documents&& what, ticks now) {
  // The second answer to a request that was repeated: what is asked for now is still to come.
  if (std::none_of(what.items.begin(), what.items.end(),
                   [this](const documents::sent& item) { return is_asked(item); }))
    return;
  shared_.answers.answered(now - asked_at_);
  shared_.useful = true;
  stop_asking();
  for (documents::sent& item : what.items) {
    if (!is_asked(item)) continue;
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
  const wanted asked = wanted_.extract(id).mapped();
  if (asked.after.empty()) ++shared_.fetched;
  if (item.tree.empty() && asked.after.empty()) { // the peer has dropped its bucket, and made it
    fall_back(now);                               // again
    return true;
  }
  if (item.tree.empty()) { // all that was to come is superseded: ask for it as it is now
    shared_.useful = false;
    wanted_[id] = {now, false, {}};
    return true;
  }
  auto tree = revision_tree::decode(item.tree);
  if (!tree || tree->empty()) return false;
  if (!item.next.empty() && tree->find(item.next) == nullptr) return false;
  if (!are_of_leaves(item.bodies, *tree)) return false;
  assembly made;
  made.document.id = id;
  made.next = {now, false, item.next};
  made.next.newest = std::max(asked.newest, tree->nodes().front().rev.number());
  made.document.tree = std::move(*tree);
  for (documents::sent_body& body : item.bodies) {
    if (body.size > shared_.options.limits.document_bytes) {
      leave_out(id);
      return true;
    }
    if (body.body) {
      made.document.bodies.push_back({body.rev, std::move(*body.body)});
    } else if (body.size > 0) {
      made.left.emplace_back(body.rev, body.size);
    }
  }
  if (made.left.empty()) return finish(std::move(made), now);
  made.held = held_bytes(shared_.held);
  made.held.add(bytes_of(made.document) + made.left.size() * sizeof(made.left.front()));
  if (assembled_ == id) assembled_.clear();
  assembling_[id] = std::move(made);
  begin_assembly(now);
  return true;
}

/// A document, or a part of one, is here with its bodies. False where it breaks a rule.
bool following::finish(assembly&& whole, ticks now) {
  replicated_document& document = whole.document;
  const auto right = check_replicated(document, shared_.options.limits);
  if (!right && !is_own_limit(document.id, right.error().code)) return false;
  if (!right) {
    leave_out(document.id);
  } else if (whole.next.after.empty()) {
    complete(std::move(document), whole.next.newest, now);
  } else if (batch* const first = first_waiting_for(document.id)) {
    note_came(document);
    wanted_[document.id] = whole.next;
    wanted_[document.id].at = now;
    attach(std::move(document), *first);
  }
  return true;
}

/// As of documents; one body of each peer may always be put together.
bool following::may_assemble(uint64_t size) const {
  const uint64_t held = shared_.held + size;
  if (held <= defaults::fetched_bytes) return true;
  if (shared_.assembled == 0 && !shared_.crowded) return true;
  return held <= defaults::crowded_bytes && !shared_.applies_fetched(bucket_.number);
}

/// Asks for the first part of a body where none is being put together here, and there is room for
/// it.
void following::begin_assembly(ticks now) {
  if (assembling_.empty() || assembling_.count(assembled_) != 0) return;
  auto& [id, of] = *assembling_.begin();
  const uint64_t size = of.left.front().second;
  if (!may_assemble(size)) {
    shared_.crowded = true;
    return;
  }
  assembled_ = id;
  shared_.turn = bucket_.name;
  of.body_held = held_bytes(shared_.held);
  of.body_held.add(size);
  of.counted = held_bytes(shared_.assembled);
  of.counted.add(size);
  of.body.reserve(size);
  ask_part(id, of, now);
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
  if (found == assembling_.end() || what.id != assembled_) return;
  assembly& of = found->second;
  if (of.left.front().first != what.rev) return;
  if (what.size == 0) { // superseded meanwhile: ask for the document as it is now
    wanted_[what.id] = {now, false, {}};
    assembling_.erase(found);
    begin_assembly(now);
    return go_on(now);
  }
  if (what.offset != of.body.size()) return; // came already
  if (what.size != of.left.front().second || what.bytes.empty()) return reject(now);
  shared_.useful = true;
  of.body += what.bytes;
  if (of.body.size() < what.size) return ask_part(what.id, of, now);
  if (const ec problem = take_body(what.id, of); problem != ec::none) {
    if (!is_own_limit(what.id, problem)) return reject(now);
    leave_out(what.id);
    assembling_.erase(found);
  } else if (of.left.empty()) {
    assembly whole = std::move(of);
    assembling_.erase(found);
    if (!finish(std::move(whole), now)) return reject(now);
  }
  begin_assembly(now);
  go_on(now);
}

/// A body is here, whole. Where others of its document are still to come (an older node sends it
/// so) its branch goes ahead of them: one is held at a time.
ec following::take_body(const std::string& id, assembly& of) {
  leaf_body body{of.left.front().first, std::exchange(of.body, {})};
  of.left.pop_front();
  assembled_.clear();
  of.body_held = {};
  of.counted = {};
  replicated_document branch{id, revision_tree::of(of.document.tree.branch(body.rev)), {}};
  const bool alone = of.left.empty();
  (alone ? of.document : branch).bodies.push_back(std::move(body));
  if (alone) return ec::none;
  const auto right = check_replicated(branch, shared_.options.limits);
  if (!right) return right.error().code;
  if (batch* const first = first_waiting_for(id)) attach(std::move(branch), *first);
  return ec::none;
}

namespace {

/// Whether a document that has come leaves nothing to ask for about what the peer told: its last
/// part, or one before, has that revision, or it is forgotten.
bool answers(const revision_tree& last_part, uint32_t newest, const peer_change& told) {
  if (told.came || last_part.find(told.rev) != nullptr) return true;
  return uint64_t{newest} >= uint64_t{told.rev.number()} + ::treadmill::defaults::revision_depth;
}

} // namespace

/// A document came whole: what was left of it goes with the first batch that waits for it. A later
/// one may wait for what the document was not yet when it was sent: then it is asked for again.
void following::complete(replicated_document&& document, uint32_t newest, ticks now) {
  const std::string id = document.id;
  const revision_tree tree = document.tree;
  batch* const first = first_waiting_for(id);
  if (first == nullptr) return;
  note_pending(document, *first);
  attach(std::move(document), *first);
  bool lacking = false;
  for (batch& waiting : queue_) {
    const auto missing = waiting.missing.find(id);
    if (missing == waiting.missing.end()) continue;
    std::erase_if(missing->second,
                  [&](const peer_change& told) { return answers(tree, newest, told); });
    if (missing->second.empty()) {
      waiting.missing.erase(missing);
    } else {
      lacking = true;
    }
  }
  if (lacking) wanted_[id] = {now + defaults::patience, false, {}};
}

/// Marks what a part of a document has of what the peer told.
void following::note_came(const replicated_document& part) {
  for (batch& waiting : queue_) {
    const auto missing = waiting.missing.find(part.id);
    if (missing == waiting.missing.end()) continue;
    for (peer_change& told : missing->second)
      told.came = told.came || part.tree.find(told.rev) != nullptr;
  }
}

following::batch* following::first_waiting_for(const std::string& id) {
  const auto first = std::find_if(queue_.begin(), queue_.end(), [&](const batch& waiting) {
    return waiting.missing.count(id) != 0;
  });
  return first == queue_.end() ? nullptr : &*first;
}

/// Adds what was fetched to a batch.
void following::attach(replicated_document&& document, batch& to) {
  const uint64_t bytes = bytes_of(document);
  if (to.fetched_bytes == 0) to.fetched = held_bytes(shared_.held);
  to.fetched.add(bytes);
  to.fetched_bytes += bytes;
  to.bytes += bytes;
  to.documents.push_back(std::move(document));
}

/// Goes on without a document.
void following::leave_out(const std::string& id) {
  give_up(id);
  resolve(id);
}

void following::resolve(const std::string& id) {
  for (batch& waiting : queue_) waiting.missing.erase(id);
}

} // namespace treadmill::replication
