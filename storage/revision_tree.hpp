#pragma once
#include "storage/defaults.hpp"
#include "storage/revision.hpp"
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace treadmill {

/// The revision tree of one document: a set of nodes (revision, parent), the leaves among them with
/// a deleted flag.
///
/// Kept in canonical order, so that equal trees are equal objects and have equal encodings. A node
/// is kept as long as some leaf descends from it over fewer than `depth` edits, told by their
/// numbers (DESIGN: at most 1,000 deep, oldest forgotten first); a kept node still names its parent
/// when that is forgotten, so that the parent is no leaf should it come back from elsewhere.
///
/// `merge` is a union. Commutative and idempotent, always; associative too, as long as no tree has
/// a leaf that another one's leaf is more than `depth` edits ahead of. Beyond that no rule that
/// forgets can be: such a leaf can no longer be told from a concurrent write, and stays as a
/// conflict rather than be lost, unless the ancestry in between comes along. A leaf of the true
/// union is a leaf in every order of merges, and trees that are merged until nobody learns anything
/// new are equal (tests/property/revision_tree.test.cpp).
///
/// **Thread**: a plain value. **Limits**: no bound on leaves or nodes here: the caller has one
/// (tree_limits).
class revision_tree {
public:
  struct node {
    revision rev;
    revision parent; ///< empty: the first edit, or never known; it need not be in the tree itself
    bool foreign = false; ///< the hash was made elsewhere and is not checked
    bool deleted = false; ///< a leaf that is a tombstone; always false for a node with children
    bool leaf = true;     ///< derived: no node names it as its parent
    /// The hash proves nothing of the rest: it is marked so, or is none that Treadmill makes.
    bool elsewhere() const { return foreign || !rev.is_native(); }
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
  size_t leaf_count() const; ///< deleted ones included

  /// Adds an edit under `parent` (empty: a first edit; a parent that is not in the tree is
  /// remembered as parent all the same). Returns false where that changes nothing: the node is
  /// there already, or is an ancestor too old to be kept. Precondition: rev.number() >
  /// parent.number().
  bool add(const revision& rev, const revision& parent, bool deleted, bool foreign = false);

  /// The tree of these nodes, in any order, in one pass: adding each costs a pass over all of them.
  /// Of a revision that is there several times it has what merge makes of them. Precondition: as of
  /// add. Their `leaf` is derived anew.
  static revision_tree of(std::vector<node> nodes);

  /// The union with `other`. Returns true where anything is new here. A node that is a leaf in one
  /// and has children in the other is no leaf; parent knowledge is kept from whichever has it.
  ///
  /// Where two trees contradict each other about a node, what Treadmill made holds against what was
  /// made elsewhere, wholly; else the larger parent and the live leaf hold. Both parents stay
  /// superseded, whichever holds: each gets a tombstone (displaced_revision) as a child of its own.
  /// So what was claimed to have a child is never a leaf again, and every merge is a union still.
  bool merge(const revision_tree& other);

  /// The nodes that `keep` answers true for, as a tree of their own, which forgets nothing.
  revision_tree part(const std::function<bool(const node&)>& keep) const;

  /// `rev` and its ancestors in the tree, newest first; nothing where `rev` is not in it.
  std::vector<revision> history(const revision& rev) const;

  /// `rev` and those of its ancestors that it keeps by itself, fewer than `depth` edits before it,
  /// newest first. The branches of all leaves together are the whole tree.
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
  void normalise(); ///< order, leaf flags, forgetting
  uint32_t depth_;
  std::vector<node> nodes_;
};

} // namespace treadmill
