#pragma once
#include "storage/defaults.hpp"
#include "storage/revision.hpp"
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace treadmill {

/// The revision tree of one document: a set of nodes (revision, parent), the leaves among them with a deleted flag.
///
/// Kept in canonical order, so that equal trees are equal objects and have equal encodings. A node is kept as long as
/// some leaf descends from it over fewer than `depth` edits (DESIGN: at most 1,000 deep, oldest forgotten first); a kept
/// node whose parent is forgotten has no parent. `merge` is a union: commutative, associative, idempotent
/// (tests/property/revision_tree.test.cpp), also with forgetting.
///
/// **Thread**: a plain value. **Limits**: no bound on leaves here; clients' writes are bounded by the caller.
class revision_tree {
public:
  struct node {
    revision rev;
    revision parent;      ///< empty: the first edit, or a parent that is not known (yet, or any more)
    bool foreign = false; ///< the hash was made elsewhere and is not checked
    bool deleted = false; ///< a leaf that is a tombstone; always false for a node with children
    bool leaf = true;     ///< derived: no node names it as its parent
    friend bool operator==(const node&, const node&) = default;
  };

  explicit revision_tree(uint32_t depth = defaults::revision_depth) : depth_(depth) {}

  bool empty() const { return nodes_.empty(); }
  /// All nodes, newest first (by number, then hash, descending).
  std::span<const node> nodes() const { return nodes_; }
  /// The leaves, best first: live before deleted, then larger number, then larger hash.
  std::vector<node> leaves() const;
  /// The best leaf; nullptr when empty. Valid until the tree changes.
  const node* winner() const;
  const node* find(const revision& rev) const;
  size_t live_leaves() const;

  /// Adds an edit under `parent` (empty: a first edit; a parent that is not in the tree is remembered as parent all the
  /// same). Returns false, and changes nothing, where the node is there already.
  /// Precondition: rev.number() > parent.number().
  bool add(const revision& rev, const revision& parent, bool deleted, bool foreign = false);

  /// The union with `other`. Returns true where anything is new here.
  /// A node that is a leaf in one and has children in the other is no leaf; parent knowledge is kept from whichever has it.
  bool merge(const revision_tree& other);

  /// `rev` and its known ancestors, newest first.
  std::vector<revision> history(const revision& rev) const;

  /// The encoding (storage/README.md, "Revision trees"): canonical, so byte-equal for equal trees.
  std::string encode() const;
  /// Errors: corrupt.
  static result<revision_tree> decode(std::string_view bytes, uint32_t depth = defaults::revision_depth);

  friend bool operator==(const revision_tree& a, const revision_tree& b) { return a.nodes_ == b.nodes_; }

private:
  void normalise(); ///< order, leaf flags, forgetting
  uint32_t depth_;
  std::vector<node> nodes_;
};

} // namespace treadmill
