#include "storage/documents/body_format.hpp"
#include "storage/documents/features.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/engine/bucket_core_impl.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

/// The number of non-leaf nodes that stay in the document's row when the rest moves to the row of
/// older ancestry. So all nodes there are older than the newest kept_recent non-leaf nodes here.
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

void count(uint64_t& number, bool before, bool after) {
  if (after && !before) ++number;
  if (before && !after) --number;
}

/// The oldest of the newest `kept_recent` non-leaf nodes; nullptr: there are fewer.
const revision_tree::node* oldest_kept(const revision_tree& tree) {
  size_t count = 0;
  for (const revision_tree::node& node : tree.nodes()) {
    if (!node.leaf && ++count == kept_recent) return &node;
  }
  return nullptr;
}

/// True if these nodes can be added to the recent part of a tree without the row of older ancestry.
/// All nodes there are older than oldest_kept, so none of them is a newer node or names a newer
/// node as its parent. The row is needed if a node could be forgotten here (nodes there would lose
/// their children), or if a known node gets another parent.
bool only_recent(const revision_tree& recent, const revision_tree& added) {
  const revision_tree::node* kept = oldest_kept(recent);
  if (kept == nullptr) return false;
  const auto nodes = recent.nodes();
  const auto oldest =
      std::find_if(nodes.rbegin(), nodes.rend(), [](const auto& n) { return !n.leaf; });
  const uint32_t newest = std::max(nodes.front().rev.number(), added.nodes().front().rev.number());
  const auto stays = [&](const revision& rev) {
    return newest - rev.number() < defaults::revision_depth;
  };
  if (!stays(oldest->rev)) return false;
  return std::all_of(added.nodes().begin(), added.nodes().end(), [&](const auto& node) {
    if (const revision_tree::node* known = recent.find(node.rev)) {
      return node.parent.empty() || node.parent == known->parent;
    }
    return node.rev > kept->rev && (node.parent.empty() || stays(node.parent));
  });
}

error too_many_edits() {
  return {ec::bad_request, "the document has reached the maximum number of edits"};
}

} // namespace

bucket_core::bucket_core(uint32_t bucket, bucket_state state, row_reader read, bucket_limits limits)
    : bucket_(bucket), state_(state), read_(std::move(read)), limits_(limits) {}

// Rows
// -------------------------------------------------------------------------------------------------

result<std::optional<std::string>> bucket_core::read(std::string_view key) const {
  if (const auto found = overlay_.find(key); found != overlay_.end()) return found->second.value;
  return read_(key);
}

void bucket_core::change_overlay(std::string key, std::optional<std::string> value) {
  const auto [place, fresh] = overlay_.try_emplace(std::move(key));
  overlay_item* item = &*place;
  overlay_row row{std::move(value), batch_};
  if (fresh || item->second.batch != batch_) items_.push_back(item);
  std::swap(item->second, row);
  if (!group_) return;
  group_->changed.push_back(
      {item, fresh ? std::nullopt : std::optional<overlay_row>(std::move(row))});
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
  taken_.push_back({batch_, std::move(items_)});
  items_.clear();
  batch taken{batch_++, state_.sequence, std::exchange(queries_, false),
              std::exchange(unlogged_, false), std::move(rows_)};
  rows_ = row_batch();
  return taken;
}

void bucket_core::committed(uint64_t batch_number) {
  for (; !taken_.empty() && taken_.front().batch <= batch_number; taken_.pop_front()) {
    for (const overlay_item* item : taken_.front().items) {
      if (item->second.batch != taken_.front().batch) continue; // a later batch changed it again
      overlay_.erase(overlay_.find(item->first));
    }
  }
}

// Documents
// -------------------------------------------------------------------------------------------------

bucket_core::document bucket_core::absent(std::string_view id) const {
  document doc;
  doc.id = id;
  doc.key = keys::document(bucket_, id);
  return doc;
}

