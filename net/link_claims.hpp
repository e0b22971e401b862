#pragma once
#include "net/local_rows.hpp"
#include "net/peer_frames.hpp"
#include <optional>
#include <string>
#include <vector>

/// What a peer tells of revisions that were made elsewhere, held against what is here: the same
/// name does not say that it is the same (storage/README.md, "Contradictions").
namespace treadmill::replication {

/// A document here, with its whole tree.
struct local_document {
  stored_document stored{};
  revision_tree tree{};
};
/// Nothing where it is not here.
result<std::optional<local_document>> read_local(const row_view& rows, uint32_t bucket,
                                                 const std::string& id);

/// The claim about a leaf; nothing where it is no leaf of the document any more. Precondition: the
/// node is a leaf of that row's tree.
result<std::optional<hash128>> claim_of_leaf(const row_view& rows, uint32_t bucket,
                                             const std::string& id, const document_row& row,
                                             const revision_tree::node& leaf);

/// What is known here of a revision: as a node of a tree, or as what came and is on its way.
struct known_claim {
  revision rev{};
  revision parent{};
  bool elsewhere = false;
  std::optional<hash128> claim{}; ///< of a leaf that was made elsewhere
};
/// Those of a document on its way.
std::vector<known_claim> claims_of(const replicated_document& document);

/// Whether there is nothing in what the peer tells of a revision that is not known here. `known`
/// may lack its claim: then it is not compared.
bool agrees(const peer_change& told, const known_claim& known);

/// What the document adds to the digest of its bucket. `tree` has all its leaves.
result<hash128> digest_of(const row_view& rows, uint32_t bucket, const std::string& id,
                          const document_row& row, const revision_tree& tree);

/// Lists the live leaves of a document after the one that is named in `into`, as many as a frame
/// may hold and as may be read: those of Treadmill's own by name, others with their claims.
result<void> list_leaves(const row_view& rows, uint32_t bucket, const std::string& id,
                         const local_document& here, want::wanted& into);

} // namespace treadmill::replication
