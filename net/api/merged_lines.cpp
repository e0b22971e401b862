#include "net/api/merged_lines.hpp"
#include "storage/base/text_lines.hpp"
#include "storage/documents/document_line.hpp"
#include <algorithm>
#include <utility>

namespace treadmill::api {

namespace {

/// Duplicates are removed when the nodes exceed twice their last number by more than this.
constexpr size_t few_nodes = 1024;

result<void> check_nodes(const revision_tree& tree, const tree_limits& limits) {
  if (tree.nodes().size() <= limits.nodes) return {};
  return fail(ec::too_large,
              "a document has at most " + std::to_string(limits.nodes) + " revisions");
}

result<void> check_tree(const revision_tree& tree, const tree_limits& limits) {
  if (tree.leaf_count() > limits.leaves)
    return fail(ec::too_large,
                "a document has at most " + std::to_string(limits.leaves) + " leaves");
  return check_nodes(tree, limits);
}

} // namespace

result<void> merged_lines::add(size_t number, std::string_view line) {
  const auto named = [number](const error& fault) {
    return tl::unexpected(in_line(number, fault));
  };
  if (lines_ == limits_.items)
    return fail(ec::too_large, "there are more documents than the limit");
  ++lines_;
  auto document = parse_document_line(line, limits_);
  if (!document) return named(document.error());
  if (auto right = check_replicated(*document, limits_); !right) return named(right.error());
  const auto [place, fresh] = by_id_.try_emplace(document->id, documents_.size());
  if (fresh) {
    if (auto fits = check_tree(document->tree, trees_); !fits) return named(fits.error());
    gathered& made = documents_.emplace_back();
    made.document = std::move(*document);
    made.line = number;
    return {};
  }
  if (auto united = unite(documents_[place->second], std::move(*document)); !united)
    return named(united.error());
  return {};
}

result<void> merged_lines::unite(gathered& all, replicated_document&& more) {
  std::vector<leaf_body>& bodies = all.document.bodies;
  if (all.nodes.empty()) {
    const auto first = all.document.tree.nodes();
    all.nodes.assign(first.begin(), first.end());
    all.united = all.nodes.size();
    for (size_t i = 0; i < bodies.size(); ++i) all.bodies.emplace(bodies[i].rev, i);
  }
  for (leaf_body& body : more.bodies) {
    const auto [known, fresh] = all.bodies.try_emplace(body.rev, bodies.size());
    if (fresh) {
      bodies.push_back(std::move(body));
    } else if (bodies[known->second].body != body.body) {
      return fail(ec::bad_rev, "a revision has two bodies");
    }
  }
  const auto added = more.tree.nodes();
  all.nodes.insert(all.nodes.end(), added.begin(), added.end());
  return all.nodes.size() > 2 * all.united + few_nodes ? shrink(all) : result<void>();
}

/// Combines the nodes of each revision into one.
result<void> merged_lines::shrink(gathered& all) const {
  all.document.tree = revision_tree::of(std::exchange(all.nodes, {}));
  if (auto fits = check_nodes(all.document.tree, trees_); !fits) return fits;
  const auto nodes = all.document.tree.nodes();
  all.nodes.assign(nodes.begin(), nodes.end());
  all.united = nodes.size();
  return {};
}

/// Checks the combined document, because lines that are valid alone may be invalid together: a hash
/// that one line marks as made elsewhere is checked if another line does not mark it.
result<void> merged_lines::complete(gathered& all) const {
  if (all.nodes.empty()) return {};
  revision_tree& tree = all.document.tree;
  tree = revision_tree::of(std::exchange(all.nodes, {}));
  if (auto fits = check_tree(tree, trees_); !fits) return fits;
  std::erase_if(all.document.bodies, [&](const leaf_body& body) {
    const revision_tree::node* leaf = tree.find(body.rev);
    return leaf == nullptr || !leaf->leaf;
  });
  return check_replicated(all.document, limits_);
}

result<std::vector<replicated_document>> merged_lines::take() {
  std::vector<replicated_document> all;
  all.reserve(documents_.size());
  for (gathered& one : documents_) {
    if (auto right = complete(one); !right) return tl::unexpected(in_line(one.line, right.error()));
    all.push_back(std::move(one.document));
  }
  documents_.clear();
  by_id_.clear();
  return all;
}

} // namespace treadmill::api
