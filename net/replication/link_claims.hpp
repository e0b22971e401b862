#pragma once
#include "net/replication/local_rows.hpp"
#include "net/replication/peer_frames.hpp"
#include <optional>
#include <string>
#include <vector>

/// Compares what a peer says about revisions that were made elsewhere with what is stored here: the
/// same name does not prove the same content (storage/README.md, "Contradictions").
namespace treadmill::replication {

/// A document of this node, with its whole tree.
struct local_document {
  stored_document stored{};
  revision_tree tree{};
};
/// Empty if this node does not have the document.
result<std::optional<local_document>> read_local(const row_view& rows, uint32_t bucket,
                                                 const std::string& id);

/// The claim about a leaf; empty if it is no longer a leaf of the document. Precondition: the node
/// is a leaf of that row's tree.
result<std::optional<hash128>> claim_of_leaf(const row_view& rows, uint32_t bucket,
                                             const std::string& id, const document_row& row,
                                             const revision_tree::node& leaf);

/// What this node knows about a revision: from a stored tree, or from a frame that is not applied
/// yet.
struct known_claim {
  revision rev{};
  revision parent{};
  bool elsewhere = false;
  std::optional<hash128> claim{}; ///< of a leaf that was made elsewhere
};
/// The claims of a document that arrived and is not applied yet.
std::vector<known_claim> claims_of(const replicated_document& document);

/// Whether this node knows everything that the peer says about a revision. If `known` has no claim,
/// claims are not compared.
bool agrees(const peer_change& told, const known_claim& known);

/// The document's share of its bucket's digest. `tree` has all its leaves.
result<hash128> digest_of(const row_view& rows, uint32_t bucket, const std::string& id,
                          const document_row& row, const revision_tree& tree);

/// Lists the live leaves of a document after `into.after`, as many as a frame may hold and as may
/// be read: leaves made by Treadmill by name, others with their claims.
result<void> list_leaves(const row_view& rows, uint32_t bucket, const std::string& id,
                         const local_document& here, fetch_documents::item& into);

} // namespace treadmill::replication
