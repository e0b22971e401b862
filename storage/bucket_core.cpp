#include "storage/bucket_core.hpp"
#include "storage/json.hpp"
#include "storage/keys.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

/// Nodes that stay in the document's row when the rest moves to the row of older ancestry.
constexpr size_t kept_recent = defaults::recent_ancestry / 2;

write_outcome refused(const write_op& op, error problem, const revision& current = {}) {
  write_outcome outcome;
  outcome.id = op.id;
  outcome.rev = current;
  outcome.problem = std::move(problem);
  return outcome;
}

write_outcome done(const write_op& op, const revision& rev, bool created = false) {
  write_outcome outcome;
  outcome.id = op.id;
  outcome.rev = rev;
  outcome.created = created;
  return outcome;
}

const revision_tree::node* live_leaf(const revision_tree& tree, const revision& rev) {
  const revision_tree::node* node = tree.find(rev);
  return node != nullptr && node->leaf && !node->deleted ? node : nullptr;
}

std::vector<revision> live_leaves(const revision_tree& tree) {
  std::vector<revision> revisions;
  for (const revision_tree::node& leaf : tree.leaves()) {
    if (!leaf.deleted) revisions.push_back(leaf.rev);
  }
  return revisions;
}

void count(uint64_t& number, bool before, bool after) {
  if (after && !before) ++number;
  if (before && !after) --number;
}

bool contains(const std::vector<revision>& revisions, const revision& rev) {
  return std::find(revisions.begin(), revisions.end(), rev) != revisions.end();
}

} // namespace

/// A document while it is changed. `row` views into `bytes`, so that lies at a fixed place.
struct bucket_core::document {
  std::string id{};
  std::unique_ptr<const std::string> bytes{}; ///< nullptr: it was never there
  document_row row{};                         ///< as it was
  revision_tree recent{};                     ///< as it will be
  bool there() const { return bytes != nullptr; }
  bool live() const { return there() && !row.deleted; }
};

bucket_core::bucket_core(uint32_t bucket, bucket_state state, row_reader read,
                         json_limits limits)
    : bucket_(bucket), state_(state), read_(std::move(read)), limits_(limits) {}

// Rows
// ------------------------------------------------------------------------------------------------------------------

result<std::optional<std::string>> bucket_core::read(std::string_view key) const {
  if (const auto found = overlay_.find(key); found != overlay_.end()) return found->second.value;
  return read_(key);
}

void bucket_core::change_overlay(std::string key, std::optional<std::string> value) {
  if (before_ != nullptr) {
    const auto found = overlay_.find(key);
    before_->push_back(
        {key, found == overlay_.end() ? std::nullopt : std::optional<overlay_row>(found->second)});
  }
  overlay_[std::move(key)] = overlay_row{std::move(value), batch_};
}

void bucket_core::put(std::string key, std::string value) {
  rows_.put(key, value);
  change_overlay(std::move(key), std::move(value));
}

void bucket_core::remove(std::string key) {
  rows_.remove(key);
  change_overlay(std::move(key), std::nullopt);
}

bool bucket_core::dirty() const { return !rows_.empty(); }
size_t bucket_core::batch_bytes() const { return rows_.bytes(); }

bucket_core::batch bucket_core::take_batch() {
  rows_.put(keys::bucket_state(bucket_), state_.encode());
  batch taken{batch_++, state_.sequence, std::move(rows_)};
  rows_ = row_batch();
  return taken;
}

void bucket_core::committed(uint64_t batch_number) {
  std::erase_if(overlay_, [&](const auto& item) { return item.second.batch <= batch_number; });
}

// Documents
// ---------------------------------------------------------------------------------------------------------------

result<bucket_core::document> bucket_core::load(std::string_view id) const {
  document doc;
  doc.id = id;
  auto bytes = read(keys::document(bucket_, id));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return doc;
  doc.bytes = std::make_unique<const std::string>(std::move(**bytes));
  auto row = document_row::decode(*doc.bytes);
  if (!row) return tl::unexpected(row.error());
  doc.row = *row;
  auto tree = row->tree();
  if (!tree) return tl::unexpected(tree.error());
  doc.recent = std::move(*tree);
  return doc;
}

result<revision_tree> bucket_core::full_tree(const document& doc) const {
  if (!doc.row.older) return doc.recent;
  auto bytes = read(keys::older_ancestry(bucket_, doc.id));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return fail(ec::corrupt, "a document has lost its older ancestry");
  auto older = revision_tree::decode(**bytes);
  if (!older) return older;
  revision_tree tree = doc.recent;
  tree.merge(*older);
  return tree;
}

result<std::string> bucket_core::body_of(const document& doc, const revision& rev) const {
  if (rev == doc.row.winner) return std::string(doc.row.body);
  auto body = read(keys::losing_body(bucket_, doc.id, rev.text()));
  if (!body) return tl::unexpected(body.error());
  if (!*body) return fail(ec::corrupt, "a losing leaf has lost its body");
  return std::move(**body);
}

