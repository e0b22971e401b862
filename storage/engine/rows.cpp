#include "storage/engine/rows.hpp"
#include "storage/base/coding.hpp"
#include "storage/documents/features.hpp"
#include <algorithm>
#include <array>
#include <limits>
#include <span>

namespace treadmill {
namespace {

constexpr uint64_t deleted_flag = 1;
constexpr uint64_t conflicts_flag = 2;
constexpr uint64_t older_flag = 4;
constexpr uint64_t tree_flag = 8;
constexpr uint64_t foreign_flag = 16;
constexpr uint64_t text_hash_flag = 32; ///< the hash is text with its length, not 16 raw bytes
constexpr uint64_t document_flags = 63;
constexpr uint64_t from_peer_flag = 2; ///< of an activity entry, in addition to deleted_flag

tl::unexpected<error> damaged(const char* what) {
  return fail(ec::corrupt, std::string("a stored ") + what + " cannot be read");
}

/// Reads a hash in either form into a revision.
bool take_revision(std::string_view& in, uint64_t number, bool text, revision& rev) {
  if (number == 0 || number > defaults::revision_number) return false;
  if (text) {
    std::string_view hash;
    if (!take_bytes(in, hash) || hash.empty() || hash.size() > revision::hash_bytes) return false;
    rev = revision(static_cast<uint32_t>(number), hash);
    return true;
  }
  hash128 hash{};
  if (!take_hash(in, hash)) return false;
  rev = revision(static_cast<uint32_t>(number), hash);
  return true;
}

void put_revision_hash(std::string& out, const revision& rev) {
  if (rev.is_native()) {
    put_hash(out, rev.native_hash());
  } else {
    put_bytes(out, rev.hash());
  }
}

/// Reads flags; false if an unknown flag is set.
bool take_flags(std::string_view& in, uint64_t known, uint64_t& flags) {
  return take_varint(in, flags) && (flags & ~known) == 0;
}

} // namespace

std::string bucket_state::encode() const {
  std::string out;
  put_varint(out, sequence);
  put_hash(out, chain);
  put_hash(out, digest);
  put_varint(out, documents);
  put_varint(out, deleted);
  put_varint(out, conflicts);
  put_varint(out, queries);
  if (features != 0) put_varint(out, features);
  return out;
}

result<bucket_state> bucket_state::decode(std::string_view bytes) {
  bucket_state state;
  if (!take_varint(bytes, state.sequence) || !take_hash(bytes, state.chain) ||
      !take_hash(bytes, state.digest) || !take_varint(bytes, state.documents) ||
      !take_varint(bytes, state.deleted) || !take_varint(bytes, state.conflicts) ||
      !take_varint(bytes, state.queries)) {
    return damaged("bucket state");
  }
  if (bytes.empty()) return state;
  if (!take_varint(bytes, state.features) || state.features == 0 || !bytes.empty()) {
    return damaged("bucket state");
  }
  if ((state.features & ~feature::known) != 0) {
    return fail(ec::io_error, "the bucket has contents of a kind that this version does not know: "
                              "use the version that wrote them");
  }
  return state;
}

std::string document_row::encode() const {
  uint64_t flags = 0;
  if (deleted) flags |= deleted_flag;
  if (conflicts) flags |= conflicts_flag;
  if (older) flags |= older_flag;
  if (!tree_bytes.empty()) flags |= tree_flag;
  if (foreign) flags |= foreign_flag;
  if (!winner.is_native()) flags |= text_hash_flag;
  std::string out;
  out.reserve(64 + tree_bytes.size() + body.size());
  put_varint(out, flags);
  put_varint(out, sequence);
  put_varint(out, winner.number());
  put_revision_hash(out, winner);
  if (!tree_bytes.empty()) put_bytes(out, tree_bytes);
  out.append(body);
  return out;
}

result<document_row> document_row::decode(std::string_view bytes) {
  document_row row;
  uint64_t flags = 0;
  uint64_t number = 0;
  if (!take_flags(bytes, document_flags, flags) || !take_varint(bytes, row.sequence) ||
      !take_varint(bytes, number) ||
      !take_revision(bytes, number, (flags & text_hash_flag) != 0, row.winner)) {
    return damaged("document");
  }
  if ((flags & tree_flag) != 0 && (!take_bytes(bytes, row.tree_bytes) || row.tree_bytes.empty())) {
    return damaged("document");
  }
  row.deleted = (flags & deleted_flag) != 0;
  row.conflicts = (flags & conflicts_flag) != 0;
  row.older = (flags & older_flag) != 0;
  row.foreign = (flags & foreign_flag) != 0;
  row.body = bytes;
  return row;
}

result<revision_tree> document_row::tree() const {
  if (!tree_bytes.empty()) return revision_tree::decode(tree_bytes);
  revision_tree tree;
  tree.add(winner, revision{}, deleted, foreign);
  return tree;
}

result<revision_tree> whole_tree(const revision_tree& recent, std::string_view older_bytes) {
  auto older = revision_tree::decode(older_bytes, std::numeric_limits<uint32_t>::max());
  if (!older) return older;
  revision_tree tree = recent;
  tree.merge(*older);
  return tree;
}

std::string activity_entry::encode() const {
  std::string out;
  out.reserve(64 + id.size());
  put_varint(out, (deleted ? deleted_flag : 0) | (from_peer ? from_peer_flag : 0));
  put_hash(out, chain);
  put_bytes(out, id);
  for (const revision& rev : changes) {
    put_varint(out, uint64_t{rev.number()} << 1 | (rev.is_native() ? 0U : 1U));
    put_revision_hash(out, rev);
  }
  return out;
}

result<void> activity_entry::assign(uint64_t sequence_of_key, std::string_view bytes) {
  sequence = sequence_of_key;
  uint64_t flags = 0;
  std::string_view text;
  if (!take_flags(bytes, deleted_flag | from_peer_flag, flags) || !take_hash(bytes, chain) ||
      !take_bytes(bytes, text)) {
    return damaged("activity entry");
  }
  id = text;
  deleted = (flags & deleted_flag) != 0;
  from_peer = (flags & from_peer_flag) != 0;
  changes.clear();
  while (!bytes.empty()) {
    uint64_t number = 0;
    if (!take_varint(bytes, number) ||
        !take_revision(bytes, number >> 1, (number & 1) != 0, changes.emplace_back())) {
      return damaged("activity entry");
    }
  }
  return {};
}

result<activity_entry> activity_entry::decode(uint64_t sequence, std::string_view bytes) {
  activity_entry entry;
  if (auto read = entry.assign(sequence, bytes); !read) return tl::unexpected(read.error());
  return entry;
}

std::string catalogue_row::encode() const {
  std::string out;
  put_varint(out, number);
  put_hash(out, log_id);
  return out;
}

result<catalogue_row> catalogue_row::decode(std::string_view bytes) {
  catalogue_row row;
  uint64_t number = 0;
  if (!take_varint(bytes, number) || number > UINT32_MAX || !take_hash(bytes, row.log_id) ||
      !bytes.empty()) {
    return damaged("catalogue entry");
  }
  row.number = static_cast<uint32_t>(number);
  return row;
}

namespace {

/// Revisions as text, one per line (no revision contains a line feed). The common case of a single
/// revision takes no heap memory.
class revision_lines {
public:
  explicit revision_lines(std::span<const revision> revisions) {
    if (revisions.size() == 1) {
      const size_t size = revisions.front().text(buffer_).size();
      buffer_[size] = '\n';
      text_ = {buffer_.data(), size + 1};
      return;
    }
    for (const revision& rev : revisions) {
      many_ += rev.text(buffer_);
      many_ += '\n';
    }
    text_ = many_;
  }
  revision_lines(const revision_lines&) = delete;
  revision_lines& operator=(const revision_lines&) = delete;

  std::string_view text() const { return text_; }

private:
  std::array<char, revision::text_bytes + 1> buffer_{};
  std::string many_{};
  std::string_view text_{};
};

} // namespace

hash128 next_chain(const hash128& previous, std::string_view id,
                   std::span<const revision> changes) {
  return hash_parts({as_bytes(previous), id, revision_lines(changes).text()});
}

hash128 document_digest(std::string_view id, const revision_tree& tree) {
  if (tree.nodes().size() == 1) {
    return hash_parts({id, revision_lines({&tree.nodes().front().rev, 1}).text()});
  }
  std::vector<revision> leaves;
  for (const revision_tree::node& node : tree.nodes()) {
    if (node.leaf) leaves.push_back(node.rev);
  }
  std::sort(leaves.begin(), leaves.end());
  return hash_parts({id, revision_lines(leaves).text()});
}

hash128 claim_digest(std::string_view id, const revision_tree::node& leaf, std::string_view body) {
  std::array<char, revision::text_bytes> buffer; // NOLINT: filled before it is read
  const hash128 claim = claim_of(leaf.parent, leaf.deleted, body);
  return hash_parts({id, leaf.rev.text(buffer), as_bytes(claim)});
}

} // namespace treadmill
