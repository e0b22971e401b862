#include "storage/engine/bucket_core_impl.hpp"
#include "storage/engine/keys.hpp"
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

/// Merges of documents from peers and imports.
namespace treadmill {

namespace {

bool newer(const revision& a, const revision& b) { return a > b; }

bool may_be_own(const revision_tree::node& node) {
  return node.leaf && node.foreign && node.rev.is_native();
}

/// A revision is Treadmill's own if its hash matches its content, even if it is marked as foreign.
/// This function removes such marks; nullopt: no mark is wrong.
std::optional<revision_tree> without_false_marks(const replicated_document& incoming) {
  const auto sent = incoming.tree.nodes();
  if (std::none_of(sent.begin(), sent.end(), may_be_own)) return std::nullopt;
  const auto bodies = bodies_by_revision(incoming);
  std::vector<revision_tree::node> nodes(sent.begin(), sent.end());
  bool found = false;
  for (revision_tree::node& node : nodes) {
    if (!may_be_own(node)) continue;
    const auto body = bodies.find(node.rev);
    if (!node.deleted && body == bodies.end()) continue;
    const std::string_view text = node.deleted ? std::string_view() : body->second;
    node.foreign = make_revision(node.parent, node.deleted, text) != node.rev;
    found = found || !node.foreign;
  }
  return found ? std::optional(revision_tree::of(std::move(nodes))) : std::nullopt;
}

bool told_otherwise(const revision_tree::node& before, const revision_tree::node& after) {
  return before.parent != after.parent || before.foreign != after.foreign ||
         (before.leaf && after.leaf && before.deleted != after.deleted);
}

} // namespace

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

std::vector<revision_tree::node> leaves_elsewhere(const revision_tree& tree) {
  std::vector<revision_tree::node> found;
  for (const revision_tree::node& node : tree.nodes()) {
    if (node.leaf && node.elsewhere()) found.push_back(node);
  }
  return found;
}

std::vector<revision> news_of(const revision_tree& before, const revision_tree& after,
                              std::span<const revision> rewritten) {
  std::vector<revision> news;
  std::vector<revision> others;
  for (const revision_tree::node& node : after.nodes()) {
    const revision_tree::node* known = before.find(node.rev);
    if (known == nullptr) {
      (node.leaf ? news : others).push_back(node.rev);
    } else if (told_otherwise(*known, node) ||
               std::binary_search(rewritten.begin(), rewritten.end(), node.rev, newer)) {
      news.push_back(node.rev);
    }
  }
  if (news.empty()) news = std::move(others);
  // Ancestry that is too old to be kept can end a conflict: then the change has no new revision to
  // log.
  if (news.empty()) news.push_back(after.winner()->rev);
  return news;
}

const bucket_core::new_leaf* bucket_core::document_change::find(const revision& rev) const {
  const auto at =
      std::lower_bound(made.begin(), made.end(), rev,
                       [](const new_leaf& leaf, const revision& r) { return leaf.rev > r; });
  return at != made.end() && at->rev == rev ? &*at : nullptr;
}

/// Whether a live leaf takes the received body, if any. `known`: the leaf's node here before, if it
/// was a live leaf.
result<bool> bucket_core::takes_body(const document& doc, const revision_tree::node* known,
                                     const revision_tree::node* sent,
                                     const std::string_view* body) const {
  const auto missing = [] { return fail(ec::bad_rev, "a live leaf came without its body"); };
  if (known == nullptr) return body != nullptr ? result<bool>(true) : missing();
  if (sent == nullptr) return false;
  if (!known->elsewhere()) {
    // Without a body nothing proves the sent claim; the stored claim was proven when it arrived.
    if (!sent->elsewhere() && sent->parent != known->parent)
      return fail(ec::bad_rev, "a revision has another parent than its hash says");
    return false;
  }
  if (body == nullptr && sent->elsewhere()) return false;
  if (body != nullptr && !sent->elsewhere()) return true;
  auto stored = body_of(doc, known->rev);
  if (!stored) return tl::unexpected(stored.error());
  if (sent->elsewhere()) return *body > *stored;
  return make_revision(sent->parent, false, *stored) == known->rev ? result<bool>(false)
                                                                   : missing();
}

/// The received bodies that live leaves of `doc.recent` take, newest first. Views into `incoming`.
result<std::vector<bucket_core::new_leaf>>
bucket_core::new_bodies(const document& doc, const revision_tree& before, const revision_tree& sent,
                        const replicated_document& incoming) const {
  const auto bodies = bodies_by_revision(incoming);
  std::vector<new_leaf> made;
  for (const revision_tree::node& leaf : doc.recent.nodes()) {
    if (!leaf.leaf || leaf.deleted) continue;
    const auto body = bodies.find(leaf.rev);
    const std::string_view* came = body == bodies.end() ? nullptr : &body->second;
    auto taken = takes_body(doc, live_leaf(before, leaf.rev), sent.find(leaf.rev), came);
    if (!taken) return tl::unexpected(taken.error());
    if (*taken) made.push_back({leaf.rev, *came});
  }
  return made;
}

/// Two claims can combine into one whose hash matches: the parent of one and the body of the other.
/// The leaf is then Treadmill's own.
result<void> bucket_core::own_what_computes(document& doc, const revision_tree& before,
                                            const document_change& change) const {
  for (const revision_tree::node& leaf : leaves_elsewhere(doc.recent)) {
    if (!leaf.rev.is_native()) continue;
    const new_leaf* made = leaf.deleted ? nullptr : change.find(leaf.rev);
    const revision_tree::node* known = before.find(leaf.rev);
    if (made == nullptr && known != nullptr && *known == leaf) continue;
    auto body = leaf.deleted || made != nullptr ? result<std::string>(std::string())
                                                : body_of(doc, leaf.rev);
    if (!body) return tl::unexpected(body.error());
    if (make_revision(leaf.parent, leaf.deleted, made != nullptr ? made->body : *body) != leaf.rev)
      continue;
    revision_tree own;
    own.add(leaf.rev, leaf.parent, leaf.deleted);
    doc.recent.merge(own);
  }
  return {};
}

result<std::vector<revision>> bucket_core::merge_from(const replicated_document& incoming,
                                                      const tree_limits& limits, bool from_peer) {
  auto loaded = load(incoming.id);
  if (!loaded) return tl::unexpected(loaded.error());
  document& doc = *loaded;
  const auto marked = without_false_marks(incoming);
  const revision_tree& sent = marked ? *marked : incoming.tree;
  if (auto taken = take_in_older(doc, sent); !taken) return tl::unexpected(taken.error());
  revision_tree after = doc.recent;
  const bool grew = after.merge(sent);
  if (!grew && incoming.bodies.empty()) return std::vector<revision>{};
  if (const size_t leaves = after.leaf_count();
      leaves > limits.leaves && leaves > doc.recent.leaf_count())
    return fail(ec::too_large,
                "the document would have more than " + std::to_string(limits.leaves) + " leaves");
  doc.note_before();
  const revision_tree before = std::exchange(doc.recent, std::move(after));
  auto made = new_bodies(doc, before, sent, incoming);
  if (!made) return tl::unexpected(made.error());
  if (!grew && made->empty()) return std::vector<revision>{};
  if (auto owned = own_what_computes(doc, before, {*made, {}, from_peer}); !owned)
    return tl::unexpected(owned.error());
  std::vector<revision> rewritten;
  for (const new_leaf& leaf : *made) rewritten.push_back(leaf.rev);
  std::vector<revision> logged = news_of(before, doc.recent, rewritten);
  if (auto stored = store_document(doc, {*made, logged, from_peer, limits.nodes}); !stored)
    return tl::unexpected(stored.error());
  return logged;
}

bool bucket_core::continue_run(const std::string& peer, uint64_t run, bool first) {
  if (first) runs_[peer] = run;
  const auto known = runs_.find(peer);
  return known != runs_.end() && known->second == run;
}

void bucket_core::note_checkpoint(std::string_view peer, const checkpoint& reached) {
  rows_.put(keys::checkpoint(bucket_, peer), reached.encode());
}

} // namespace treadmill
