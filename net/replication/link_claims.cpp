#include "net/replication/link_claims.hpp"
#include "net/replication/replication_defaults.hpp"
#include <algorithm>

namespace treadmill::replication {

result<std::optional<local_document>> read_local(const row_view& rows, uint32_t bucket,
                                                 const std::string& id) {
  auto found = read_document(rows, bucket, id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return std::optional<local_document>();
  auto tree = read_tree(rows, bucket, id, (*found)->row);
  if (!tree) return tl::unexpected(tree.error());
  return std::optional<local_document>({std::move(**found), std::move(*tree)});
}

result<std::optional<hash128>> claim_of_leaf(const row_view& rows, uint32_t bucket,
                                             const std::string& id, const document_row& row,
                                             const revision_tree::node& leaf) {
  if (leaf.deleted) return std::optional(claim_of(leaf.parent, true, ""));
  if (leaf.rev == row.winner) return std::optional(claim_of(leaf.parent, false, row.body));
  const auto body = read_leaf_body(rows, bucket, id, row, leaf.rev);
  if (!body) return tl::unexpected(body.error());
  // Changed between two reads, because `latest` is not a snapshot.
  if (!*body) return std::optional<hash128>();
  return std::optional(claim_of(leaf.parent, false, **body));
}

result<hash128> digest_of(const row_view& rows, uint32_t bucket, const std::string& id,
                          const document_row& row, const revision_tree& tree) {
  hash128 sum = document_digest(id, tree);
  for (const revision_tree::node& leaf : tree.nodes()) {
    if (!leaf.leaf || !leaf.elsewhere()) continue;
    const auto body = read_leaf_body(rows, bucket, id, row, leaf.rev);
    if (!body) return tl::unexpected(body.error());
    sum = add(sum, claim_digest(id, leaf, body->value_or("")));
  }
  return sum;
}

std::vector<known_claim> claims_of(const replicated_document& document) {
  const auto bodies = bodies_by_revision(document);
  std::vector<known_claim> made;
  for (const revision_tree::node& node : document.tree.nodes()) {
    known_claim& one = made.emplace_back();
    one.rev = node.rev;
    one.parent = node.parent;
    one.elsewhere = node.elsewhere();
    if (!node.leaf || !one.elsewhere) continue;
    const auto body = bodies.find(node.rev);
    if (node.deleted) one.claim = claim_of(node.parent, true, "");
    if (body != bodies.end()) one.claim = claim_of(node.parent, false, body->second);
  }
  return made;
}

bool agrees(const peer_change& told, const known_claim& known) {
  const bool elsewhere = told.foreign || !told.rev.is_native();
  // The name of a revision made by Treadmill proves its content.
  if (!known.elsewhere && elsewhere) return true;
  // A peer names the parent of a revision made by Treadmill, unless it did not have the parent at
  // hand.
  const bool own = !elsewhere && (!told.parent.empty() || told.rev.number() == 1);
  if (known.elsewhere && own) return false;
  if (!told.parent.empty() && told.parent != known.parent) return false;
  return !told.claim || !known.claim || *told.claim == *known.claim;
}

result<void> list_leaves(const row_view& rows, uint32_t bucket, const std::string& id,
                         const local_document& here, fetch_documents::item& into) {
  size_t read = 0;
  for (const revision_tree::node& leaf : here.tree.nodes()) {
    if (!leaf.leaf || leaf.deleted) continue;
    // It arrived already, or is not needed.
    if (!into.after.empty() && !(leaf.rev < into.after)) continue;
    if (into.leaves.size() + into.elsewhere.size() >= defaults::wanted_leaves) break;
    if (!leaf.elsewhere()) {
      into.leaves.push_back(leaf.rev);
      continue;
    }
    if (read >= defaults::named_bytes) break;
    const auto body = read_leaf_body(rows, bucket, id, here.stored.row, leaf.rev);
    if (!body) return tl::unexpected(body.error());
    if (!*body) continue; // changed between two reads, because `latest` is not a snapshot
    read += (*body)->size();
    into.elsewhere.push_back({leaf.rev, claim_of(leaf.parent, false, **body)});
  }
  return {};
}

} // namespace treadmill::replication