result<bucket_core::document> bucket_core::load(std::string_view id) const {
  document doc = absent(id);
  auto bytes = read(doc.key);
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return doc;
  doc.bytes = std::make_unique<const std::string>(std::move(**bytes));
  auto row = document_row::decode(*doc.bytes);
  if (!row) return tl::unexpected(row.error());
  doc.row = *row;
  auto tree = row->tree();
  if (!tree) return tl::unexpected(tree.error());
  doc.recent = std::move(*tree);
  const revision_tree::node* winner = doc.recent.winner();
  if (winner == nullptr || winner->rev != doc.row.winner || winner->deleted != doc.row.deleted) {
    return fail(ec::corrupt, "a stored document contradicts its revision tree");
  }
  return doc;
}

result<revision_tree> bucket_core::full_tree(const document& doc) const {
  if (!doc.row.older || doc.whole) return doc.recent;
  auto bytes = read(keys::older_ancestry(bucket_, doc.id));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return fail(ec::corrupt, "a document has lost its older ancestry");
  return whole_tree(doc.recent, **bytes);
}

result<std::string> bucket_core::body_of(const document& doc, const revision& rev) const {
  if (rev == doc.row.winner) return std::string(doc.row.body);
  auto body = read(keys::losing_body(bucket_, doc.id, rev.text()));
  if (!body) return tl::unexpected(body.error());
  if (!*body) return fail(ec::corrupt, "a losing leaf has lost its body");
  return std::move(**body);
}

/// Makes `doc.recent` the whole tree if adding the nodes needs the older ancestry.
result<void> bucket_core::take_in_older(document& doc, const revision_tree& added) const {
  if (!doc.row.older || only_recent(doc.recent, added)) return {};
  auto tree = full_tree(doc);
  if (!tree) return tl::unexpected(tree.error());
  doc.recent = std::move(*tree);
  doc.whole = true;
  return {};
}

/// Moves the old nodes of a grown tree to a separate row, so that the document's row stays small
/// even with a long history. Returns whether there is older ancestry.
result<bool> bucket_core::store_tree(document& doc, size_t most_nodes) {
  if (doc.recent.nodes().size() <= defaults::recent_ancestry + doc.recent.leaf_count()) {
    // Keep the row, without nodes: a reader may have just read that it exists.
    if (doc.whole) put(keys::older_ancestry(bucket_, doc.id), "");
    return doc.row.older;
  }
  auto tree = full_tree(doc);
  if (!tree) return tl::unexpected(tree.error());
  if (tree->nodes().size() > most_nodes)
    return fail(ec::too_large, "the document's revision tree would have more than " +
                                   std::to_string(most_nodes) + " nodes");
  const revision last = oldest_kept(*tree)->rev;
  const auto is_kept = [&](const auto& node) { return node.leaf || node.rev >= last; };
  put(keys::older_ancestry(bucket_, doc.id), tree->part(std::not_fn(is_kept)).encode());
  doc.recent = tree->part(is_kept);
  return true;
}

void bucket_core::log_change(const document& doc, const document_change& change, bool gone) {
  entry_.id = doc.id;
  entry_.deleted = gone;
  entry_.from_peer = change.from_peer;
  for (auto rest = change.logged; !rest.empty();) {
    const auto logged = rest.first(std::min(rest.size(), defaults::entry_changes));
    rest = rest.subspan(logged.size());
    entry_.sequence = ++state_.sequence;
    entry_.changes.assign(logged.begin(), logged.end());
    entry_.chain = state_.chain = next_chain(state_.chain, doc.id, logged);
    rows_.put(keys::activity(bucket_, entry_.sequence), entry_.encode());
    if (!rest.empty()) rows_.put(keys::superseded(bucket_, entry_.sequence), "");
  }
}

/// If the document becomes a query, checks that the bucket may have one more.
result<void> bucket_core::check_queries(const document& doc, bool live) const {
  if (!live || doc.live() || !is_query_document(doc.id)) return {};
  if (state_.queries < limits_.queries) return {};
  return fail(ec::too_large,
              "the bucket has its " + std::to_string(limits_.queries) + " queries already");
}

/// The state is written with every batch, so the features are in the batch of these bodies.
void bucket_core::note_features(std::span<const new_leaf> made) {
  constexpr uint64_t of_bodies = feature::long_integers | feature::own_members;
  for (const new_leaf& leaf : made) {
    if ((state_.features & of_bodies) != of_bodies) state_.features |= features_of(leaf.body);
  }
}

