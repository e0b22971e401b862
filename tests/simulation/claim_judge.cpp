#include "tests/simulation/claim_judge.hpp"
#include <algorithm>

namespace treadmill::simulation {

namespace {

std::optional<std::string> content_of(const document_facts& document, const tree_node& leaf) {
  const auto body = document.bodies.find(leaf.rev);
  return body == document.bodies.end() ? std::nullopt : std::optional(body->second);
}

} // namespace

/// Whether it is the tombstone of a claim about one of the others.
bool claim_judge::is_displaced(const tree_node& node) const {
  return std::any_of(document_.nodes.begin(), document_.nodes.end(), [&](const tree_node& child) {
    return displaced(child.rev, node.parent) == node.rev;
  });
}

/// Nothing is there that nobody told, and every own leaf is what its hash says.
std::string claim_judge::judge_node(const tree_node& node) const {
  const auto found = claims_.find(node.rev);
  const bool made_up = is_displaced(node);
  if (told_.find(key_, node.rev) == nullptr && found == claims_.end() && !made_up)
    return "was never told";
  if (!node.elsewhere()) {
    if (!node.leaf) return {};
    const auto body = content_of(document_, node);
    const bool right = rev_of_edit(node.parent, node.deleted, body.value_or("")) == node.rev;
    return right && node.deleted == !body ? std::string() : "is not what its hash says";
  }
  if (made_up && (node.deleted || !node.leaf)) return {};
  if (found == claims_.end()) return made_up ? "has something that nobody told" : "is not marked";
  const auto& all = found->second;
  const bool parent = made_up || node.parent.first == 0 ||
                      std::any_of(all.begin(), all.end(),
                                  [&](const auto& one) { return one->parent == node.parent; });
  if (!parent) return "has a parent that nobody told";
  const bool content = !node.leaf || std::any_of(all.begin(), all.end(), [&](const auto& one) {
    return one->leaf && one->body == content_of(document_, node);
  });
  return content ? std::string() : "has something that nobody told";
}

/// What was acknowledged is there, or has lost against what is. What was told of ancestors need not
/// be known where the leaf was known before.
std::string claim_judge::judge_claim(const rev_id& rev, const told_claim& claim) const {
  const tree_node* node = document_.find(rev);
  if (node == nullptr) return is_somewhere_(rev) ? std::string() : "is lost";
  const tree_node* parent = document_.find(claim.parent);
  if (parent != nullptr && parent->leaf) return "does not supersede the parent that it was told of";
  if (!node->leaf) return {};
  if (claim.own) return node->elsewhere() ? "is Treadmill's own, and is not" : std::string();
  if (!node->elsewhere()) return {};
  if (node->parent < claim.parent) return "has a parent that should not hold";
  if (content_of(document_, *node) < claim.body) return "has a body that should not hold";
  return {};
}

/// No edit of a client is under its name what somebody else made up.
std::string claim_judge::judge_edits() const {
  const auto found = told_.documents().find(key_);
  if (found == told_.documents().end()) return {};
  for (const auto& [rev, known] : found->second) {
    if (!known.acknowledged || known.text == nullptr || known.what != edit::kind::body) continue;
    const tree_node* node = document_.find(rev);
    if (node != nullptr && node->leaf && node->elsewhere())
      return to_text(rev) + " is not the client's edit";
  }
  return {};
}

std::string claim_judge::judge(bool unsynced) const {
  for (const tree_node& node : document_.nodes) {
    if (const std::string wrong = judge_node(node); !wrong.empty())
      return key_.second + " " + to_text(node.rev) + " " + wrong;
  }
  if (unsynced || told_.lossy()) return {};
  for (const auto& [rev, all] : claims_) {
    for (const auto& claim : all) {
      const std::string wrong = claim->acknowledged ? judge_claim(rev, *claim) : std::string();
      if (!wrong.empty()) return key_.second + " " + to_text(rev) + " " + wrong;
    }
  }
  const std::string wrong = judge_edits();
  return wrong.empty() ? wrong : key_.second + " " + wrong;
}

} // namespace treadmill::simulation
