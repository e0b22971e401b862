#include "net/replication/link_serving.hpp"
#include "net/replication/replication_defaults.hpp"
#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

/// Serving documents, and parts of bodies, to a peer.
namespace treadmill::replication {

namespace {

/// The leaves that the peer says it has.
class peer_leaves {
public:
  explicit peer_leaves(const fetch_documents::item& asked)
      : own_(asked.leaves.begin(), asked.leaves.end()) {
    for (const fetch_documents::claimed_leaf& leaf : asked.elsewhere)
      elsewhere_[leaf.rev] = leaf.claim;
  }
  bool has_named(const revision& rev) const { return own_.count(rev) != 0; }
  bool has_claimed(const revision_tree::node& leaf, std::string_view body) const {
    if (!leaf.elsewhere()) return false;
    const auto found = elsewhere_.find(leaf.rev);
    return found != elsewhere_.end() && found->second == claim_of(leaf.parent, false, body);
  }

private:
  std::set<revision> own_;
  std::map<revision, hash128> elsewhere_{};
};

/// The rows that the documents of one answer are read from, and how many bytes of bodies were read.
struct document_source {
  const row_view& rows;
  uint32_t bucket = 0;
  bool in_parts = true;
  size_t read = 0;
};

/// A document whose rows are read, and the part of it to send.
struct answered_document {
  document_source& from;
  const fetch_documents::item& asked;
  const peer_leaves had;
  stored_document stored{};
  revision_tree tree{};
  documents::sent made{};
  size_t inlined = 0; ///< bytes of the bodies in `made`
};

/// The body of a leaf; empty if the peer has it.
result<std::optional<std::string>> body_for(const answered_document& of,
                                            const revision_tree::node& leaf) {
  auto body = read_leaf_body(of.from.rows, of.from.bucket, of.asked.id, of.stored.row, leaf.rev);
  if (!body) return body;
  if (!*body) return fail(ec::corrupt, "a leaf without its body");
  of.from.read += (*body)->size();
  if (of.had.has_claimed(leaf, **body)) body->reset();
  return body;
}

/// Adds the body of a leaf if the peer needs it. Returns false if there is no room for it, or if
/// this answer has read enough. A body that is too large for the answer is only named, with its
/// size; it is then the only body.
result<bool> append_body(answered_document& of, const revision_tree::node& leaf) {
  if (leaf.deleted || of.had.has_named(leaf.rev)) return true;
  auto& bodies = of.made.bodies;
  if (!bodies.empty() && (!bodies.back().body || of.inlined >= defaults::documents_bytes))
    return false;
  if (of.from.read >= defaults::compared_bytes) return false;
  auto body = body_for(of, leaf);
  if (!body) return tl::unexpected(body.error());
  if (!*body) return true;
  const size_t size = (*body)->size();
  const bool fits = of.inlined + size <= defaults::documents_bytes;
  if (!fits && !bodies.empty()) return false;
  bodies.push_back({leaf.rev, size, std::nullopt});
  if (fits) bodies.back().body = std::move(**body);
  of.inlined += size;
  return true;
}

/// Collects branches, each node once. Per node it remembers down to which revision number the
/// ancestors are collected, so that few nodes are visited again.
class gathered_branches {
public:
  explicit gathered_branches(const revision_tree& tree) : tree_(tree) {}