/// The document's row holds the winner's body; every other live leaf has a separate row for its
/// body.
void bucket_core::store_losing_bodies(const document& doc, const revision& winner,
                                      std::span<const new_leaf> made) {
  for (const revision& rev : doc.live_before) {
    const bool had_row = rev != doc.row.winner;
    const bool has_row = rev != winner && live_leaf(doc.recent, rev) != nullptr;
    if (had_row && !has_row) remove(keys::losing_body(bucket_, doc.id, rev.text()));
    if (!had_row && has_row) {
      put(keys::losing_body(bucket_, doc.id, rev.text()), std::string(doc.row.body));
    }
  }
  for (const new_leaf& leaf : made) {
    if (leaf.rev == winner || live_leaf(doc.recent, leaf.rev) == nullptr) continue;
    put(keys::losing_body(bucket_, doc.id, leaf.rev.text()), std::string(leaf.body));
  }
}

/// The change of the digest's part for leaves made elsewhere. It reads only leaves that are added,
/// removed or changed.
result<hash128> bucket_core::changed_claims(const document& doc,
                                            const document_change& change) const {
  using nodes = std::vector<revision_tree::node>;
  const nodes after = leaves_elsewhere(doc.recent);
  const auto stays = [&](const revision_tree::node& leaf, const nodes& others) {
    const auto at = std::lower_bound(others.begin(), others.end(), leaf,
                                     [](const auto& a, const auto& b) { return a.rev > b.rev; });
    return at != others.end() && *at == leaf && change.find(leaf.rev) == nullptr;
  };
  hash128 sum{};
  for (const revision_tree::node& leaf : doc.elsewhere_before) {
    if (stays(leaf, after)) continue;
    auto body = leaf.deleted ? result<std::string>(std::string()) : body_of(doc, leaf.rev);
    if (!body) return tl::unexpected(body.error());
    sum = subtract(sum, claim_digest(doc.id, leaf, *body));
  }
  for (const revision_tree::node& leaf : after) {
    if (stays(leaf, doc.elsewhere_before)) continue;
    const new_leaf* made = leaf.deleted ? nullptr : change.find(leaf.rev);
    auto body = leaf.deleted || made != nullptr ? result<std::string>(std::string())
                                                : body_of(doc, leaf.rev);
    if (!body) return tl::unexpected(body.error());
    sum = add(sum, claim_digest(doc.id, leaf, made != nullptr ? made->body : *body));
  }
  return sum;
}

/// Writes all parts of a change of one document: its row, the bodies of losing leaves, the conflict
/// mark, the activity entry and the mark of the superseded one, counts and digest. Precondition:
/// the caller called `doc.note_before` and then added the new revisions to `doc.recent`. All steps
/// that can fail come before the first change.
result<void> bucket_core::store_document(document& doc, const document_change& change) {
  const revision_tree::node winner = *doc.recent.winner();
  if (auto room = check_queries(doc, !winner.deleted); !room) return room;
  const new_leaf* made = change.find(winner.rev);
  std::string kept_body;
  if (made == nullptr && !winner.deleted) {
    auto body = body_of(doc, winner.rev);
    if (!body) return tl::unexpected(body.error());
    kept_body = std::move(*body);
  }
  auto superseded = superseded_bodies(doc);
  if (!superseded) return tl::unexpected(superseded.error());
  const auto claims = changed_claims(doc, change);
  if (!claims) return tl::unexpected(claims.error());
  const hash128 digest_after = add(document_digest(doc.id, doc.recent), *claims);
  auto older = store_tree(doc, change.nodes);
  if (!older) return tl::unexpected(older.error());

  note_features(change.made);
  for (const auto& [rev, body] : *superseded)
    rows_.put(keys::superseded_body(bucket_, doc.id, rev.text()), body);
  store_losing_bodies(doc, winner.rev, change.made);
  if (doc.there()) rows_.put(keys::superseded(bucket_, doc.row.sequence), "");
  log_change(doc, change, winner.deleted);
  const bool alone = doc.recent.nodes().size() == 1 && winner.parent.empty();
  const std::string tree_bytes = alone ? std::string() : doc.recent.encode();
  document_row row;
  row.winner = winner.rev;
  row.deleted = winner.deleted;
  row.conflicts = doc.recent.live_leaves() > 1;
  row.older = *older;
  row.sequence = state_.sequence;
  row.tree_bytes = tree_bytes;
  row.foreign = winner.foreign;
  row.body = made != nullptr ? made->body : kept_body;

  if (row.conflicts && !doc.row.conflicts) put(keys::conflict(bucket_, doc.id), "");
  if (!row.conflicts && doc.row.conflicts) remove(keys::conflict(bucket_, doc.id));
  count(state_.conflicts, doc.row.conflicts, row.conflicts);
  if (is_query_document(doc.id)) {
    queries_ = true;
    count(state_.queries, doc.live(), !row.deleted);
  } else {
    count(state_.documents, doc.live(), !row.deleted);
    count(state_.deleted, doc.there() && doc.row.deleted, row.deleted);
  }
  state_.digest = add(subtract(state_.digest, doc.digest_before), digest_after);
  put(std::move(doc.key), row.encode());
  return {};
}

