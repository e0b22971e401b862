#include "storage/documents/revision_tree.hpp"
#include "storage/base/coding.hpp"
#include <algorithm>
#include <limits>
#include <utility>

namespace treadmill {

namespace {

using node = revision_tree::node;

// The first byte of an encoded node. Each node has exactly one encoding: `decode` refuses any
// other.
constexpr uint8_t deleted_flag = 0x01;
constexpr uint8_t foreign_flag = 0x02;
constexpr uint8_t text_hash_flag = 0x04; ///< the hash is text, not 16 packed bytes
constexpr uint8_t number_flag = 0x08;    ///< number is not the previous node's minus 1
constexpr uint8_t parent_mask = 0x30;
constexpr uint8_t no_parent = 0x00;
constexpr uint8_t parent_is_next = 0x10;
constexpr uint8_t parent_is_later = 0x20; ///< a varint follows: how many nodes later
constexpr uint8_t parent_is_named = 0x30; ///< it is not in the tree; its name follows
constexpr uint8_t known_flags = 0x3f;

constexpr size_t packed_bytes = 16;

bool better(const node& a, const node& b) {
  if (a.deleted != b.deleted) return b.deleted;
  return a.rev > b.rev;
}

/// The index of `rev` among nodes sorted newest first; `nodes.size()` if it is not found.
size_t index_of(std::span<const node> nodes, const revision& rev) {
  const auto at =
      std::lower_bound(nodes.begin(), nodes.end(), rev,
                       [](const node& n, const revision& wanted) { return n.rev > wanted; });
  return at != nodes.end() && at->rev == rev ? static_cast<size_t>(at - nodes.begin())
                                             : nodes.size();
}

/// The index of the parent of node `i`. It tries the next node first, which is the parent in a
/// linear history.
size_t parent_index(std::span<const node> nodes, size_t i) {
  if (nodes[i].parent.empty()) return nodes.size();
  if (i + 1 < nodes.size() && nodes[i + 1].rev == nodes[i].parent) return i + 1;
  return index_of(nodes, nodes[i].parent);
}

/// Combines two claims about a node. If their parents differ, both parents get tombstones in
/// `displaced`: a later claim can change which parent wins, and the result must not depend on the
/// order of merges.
node combined(const node& a, const node& b, std::vector<node>& displaced) {
  node both = a;
  both.foreign = a.foreign && b.foreign;
  if (a.elsewhere() == b.elsewhere()) {
    both.parent = std::max(a.parent, b.parent);
    both.deleted = a.deleted && b.deleted;
  } else {
    const node& own = a.elsewhere() ? b : a;
    both.parent = own.parent;
    both.deleted = own.deleted;
  }
  if (a.parent == b.parent || a.parent.empty() || b.parent.empty()) return both;
  for (const revision& parent : {a.parent, b.parent}) {
    node& tombstone = displaced.emplace_back();
    tombstone.rev = displaced_revision(a.rev, parent);
    tombstone.parent = parent;
    tombstone.foreign = tombstone.deleted = true;
  }
  return both;
}

/// The union of two lists sorted newest first.
std::vector<node> united(std::span<const node> one, std::span<const node> other,
                         std::vector<node>& displaced) {
  std::vector<node> all;
  all.reserve(one.size() + other.size());
  auto a = one.begin();
  auto b = other.begin();
  while (a != one.end() && b != other.end()) {
    if (a->rev > b->rev)
      all.push_back(*a++);
    else if (a->rev < b->rev)
      all.push_back(*b++);
    else
      all.push_back(combined(*a++, *b++, displaced));
  }
  all.insert(all.end(), a, one.end());
  all.insert(all.end(), b, other.end());
  return all;
}

bool newer(const node& a, const node& b) { return a.rev > b.rev; }

bool take_packed(std::string_view& in, uint64_t number, revision& rev) {
  hash128 hash{};
  if (!take_hash(in, hash)) return false;
  rev = revision(static_cast<uint32_t>(number), hash);
  return true;
}

void put_text(std::string& out, std::string_view hash) {
  out += static_cast<char>(hash.size());
  out += hash;
}

bool take_text(std::string_view& in, uint64_t number, revision& rev) {
  std::string_view hash;
  if (!take_bytes(in, hash) || is_native_hash(hash)) return false;
  const auto parsed = parse_revision("rev1-" + std::string(hash)); // the rules of hashes
  if (!parsed) return false;
  rev = revision(static_cast<uint32_t>(number), hash);
  return true;
}

bool is_number(uint64_t number) { return number >= 1 && number <= defaults::revision_number; }

/// A decoded node. If its parent is in the tree, only the parent's distance is known so far.
struct decoded {
  revision_tree::node value;
  uint64_t parent_distance = 0;
};

bool take_parent(std::string_view& in, uint8_t flags, decoded& n) {
  const uint32_t number = n.value.rev.number();
  uint64_t edits = 0;
  switch (flags & parent_mask) {
  case parent_is_next: n.parent_distance = 1; return true;
  case parent_is_later: return take_varint(in, n.parent_distance) && n.parent_distance > 1;
  case parent_is_named:
    if (!take_varint(in, edits) || edits == 0 || edits >= number || in.empty()) return false;
    if (in.front() != 0) return take_text(in, number - edits, n.value.parent);
    in.remove_prefix(1);
    return take_packed(in, number - edits, n.value.parent);
  default: return true;
  }
}

bool take_node(std::string_view& in, const revision* before, decoded& n) {
  const auto flags = static_cast<uint8_t>(in.front());
  in.remove_prefix(1);
  if ((flags & ~known_flags) != 0) return false;
  uint64_t number = before == nullptr ? 0 : before->number() - 1;
  if ((flags & number_flag) != 0) {
    if (!take_varint(in, number)) return false;
    if (before != nullptr) {
      if (number == 1 || number >= before->number()) return false;
      number = before->number() - number;
    }
  }
  if (!is_number(number)) return false;
  if (!((flags & text_hash_flag) != 0 ? take_text(in, number, n.value.rev)
                                      : take_packed(in, number, n.value.rev)))
    return false;
  if (before != nullptr && !(n.value.rev < *before)) return false;
  n.value.deleted = (flags & deleted_flag) != 0;
  n.value.foreign = (flags & foreign_flag) != 0;
  return take_parent(in, flags, n);
}

/// Sets the nodes' parents from the distances, and checks that each parent has its canonical
/// encoding.
bool link_parents(std::vector<node>& nodes, std::span<const uint64_t> distances) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (distances[i] == 0) {
      if (!nodes[i].parent.empty() && index_of(nodes, nodes[i].parent) != nodes.size())
        return false;
    } else {
      if (distances[i] >= nodes.size() - i) return false;
      const revision& parent = nodes[i + static_cast<size_t>(distances[i])].rev;
      if (parent.number() >= nodes[i].rev.number()) return false;
      nodes[i].parent = parent;
    }
  }
  return true;
}

