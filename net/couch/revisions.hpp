#pragma once
#include "net/couch/errors.hpp"
#include "storage/documents/revision.hpp"
#include "storage/documents/revision_tree.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Revisions as CouchDB's clients see them: `N-hash` stands for `revN-hash`.
namespace treadmill::couch {

/// A hash of 32 hex digits may come in upper case: it means the lower case. Errors: bad_revision.
outcome<revision> parse_revision(std::string_view text);
std::string to_text(const revision& rev); ///< "3-0123…"
void append_revision(std::string& out, const revision& rev);
/// `["2-…","1-…"]`
void append_revisions(std::string& out, std::span<const revision> revisions);
std::string etag_of(const revision& rev); ///< quoted

/// For each revision of a tree the leaf of the best rank that descends from it, or is it. Making it
/// takes one pass over the tree, which must outlive it.
class branch_leaves {
public:
  explicit branch_leaves(const revision_tree& tree);
  /// Empty: the revision is not in the tree.
  revision leaf_of(const revision& rev) const;

private:
  const revision_tree& tree_;
  std::vector<revision> leaves_;       ///< best first
  std::vector<uint32_t> leaf_of_node_; ///< index in leaves_, by node
};

} // namespace treadmill::couch