// Writes
// -------------------------------------------------------------------------------------------------

/// The answer to a write whose revision is not a live leaf: success if the edit exists already (a
/// retry after a lost answer), else a conflict.
result<write_outcome> bucket_core::check_retry(const document& doc, const write_op& op,
                                               const revision& made) const {
  if (!made.empty() && doc.there()) {
    auto tree = full_tree(doc);
    if (!tree) return tl::unexpected(tree.error());
    const revision_tree::node* node = tree->find(made);
    // A revision that was made elsewhere can have this edit's name without being this edit.
    if (node != nullptr && !node->elsewhere() && node->parent == *op.rev) return done(op, made);
  }
  if (op.what == write_op::kind::remove && !doc.live()) {
    return refused(op, {ec::not_found, doc.there() ? "deleted" : "missing"});
  }
  return refused(op, {ec::conflict, "the revision is not a current one"}, doc.row.winner);
}

/// Adds a client's edits to the document's tree, and answers the revisions to log. If a revision is
/// known already, it was merged as made elsewhere under the edit's name, and the edit's claim wins.
result<std::vector<revision>> bucket_core::add_edits(document& doc, const revision_tree& added,
                                                     std::vector<revision> made) const {
  doc.note_before();
  if (auto taken = take_in_older(doc, added); !taken) return tl::unexpected(taken.error());
  const bool claimed = std::any_of(made.begin(), made.end(), [&](const revision& rev) {
    return doc.recent.find(rev) != nullptr;
  });
  if (!claimed) {
    doc.recent.merge(added);
    return made;
  }
  const revision_tree before = doc.recent;
  doc.recent.merge(added);
  std::vector<revision> logged = news_of(before, doc.recent, {});
  for (const revision& rev : made) { // including edits that another claim already superseded
    if (std::find(logged.begin(), logged.end(), rev) == logged.end()) logged.push_back(rev);
  }
  std::sort(logged.begin(), logged.end(), std::greater<>());
  return logged;
}

result<write_outcome> bucket_core::write_body(document& doc, const write_op& op) {
  revision parent = doc.row.winner;
  if (op.rev) {
    if (live_leaf(doc.recent, *op.rev) == nullptr) {
      // The result of a retried patch cannot be recomputed: the body that it was merged into is
      // gone.
      const bool known =
          op.what != write_op::kind::patch && op.rev->number() < defaults::revision_number;
      return check_retry(doc, op, known ? make_revision(*op.rev, false, op.body) : revision{});
    }
    parent = *op.rev;
  }
  if (parent.number() >= defaults::revision_number) return refused(op, too_many_edits());
  std::string_view body = op.body;
  std::string merged;
  if (op.what == write_op::kind::patch) {
    auto target = body_of(doc, parent);
    if (!target) return tl::unexpected(target.error());
    auto patched = merge_patch(*target, op.body, limits_.json);
    if (!patched) return refused(op, patched.error(), doc.row.winner);
    merged = std::move(*patched);
    body = merged;
  }
  const revision made = make_revision(parent, false, body);
  revision_tree added;
  added.add(made, parent, false);
  const auto changes = add_edits(doc, added, {made});
  if (!changes) return tl::unexpected(changes.error());
  const new_leaf leaf{made, body};
  const document_change change{{&leaf, 1}, *changes, false, imported_tree.nodes};
  if (auto stored = store_document(doc, change); !stored) return tl::unexpected(stored.error());
  return done(op, made, !doc.live());
}