std::ptrdiff_t count_deleted(std::span<const node> nodes) {
  return std::count_if(nodes.begin(), nodes.end(), [](const node& n) { return n.deleted; });
}

} // namespace

std::vector<node> revision_tree::leaves() const {
  std::vector<node> found;
  std::copy_if(nodes_.begin(), nodes_.end(), std::back_inserter(found),
               [](const node& n) { return n.leaf; });
  std::sort(found.begin(), found.end(), better);
  return found;
}

const node* revision_tree::winner() const {
  const node* best = nullptr;
  for (const auto& n : nodes_)
    if (n.leaf && (best == nullptr || better(n, *best))) best = &n;
  return best;
}

const node* revision_tree::find(const revision& rev) const {
  const size_t i = index_of(nodes_, rev);
  return i == nodes_.size() ? nullptr : &nodes_[i];
}

size_t revision_tree::live_leaves() const {
  return static_cast<size_t>(std::count_if(nodes_.begin(), nodes_.end(),
                                           [](const node& n) { return n.leaf && !n.deleted; }));
}

size_t revision_tree::leaf_count() const {
  return static_cast<size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const node& n) { return n.leaf; }));
}

bool revision_tree::add(const revision& rev, const revision& parent, bool deleted, bool foreign) {
  const auto at = std::lower_bound(nodes_.begin(), nodes_.end(), rev,
                                   [](const node& n, const revision& r) { return n.rev > r; });
  if (at != nodes_.end() && at->rev == rev) return false;
  node added;
  added.rev = rev;
  added.parent = parent;
  added.foreign = foreign;
  added.deleted = deleted;
  const size_t before = nodes_.size();
  nodes_.insert(at, added);
  normalise();
  // A node that is too old to be kept can still turn its parent from a leaf into an ancestor.
  return find(rev) != nullptr || nodes_.size() != before;
}

revision_tree revision_tree::of(std::vector<node> nodes) {
  revision_tree tree;
  tree.nodes_ = std::move(nodes);
  std::sort(tree.nodes_.begin(), tree.nodes_.end(), newer);
  tree.unite_equals();
  tree.normalise();
  return tree;
}

/// Combines nodes with the same revision; the nodes must be sorted. Contradicting parents add
/// tombstones, which are combined with the other nodes in the next round.
void revision_tree::unite_equals() {
  for (std::vector<node> displaced; !nodes_.empty();) {
    size_t kept = 0;
    for (size_t i = 1; i < nodes_.size(); ++i) {
      if (nodes_[i].rev == nodes_[kept].rev) {
        nodes_[kept] = combined(nodes_[kept], nodes_[i], displaced);
      } else if (++kept != i) {
        nodes_[kept] = nodes_[i];
      }
    }
    nodes_.resize(kept + 1);
    if (displaced.empty()) return;
    nodes_.insert(nodes_.end(), displaced.begin(), displaced.end());
    displaced.clear();
    std::sort(nodes_.begin(), nodes_.end(), newer);
  }
}