/// Gives the bytes of the recent tree, after moving what is old to its own row: so a row stays
/// small however long the history is. Returns whether there is older ancestry.
result<bool> bucket_core::store_tree(document& doc, std::string& tree_bytes) {
  const auto nodes = doc.recent.nodes();
  const size_t leaves = nodes.size() <= defaults::recent_ancestry ? 0 : doc.recent.leaves().size();
  bool older = doc.row.older;
  if (nodes.size() > defaults::recent_ancestry + leaves) {
    auto whole = full_tree(doc);
    if (!whole) return tl::unexpected(whole.error());
    revision_tree recent;
    revision_tree old;
    size_t count = 0;
    for (const revision_tree::node& node : whole->nodes()) {
      const bool keep = node.leaf || count++ < kept_recent;
      (keep ? recent : old).add(node.rev, node.parent, node.deleted, node.foreign);
    }
    put(keys::older_ancestry(bucket_, doc.id), old.encode());
    doc.recent = std::move(recent);
    older = true;
  }
  const bool alone = doc.recent.nodes().size() == 1 && doc.recent.nodes().front().parent.empty();
  tree_bytes = alone ? std::string() : doc.recent.encode();
  return older;
}

void bucket_core::log_change(document& doc, const std::vector<revision>& changes, bool gone) {
  activity_entry entry;
  entry.sequence = ++state_.sequence;
  entry.id = doc.id;
  entry.changes = changes;
  entry.deleted = gone;
  entry.chain = state_.chain = next_chain(state_.chain, doc.id, changes);
  rows_.put(keys::activity(bucket_, entry.sequence), entry.encode());
}

/// Writes everything that belongs to a change of one document: its row, the bodies of losing
/// leaves, the mark of a conflict, the activity entry, counts and digest. Precondition:
/// `doc.recent` has the new revisions.
result<void> bucket_core::store_document(document& doc, const revision& made,
                                         std::string_view made_body,
                                         const std::vector<revision>& changes) {
  const auto before_tree = doc.there() ? doc.row.tree() : revision_tree{};
  if (!before_tree) return tl::unexpected(before_tree.error());
  const std::vector<revision> before = live_leaves(*before_tree);
  const std::vector<revision> after = live_leaves(doc.recent);
  const revision_tree::node winner = *doc.recent.winner();

  document_row row;
  std::string winner_body;
  if (winner.rev == made) {
    winner_body = made_body;
  } else if (!winner.deleted) {
    auto body = body_of(doc, winner.rev);
    if (!body) return tl::unexpected(body.error());
    winner_body = std::move(*body);
  }
  const hash128 digest_before = doc.there() ? document_digest(doc.id, *before_tree) : hash128{};

  std::string tree_bytes;
  auto older = store_tree(doc, tree_bytes);
  if (!older) return tl::unexpected(older.error());
  for (const revision& rev : before) {
    const bool had_row = rev != doc.row.winner;
    if (had_row && (rev == winner.rev || !contains(after, rev))) {
      remove(keys::losing_body(bucket_, doc.id, rev.text()));
    }
    if (!had_row && rev != winner.rev && contains(after, rev)) {
      put(keys::losing_body(bucket_, doc.id, rev.text()), std::string(doc.row.body));
    }
  }
  if (made != winner.rev && contains(after, made)) {
    put(keys::losing_body(bucket_, doc.id, made.text()), std::string(made_body));
  }

  row.winner = winner.rev;
  row.deleted = winner.deleted;
  row.conflicts = after.size() > 1;
  row.older = *older;
  row.tree_bytes = tree_bytes;
  row.foreign = winner.foreign;
  row.body = winner_body;
  log_change(doc, changes, winner.deleted);
  row.sequence = state_.sequence;

  if (row.conflicts && !doc.row.conflicts) put(keys::conflict(bucket_, doc.id), "");
  if (!row.conflicts && doc.row.conflicts) remove(keys::conflict(bucket_, doc.id));
  count(state_.conflicts, doc.row.conflicts, row.conflicts);
  count(state_.documents, doc.live(), !row.deleted);
  count(state_.deleted, doc.there() && doc.row.deleted, row.deleted);
  state_.digest = add(subtract(state_.digest, digest_before), document_digest(doc.id, doc.recent));
  put(keys::document(bucket_, doc.id), row.encode());
  return {};
}

// Writes
// ----------------------------------------------------------------------------------------------------------------

/// The answer to a write whose revision is no live leaf: fine where it is there already (a retry
/// after a lost answer), else a conflict.
result<write_outcome> bucket_core::check_retry(const document& doc, const write_op& op,
                                               const revision& made) const {
  if (!made.empty() && doc.there()) {
    auto tree = full_tree(doc);
    if (!tree) return tl::unexpected(tree.error());
    const revision_tree::node* node = tree->find(made);
    if (node != nullptr && node->parent == *op.rev) return done(op, made);
  }
  if (op.what == write_op::kind::remove && !doc.live()) {
    return refused(op, {ec::not_found, doc.there() ? "deleted" : "missing"});
  }
  return refused(op, {ec::conflict, "the revision is not a current one"}, doc.row.winner);
}

