#include "net/replication/link_following.hpp"

/// Fetching documents, and parts of them, from the peer.
namespace treadmill::replication {

namespace {

/// Approximate memory of a document.
uint64_t bytes_of(const replicated_document& document) {
  uint64_t bytes = 512 + document.tree.nodes().size_bytes();
  for (const leaf_body& body : document.bodies) bytes += body.body.size();
  return bytes;
}

/// Whether each body belongs to a live leaf, and no two to the same one.
bool are_of_leaves(const std::vector<documents::sent_body>& bodies, const revision_tree& tree) {
  std::set<revision> leaves;
  return std::all_of(bodies.begin(), bodies.end(), [&](const documents::sent_body& body) {
    const revision_tree::node* leaf = tree.find(body.rev);
    return leaf != nullptr && leaf->leaf && !leaf->deleted && leaves.insert(body.rev).second;
  });
}

} // namespace

/// Requests what is due, submits what is complete, and removes what is done.
void following::go_on(ticks now) {
  ask(now);
  submit();
  pop_done(now);
}

/// Requests the documents that are due, in the order of their batches: fetches no more than will
/// soon be applied.
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
  fetch_documents asked;
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

/// Adds a document to the request. Revisions that arrived from another peer meanwhile are not
/// fetched, unless a part of the document arrived: then all of it is. Returns false if rows cannot
/// be read now.
bool following::ask_for(const std::string& id, const row_view& rows, fetch_documents& asked,
                        ticks now) {
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
  fetch_documents::item one;
  one.id = id;
  one.after = found->second.after;
  if (*here && !list_leaves(rows, bucket_.number, id, **here, one)) return false;
  asked.documents.push_back(std::move(one));
  found->second.at = ask_again_at_;
  found->second.asked = true;
  return true;
}

/// Whether there is room for more documents. A bucket with none in flight may use more memory, so
/// that a large document of another bucket does not block it. If no bucket has any in flight, one
/// may always ask, each in its turn: the memory in use may belong to batches that wait for its
/// documents.
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

/// Whether the item answers the last request: a delayed answer has leaves that arrived already.
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
  // Ignores the second answer to a repeated request: the answer to the current request is still to
  // come.
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
    // The answer was incomplete: request the rest.
    if (std::exchange(item.asked, false)) item.at = now;
  }
  go_on(now);
}

/// Takes a fetched document, or a part of one. Returns false if it breaks a rule.
bool following::settle(documents::sent&& item, ticks now) {
  const std::string id = item.id;
  const wanted asked = wanted_.extract(id).mapped();
  if (asked.after.empty()) ++shared_.fetched;
  if (item.tree.empty() && asked.after.empty()) {
    fall_back(now); // the peer has dropped its bucket and created it again
    return true;
  }
  if (item.tree.empty()) { // the remaining leaves are superseded: ask for the current document
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

/// A document, or a part of one, is complete with its bodies. Returns false if it breaks a rule.
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

/// The same rule as may_fetch, for bodies that arrive in parts; each peer may always have one body
/// in assembly.
bool following::may_assemble(uint64_t size) const {
  const uint64_t held = shared_.held + size;
  if (held <= defaults::fetched_bytes) return true;
  if (shared_.assembled == 0 && !shared_.crowded) return true;
  return held <= defaults::crowded_bytes && !shared_.applies_fetched(bucket_.number);
}

/// If no body is being assembled here and there is room, requests the first part of one.
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
  fetch_part asked;
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
  if (what.size == 0) { // superseded meanwhile: ask for the current document
    wanted_[what.id] = {now, false, {}};
    assembling_.erase(found);
    begin_assembly(now);
    return go_on(now);
  }
  if (what.offset != of.body.size()) return; // arrived already
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

/// A body is complete. If other bodies of its document are still to come (an older node sends it
/// so), its branch is submitted before them, so that only one body is held at a time.
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

/// Whether a fetched document settles what the peer said about a revision: its last part or an
/// earlier one contains the revision, or the revision is older than the revision depth keeps.
bool answers(const revision_tree& last_part, uint32_t newest, const peer_change& told) {
  if (told.came || last_part.find(told.rev) != nullptr) return true;
  return uint64_t{newest} >= uint64_t{told.rev.number()} + ::treadmill::defaults::revision_depth;
}

} // namespace

/// Attaches a complete document to the first queued batch that needs it. If a later batch needs a
/// newer revision, fetches the document again.
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
  if (lacking) wanted_[id] = {now + defaults::other_link_wait, false, {}};
}

/// Marks the revisions that this part of a document contains.
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

/// Adds a fetched document to a batch.
void following::attach(replicated_document&& document, batch& to) {
  const uint64_t bytes = bytes_of(document);
  if (to.fetched_bytes == 0) to.fetched = held_bytes(shared_.held);
  to.fetched.add(bytes);
  to.fetched_bytes += bytes;
  to.bytes += bytes;
  to.documents.push_back(std::move(document));
}

/// Continues without a document.
void following::leave_out(const std::string& id) {
  give_up(id);
  resolve(id);
}

void following::resolve(const std::string& id) {
  for (batch& waiting : queue_) waiting.missing.erase(id);
}

} // namespace treadmill::replication