bool revision_tree::merge(const revision_tree& other) {
  if (&other == this) return false;
  if (nodes_.empty() && depth_ == other.depth_) {
    nodes_ = other.nodes_;
    return !nodes_.empty();
  }
  const auto before = std::exchange(nodes_, {});
  std::vector<node> displaced;
  nodes_ = united(before, other.nodes_, displaced);
  // A claim may already use the name of a tombstone, and the union may then add more tombstones.
  // Each round adds new names only, so the loop ends.
  while (!displaced.empty()) {
    std::vector<node> more;
    std::sort(displaced.begin(), displaced.end(), newer);
    nodes_ = united(nodes_, displaced, more);
    displaced = std::move(more);
  }
  normalise();
  return nodes_ != before;
}

revision_tree revision_tree::part(const std::function<bool(const node&)>& keep) const {
  revision_tree chosen(std::numeric_limits<uint32_t>::max());
  std::copy_if(nodes_.begin(), nodes_.end(), std::back_inserter(chosen.nodes_), keep);
  chosen.normalise();
  return chosen;
}

std::vector<revision> revision_tree::history(const revision& rev) const {
  std::vector<revision> revisions;
  for (const node* n = find(rev); n != nullptr; n = find(n->parent)) revisions.push_back(n->rev);
  return revisions;
}

std::vector<node> revision_tree::branch(const revision& rev) const {
  std::vector<node> found;
  for (const node* n = find(rev); n != nullptr; n = find(n->parent)) {
    if (rev.number() - n->rev.number() >= depth_) break;
    found.push_back(*n);
  }
  return found;
}

std::string revision_tree::encode() const {
  std::string out;
  out.reserve(nodes_.size() * (packed_bytes + 4));
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const node& n = nodes_[i];
    const size_t parent = parent_index(nodes_, i);
    const bool packed = n.rev.is_native();
    const bool step = i > 0 && nodes_[i - 1].rev.number() == n.rev.number() + 1;
    const uint8_t parent_kind = n.parent.empty()          ? no_parent
                                : parent == nodes_.size() ? parent_is_named
                                : parent == i + 1         ? parent_is_next
                                                          : parent_is_later;
    out +=
        static_cast<char>((n.deleted ? deleted_flag : 0) | (n.foreign ? foreign_flag : 0) |
                          (packed ? 0 : text_hash_flag) | (step ? 0 : number_flag) | parent_kind);
    if (!step)
      put_varint(out, i == 0 ? n.rev.number() : nodes_[i - 1].rev.number() - n.rev.number());
    packed ? put_hash(out, n.rev.native_hash()) : put_text(out, n.rev.hash());
    if (parent_kind == parent_is_later) put_varint(out, parent - i);
    if (parent_kind == parent_is_named) {
      put_varint(out, n.rev.number() - n.parent.number());
      if (n.parent.is_native()) {
        out += '\0'; // no text is empty
        put_hash(out, n.parent.native_hash());
      } else {
        put_text(out, n.parent.hash());
      }
    }
  }
  return out;
}

result<revision_tree> revision_tree::decode(std::string_view bytes, uint32_t depth) {
  const auto corrupt = [] { return fail(ec::corrupt, "a stored revision tree is damaged"); };
  revision_tree tree(depth);
  std::vector<uint64_t> distances;
  tree.nodes_.reserve(bytes.size() / (packed_bytes + 1) + 1);
  distances.reserve(tree.nodes_.capacity());
  while (!bytes.empty()) {
    decoded n;
    if (!take_node(bytes, tree.nodes_.empty() ? nullptr : &tree.nodes_.back().rev, n))
      return corrupt();
    tree.nodes_.push_back(n.value);
    distances.push_back(n.parent_distance);
  }
  if (!link_parents(tree.nodes_, distances)) return corrupt();
  const auto deleted = count_deleted(tree.nodes_);
  tree.normalise();
  if (count_deleted(tree.nodes_) != deleted) return corrupt(); // only leaves may have the flag
  return tree;
}

void revision_tree::normalise() {
  if (nodes_.size() == 1) { // a new document has only its leaf
    nodes_.front().leaf = true;
    return;
  }
  // Children come before their parents, so one pass computes the number of the nearest leaf for
  // every node.
  constexpr uint32_t unseen = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> nearest_leaf(nodes_.size(), unseen);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    node& n = nodes_[i];
    n.leaf = nearest_leaf[i] == unseen;
    if (n.leaf) nearest_leaf[i] = n.rev.number();
    n.deleted = n.deleted && n.leaf;
    const size_t parent = parent_index(nodes_, i);
    if (parent != nodes_.size())
      nearest_leaf[parent] = std::min(nearest_leaf[parent], nearest_leaf[i]);
  }
  // No node between a kept node and the leaf that keeps it is dropped. So the remaining nodes keep
  // their leaves and nearest leaves, and forgetting is idempotent.
  size_t kept = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].leaf && nearest_leaf[i] - nodes_[i].rev.number() >= depth_) continue;
    if (kept != i) nodes_[kept] = nodes_[i];
    ++kept;
  }
  nodes_.resize(kept);
}

} // namespace treadmill