result<write_outcome> bucket_core::write_body(document& doc, const write_op& op) {
  revision parent = doc.row.winner;
  if (op.rev) {
    if (live_leaf(doc.recent, *op.rev) == nullptr) {
      // What a patch made cannot be told any more: the body that it was merged into is gone.
      const bool known =
          op.what != write_op::kind::patch && op.rev->number() < defaults::revision_number;
      return check_retry(doc, op, known ? make_revision(*op.rev, false, op.body) : revision{});
    }
    parent = *op.rev;
  }
  if (parent.number() >= defaults::revision_number) {
    return refused(op, {ec::bad_request, "the document has had all the edits that it can have"});
  }
  std::string body = op.body;
  if (op.what == write_op::kind::patch) {
    auto target = body_of(doc, parent);
    if (!target) return tl::unexpected(target.error());
    auto merged = merge_patch(*target, op.body, limits_);
    if (!merged) return refused(op, merged.error(), doc.row.winner);
    body = std::move(*merged);
  }
  const bool created = !doc.live();
  const revision made = make_revision(parent, false, body);
  doc.recent.add(made, parent, false);
  if (auto stored = store_document(doc, made, body, {made}); !stored) {
    return tl::unexpected(stored.error());
  }
  return done(op, made, created);
}

result<write_outcome> bucket_core::write_tombstones(document& doc, const write_op& op) {
  if (op.rev && live_leaf(doc.recent, *op.rev) == nullptr) {
    const bool known = op.rev->number() < defaults::revision_number;
    return check_retry(doc, op, known ? make_revision(*op.rev, true, "") : revision{});
  }
  if (!doc.live()) return refused(op, {ec::not_found, doc.there() ? "deleted" : "missing"});
  std::vector<revision> ended = op.rev ? std::vector<revision>{*op.rev} : live_leaves(doc.recent);
  std::vector<revision> changes;
  for (const revision& rev : ended) {
    if (rev.number() >= defaults::revision_number) {
      return refused(op, {ec::bad_request, "the document has had all the edits that it can have"});
    }
    changes.push_back(make_revision(rev, true, ""));
  }
  for (size_t i = 0; i < ended.size(); ++i) doc.recent.add(changes[i], ended[i], true);
  if (auto stored = store_document(doc, changes.front(), "", changes); !stored) {
    return tl::unexpected(stored.error());
  }
  return done(op, op.rev ? changes.front() : doc.recent.winner()->rev);
}

result<write_outcome> bucket_core::apply_op(const write_op& op) {
  auto loaded = load(op.id);
  if (!loaded) return tl::unexpected(loaded.error());
  document& doc = *loaded;
  if (op.when == write_op::only::if_missing && doc.live()) {
    return refused(op, {ec::precondition_failed, "the document is there already"}, doc.row.winner);
  }
  if (op.when == write_op::only::if_there && !doc.live()) {
    return refused(op, {ec::precondition_failed, "the document is not there"});
  }
  switch (op.what) {
  case write_op::kind::create:
    if (doc.live()) {
      return refused(op, {ec::conflict, "the document is there already"}, doc.row.winner);
    }
    return write_body(doc, op);
  case write_op::kind::patch:
    if (!doc.live()) {
      return refused(op, {ec::not_found, doc.there() ? "deleted" : "missing"});
    }
    return write_body(doc, op);
  case write_op::kind::put: return write_body(doc, op);
  case write_op::kind::remove: return write_tombstones(doc, op);
  }
  return fail(ec::internal, "a write of an unknown kind");
}

write_outcome bucket_core::apply_one(const write_op& op) {
  if (op.refused) return refused(op, *op.refused);
  auto outcome = apply_op(op);
  if (outcome) return std::move(*outcome);
  return refused(op, outcome.error());
}

std::vector<write_outcome> bucket_core::apply_all_or_none(const write_group& group) {
  std::vector<before_row> before;
  const bucket_state state_before = state_;
  row_batch rows_before = std::exchange(rows_, row_batch());
  before_ = &before;
  std::vector<write_outcome> outcomes;
  for (const write_op& op : group.ops) {
    outcomes.push_back(apply_one(op));
    if (!outcomes.back().ok()) break;
  }
  before_ = nullptr;
  if (outcomes.empty() || outcomes.back().ok()) {
    rows_before.append(rows_);
    rows_ = std::move(rows_before);
    return outcomes;
  }
  rows_ = std::move(rows_before);
  state_ = state_before;
  for (auto row = before.rbegin(); row != before.rend(); ++row) {
    if (row->row) {
      overlay_[row->key] = std::move(*row->row);
    } else {
      overlay_.erase(row->key);
    }
  }
  const size_t failed = outcomes.size() - 1;
  outcomes.resize(group.ops.size());
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (i == failed) continue;
    outcomes[i] =
        refused(group.ops[i], {ec::not_applied, "another document of the group was refused"});
  }
  return outcomes;
}

std::vector<write_outcome> bucket_core::apply(const write_group& group) {
  if (group.atomic) return apply_all_or_none(group);
  std::vector<write_outcome> outcomes;
  outcomes.reserve(group.ops.size());
  for (const write_op& op : group.ops) outcomes.push_back(apply_one(op));
  return outcomes;
}

} // namespace treadmill