  /// Walks the branch of a leaf and returns how many nodes it would add.
  size_t look_at(const revision_tree::node& leaf) {
    constexpr uint32_t depth = ::treadmill::defaults::revision_depth;
    floor_ = leaf.rev.number() - std::min(leaf.rev.number(), depth);
    fresh_.clear();
    passed_.clear();
    for (const auto* n = &leaf; n != nullptr && n->rev.number() > floor_;
         n = tree_.find(n->parent)) {
      const auto known = taken_.find(n->rev);
      if (known == taken_.end()) {
        fresh_.push_back(n);
      } else if (known->second <= floor_) {
        break;
      } else {
        passed_.push_back(&known->second);
      }
    }
    return fresh_.size();
  }
  /// Adds the branch of the last look_at.
  void take() {
    for (uint32_t* down_to : passed_) *down_to = floor_;
    for (const auto* n : fresh_) {
      taken_.emplace(n->rev, floor_);
      nodes_.push_back(*n);
    }
  }
  size_t size() const { return nodes_.size(); }
  revision_tree tree() && { return revision_tree::of(std::move(nodes_)); }

private:
  const revision_tree& tree_;
  std::map<revision, uint32_t> taken_{};
  std::vector<revision_tree::node> nodes_{};
  uint32_t floor_ = 0;
  std::vector<const revision_tree::node*> fresh_{};
  std::vector<uint32_t*> passed_{};
};

/// Adds the branches of the leaves after `asked.after`, newest first, as many as fit.
result<void> append_branches(answered_document& of) {
  gathered_branches part(of.tree);
  revision last;
  for (const revision_tree::node& leaf : of.tree.nodes()) {
    if (!leaf.leaf || (!of.asked.after.empty() && !(leaf.rev < of.asked.after))) continue;
    const bool full = part.look_at(leaf) + part.size() > defaults::part_nodes && part.size() > 0;
    const auto fits = full ? result<bool>(false) : append_body(of, leaf);
    if (!fits) return tl::unexpected(fits.error());
    if (!*fits) {
      of.made.next = last;
      break;
    }
    part.take();
    last = leaf.rev;
  }
  of.made.tree = std::move(part).tree().encode();
  return {};
}

/// Adds the whole document, for a node that does not support parts: it needs the sizes of all
/// bodies. Bodies beyond the read limit are reported as larger than any document.
result<void> append_whole(answered_document& of) {
  of.made.tree = of.tree.encode();
  size_t read = 0;
  for (const revision_tree::node& leaf : of.tree.leaves()) {
    if (leaf.deleted || of.had.has_named(leaf.rev)) continue;
    documents::sent_body sent{leaf.rev, UINT64_MAX, std::nullopt};
    if (read < defaults::sized_bytes) {
      auto body = body_for(of, leaf);
      if (!body) return tl::unexpected(body.error());
      if (!*body) continue;
      sent.size = (*body)->size();
      read += (*body)->size();
      if (read <= defaults::documents_bytes) sent.body = std::move(**body);
    }
    of.made.bodies.push_back(std::move(sent));
  }
  return {};
}

/// Reads the document, if it exists, and adds what the peer lacks.
result<void> read_and_append(answered_document& of) {
  const document_source& from = of.from;
  auto found = read_document(from.rows, from.bucket, of.asked.id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return {};
  auto tree = read_tree(from.rows, from.bucket, of.asked.id, (*found)->row);
  if (!tree) return tl::unexpected(tree.error());
  of.stored = std::move(**found);
  of.tree = std::move(*tree);
  return from.in_parts ? append_branches(of) : append_whole(of);
}

/// The answer for a document that cannot be read here, so that it blocks no other. It reports a
/// body larger than any document, which every peer leaves out, of a leaf that no peer accepts.
documents::sent unreadable(const std::string& id) {
  documents::sent made;
  made.id = id;
  revision_tree tree;
  const revision rev(1, "-"); // below every other revision, and so also below any `after`
  tree.add(rev, {}, false, true);
  made.tree = tree.encode();
  made.bodies.push_back({rev, UINT64_MAX, std::nullopt});
  return made;
}

/// The parts of the document that the peer lacks. If the document does not exist, or has no leaf
/// after `asked.after`, the answer has no tree and repeats `asked.after` as `next`.
result<documents::sent> document_for(document_source& from, const fetch_documents::item& asked) {
  answered_document of{from, asked, peer_leaves(asked)};
  of.made.id = asked.id;
  const auto done = read_and_append(of);
  if (!done && done.error().code == ec::corrupt) return unreadable(asked.id);
  if (!done) return tl::unexpected(done.error());
  if (of.made.tree.empty()) of.made.next = asked.after;
  return std::move(of.made);
}

size_t bytes_of(const documents::sent& item) {
  size_t bytes = item.id.size() + item.tree.size() + 32;
  for (const documents::sent_body& body : item.bodies)
    bytes += 48 + (body.body ? body.body->size() : 0);
  return bytes;
}

} // namespace

void serve_documents(link_context& shared, const bucket_info& bucket,
                     const fetch_documents& asked) {
  // One snapshot, so that the rows of a document are consistent.
  const auto rows = shared.rows->synced();
  if (shared.withholds(*rows, bucket.number)) return shared.send(leave{bucket.name});
  documents answer;
  answer.bucket = bucket.name;
  size_t bytes = 0;
  document_source from{*rows, bucket.number, asked.in_parts};
  for (const fetch_documents::item& item : asked.documents) {
    auto made = document_for(from, item);
    if (!made) break; // the peer asks again
    bytes += bytes_of(*made);
    answer.items.push_back(std::move(*made));
    if (bytes >= defaults::documents_bytes || from.read >= defaults::compared_bytes) break;
  }
  if (!answer.items.empty()) shared.send(std::move(answer));
}

namespace {

/// Empty if the revision is no longer a leaf.
result<std::optional<std::string>> body_of(const row_view& rows, const bucket_info& bucket,
                                           const fetch_part& asked) {
  const auto found = read_document(rows, bucket.number, asked.id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return std::optional<std::string>();
  return read_leaf_body(rows, bucket.number, asked.id, (*found)->row, asked.rev);
}

} // namespace

void serve_part(link_context& shared, const bucket_info& bucket, const fetch_part& asked) {
  const auto rows = shared.rows->synced();
  if (shared.withholds(*rows, bucket.number)) return shared.send(leave{bucket.name});
  auto body = body_of(*rows, bucket, asked);
  if (!body && body.error().code != ec::corrupt) return; // the peer asks again
  if (!body) body = std::optional<std::string>(); // the answer for the document reports the damage
  part answer;
  answer.bucket = bucket.name;
  answer.id = asked.id;
  answer.rev = asked.rev;
  answer.offset = asked.offset;
  if (*body && asked.offset <= (*body)->size()) {
    answer.size = (*body)->size();
    answer.bytes = (*body)->substr(asked.offset, defaults::part_bytes);
  }
  if (answer.size == 0) answer.offset = 0;
  shared.send(std::move(answer));
}

} // namespace treadmill::replication
