#pragma once
#include "storage/base/defaults.hpp"
#include "storage/documents/revision.hpp"
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace treadmill {

/// The revision tree of one document: a set of nodes (revision, parent); leaves also have a deleted
/// flag.
///
/// The nodes are in canonical order, so equal trees are equal objects with equal encodings. The
/// tree keeps a node while some leaf descends from it over fewer than `depth` edits, computed from
/// their numbers (DESIGN: at most 1,000 deep, oldest forgotten first). A kept node still names its
/// forgotten parent, so that the parent does not become a leaf if a merge brings it back.
///
/// `merge` is a union: always commutative and idempotent, and associative if no tree has a leaf
/// that another tree's leaf is more than `depth` edits ahead of. Beyond that, no rule that forgets
/// nodes can be associative: the tree cannot distinguish such a leaf from a concurrent write, and
/// keeps it as a conflict rather than lose it, unless the ancestry in between is merged too. A leaf
/// of the true union is a leaf in every order of merges, and trees that are merged until nothing
/// changes are equal (tests/property/revision_tree.test.cpp).
///
/// **Thread**: a plain value. **Units and limits**: this class does not bound leaves or nodes; the
/// caller does (tree_limits).
class revision_tree {
public:
  struct node {
    revision rev;
    revision parent;      ///< empty: a first edit, or unknown; may be absent from the tree
    bool foreign = false; ///< the hash was made elsewhere and is not checked
    bool deleted = false; ///< a tombstone; always false for a node with children
    bool leaf = true;     ///< derived: no node names it as its parent
    /// True if the hash does not prove the content: the node is foreign, or its hash is not one of
    /// Treadmill's form.
    bool elsewhere() const { return foreign || !rev.is_native(); }
    friend bool operator==(const node&, const node&) = default;
  };

  explicit revision_tree(uint32_t depth = defaults::revision_depth) : depth_(depth) {}

  bool empty() const { return nodes_.empty(); }
  /// All nodes, newest first (by number, then hash, descending).
  std::span<const node> nodes() const { return nodes_; }
  /// The leaves, best first: live before deleted, then larger number, then larger hash.
  std::vector<node> leaves() const;
  /// The best leaf; nullptr when empty. The pointer is valid until the tree changes.
  const node* winner() const;
  const node* find(const revision& rev) const;
  size_t live_leaves() const;
  size_t leaf_count() const; ///< including deleted ones

  /// Adds an edit under `parent` (empty: a first edit; the node names its parent even if the tree
  /// does not contain it). Returns false if nothing changes: the node exists already, or is an
  /// ancestor too old to be kept. Precondition: rev.number() > parent.number().
  bool add(const revision& rev, const revision& parent, bool deleted, bool foreign = false);

  /// Builds a tree from nodes in any order, in one pass; calling `add` for each would cost a pass
  /// per node. Nodes with the same revision are combined as by `merge`. Precondition: as for `add`.
  /// `leaf` is recomputed.
  static revision_tree of(std::vector<node> nodes);

  /// Merges `other` into this tree. Returns true if the tree changed. A node that is a leaf in one
  /// tree and has children in the other is not a leaf. If only one tree knows a node's parent, that
  /// parent is kept.
  ///
  /// If the trees contradict each other about a node, Treadmill's own claim wins completely over
  /// one made elsewhere; otherwise the larger parent and the live leaf win. Both parents stay
  /// superseded, whichever wins: each gets a tombstone (displaced_revision) as an extra child. So a
  /// revision that any claim names as a parent never becomes a leaf again, and every merge stays a
  /// union.
  bool merge(const revision_tree& other);

  /// The nodes that `keep` selects, as a separate tree that forgets no nodes.
  revision_tree part(const std::function<bool(const node&)>& keep) const;

  /// `rev` and its ancestors in the tree, newest first; empty if `rev` is not in it.
  std::vector<revision> history(const revision& rev) const;

  /// `rev` and its ancestors fewer than `depth` edits before it, newest first. The branches of all
  /// leaves together are the whole tree.
  std::vector<node> branch(const revision& rev) const;

  /// The encoding (storage/README.md, "Revision trees"): canonical, so byte-equal for equal trees.
  std::string encode() const;
  /// Errors: corrupt.
  static result<revision_tree> decode(std::string_view bytes,
                                      uint32_t depth = defaults::revision_depth);

  friend bool operator==(const revision_tree& a, const revision_tree& b) {
    return a.nodes_ == b.nodes_;
  }

private:
  void unite_equals();
  void normalise(); ///< recomputes leaf flags, forgets old nodes; expects sorted nodes
  uint32_t depth_;
  std::vector<node> nodes_;
};

} // namespace treadmill