result<write_outcome> bucket_core::write_tombstones(document& doc, const write_op& op) {
  if (op.rev && live_leaf(doc.recent, *op.rev) == nullptr) {
    const bool known = op.rev->number() < defaults::revision_number;
    return check_retry(doc, op, known ? make_revision(*op.rev, true, "") : revision{});
  }
  if (!doc.live()) return refused(op, {ec::not_found, doc.there() ? "deleted" : "missing"});
  const std::vector<revision> ended =
      op.rev ? std::vector<revision>{*op.rev} : live_leaves(doc.recent);
  std::vector<revision> changes;
  std::vector<revision_tree::node> tombstones;
  for (const revision& rev : ended) {
    if (rev.number() >= defaults::revision_number) return refused(op, too_many_edits());
    changes.push_back(make_revision(rev, true, ""));
    revision_tree::node& made = tombstones.emplace_back();
    made.rev = changes.back();
    made.parent = rev;
    made.deleted = true;
  }
  const revision_tree added = revision_tree::of(std::move(tombstones));
  const auto logged = add_edits(doc, added, changes);
  if (!logged) return tl::unexpected(logged.error());
  const document_change change{{}, *logged, false, defaults::merged_nodes};
  if (auto stored = store_document(doc, change); !stored) return tl::unexpected(stored.error());
  // Not the winner: that may be a tombstone of an earlier deletion.
  return done(op, *std::max_element(changes.begin(), changes.end()));
}

result<write_outcome> bucket_core::write_edit(document& doc, const write_op& op) {
  revision parent = doc.row.winner;
  if (op.rev) {
    const revision_tree::node* leaf = doc.recent.find(*op.rev); // has all leaves
    if (leaf == nullptr || !leaf->leaf)
      return refused(op, {ec::conflict, "the revision is not a current one"}, doc.row.winner);
    parent = *op.rev;
  } else if (doc.live()) {
    return refused(op, {ec::conflict, "the document is there already"}, doc.row.winner);
  }
  if (parent.number() >= defaults::revision_number) return refused(op, too_many_edits());
  const revision made = make_revision(parent, op.deleted, op.body);
  revision_tree added;
  added.add(made, parent, op.deleted);
  const auto changes = add_edits(doc, added, {made});
  if (!changes) return tl::unexpected(changes.error());
  const new_leaf leaf{made, op.body};
  document_change change{{}, *changes, false, imported_tree.nodes};
  if (!op.deleted) change.made = {&leaf, 1};
  if (auto stored = store_document(doc, change); !stored) return tl::unexpected(stored.error());
  return done(op, made, !doc.live());
}

/// Answers the best leaf of the grafted tree.
result<write_outcome> bucket_core::write_graft(const write_op& op) {
  const auto logged = merge_from(*op.grafted, imported_tree, false);
  if (!logged) return tl::unexpected(logged.error());
  return done(op, op.grafted->tree.winner()->rev);
}

result<write_outcome> bucket_core::apply_op(const write_op& op) {
  if (op.what == write_op::kind::graft) return write_graft(op);
  if (op.what == write_op::kind::local) return write_local(op);
  if (op.what == write_op::kind::keep_superseded) return keep_superseded(op);
  auto loaded = op.made_here ? absent(op.id) : load(op.id);
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
  case write_op::kind::edit: return write_edit(doc, op);
  case write_op::kind::graft:
  case write_op::kind::local:
  case write_op::kind::keep_superseded: break; // above
  }
  return fail(ec::internal, "a write of an unknown kind");
}

write_outcome bucket_core::apply(const write_op& op) {
  if (op.refused) return refused(op, *op.refused);
  auto outcome = apply_op(op);
  if (outcome) return std::move(*outcome);
  return refused(op, outcome.error());
}

std::vector<write_outcome> bucket_core::apply(const write_group& group) {
  if (group.atomic) return apply_all_or_none(group);
  std::vector<write_outcome> outcomes;
  outcomes.reserve(group.ops.size());
  for (const write_op& op : group.ops) outcomes.push_back(apply(op));
  return outcomes;
}

} // namespace treadmill
