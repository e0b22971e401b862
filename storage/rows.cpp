#include "storage/rows.hpp"
#include "storage/coding.hpp"
#include <algorithm>
#include <array>

namespace treadmill {
namespace {

constexpr uint64_t deleted_flag = 1;
constexpr uint64_t conflicts_flag = 2;
constexpr uint64_t older_flag = 4;
constexpr uint64_t tree_flag = 8;
constexpr uint64_t foreign_flag = 16;
constexpr uint64_t text_hash_flag = 32; ///< the hash is text with its length, not 16 raw bytes
constexpr uint64_t document_flags = 63;

constexpr size_t raw_hash_bytes = 16;

tl::unexpected<error> damaged(const char* what) {
  return fail(ec::corrupt, std::string("a stored ") + what + " cannot be read");
}

uint8_t nibble(char digit) {
  return static_cast<uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void put_raw_hash(std::string& out, std::string_view hex) {
  std::array<char, raw_hash_bytes> raw{};
  for (size_t i = 0; i < raw.size(); ++i) {
    raw[i] = static_cast<char>(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
  }
  out.append(raw.data(), raw.size());
}

/// Reads a hash in either spelling into a revision.
bool take_revision(std::string_view& in, uint64_t number, bool text, revision& rev) {
  if (number == 0 || number > defaults::revision_number) return false;
  if (text) {
    std::string_view hash;
    if (!take_bytes(in, hash) || hash.empty() || hash.size() > revision::hash_bytes) return false;
    rev = revision(static_cast<uint32_t>(number), hash);
    return true;
  }
  if (in.size() < raw_hash_bytes) return false;
  constexpr char digits[] = "0123456789abcdef";
  std::array<char, 2 * raw_hash_bytes> hex{};
  for (size_t i = 0; i < raw_hash_bytes; ++i) {
    const auto byte = static_cast<uint8_t>(in[i]);
    hex[2 * i] = digits[byte >> 4];
    hex[2 * i + 1] = digits[byte & 15];
  }
  in.remove_prefix(raw_hash_bytes);
  rev = revision(static_cast<uint32_t>(number), {hex.data(), hex.size()});
  return true;
}

void put_hash_text(std::string& out, const revision& rev, bool text) {
  if (text) {
    put_bytes(out, rev.hash());
  } else {
    put_raw_hash(out, rev.hash());
  }
}

/// A number that is given 10 bytes at the most and must fit.
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
  return out;
}

result<bucket_state> bucket_state::decode(std::string_view bytes) {
  bucket_state state;
  if (!take_varint(bytes, state.sequence) || !take_hash(bytes, state.chain) ||
      !take_hash(bytes, state.digest) || !take_varint(bytes, state.documents) ||
      !take_varint(bytes, state.deleted) || !take_varint(bytes, state.conflicts) ||
      !bytes.empty()) {
    return damaged("bucket state");
  }
  return state;
}

std::string document_row::encode() const {
  const bool text = !is_native_hash(winner.hash());
  uint64_t flags = 0;
  if (deleted) flags |= deleted_flag;
  if (conflicts) flags |= conflicts_flag;
  if (older) flags |= older_flag;
  if (!tree_bytes.empty()) flags |= tree_flag;
  if (foreign) flags |= foreign_flag;
  if (text) flags |= text_hash_flag;
  std::string out;
  out.reserve(64 + tree_bytes.size() + body.size());
  put_varint(out, flags);
  put_varint(out, sequence);
  put_varint(out, winner.number());
  put_hash_text(out, winner, text);
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

std::string activity_entry::encode() const {
  std::string out;
  out.reserve(64 + id.size());
  put_varint(out, deleted ? deleted_flag : 0);
  put_hash(out, chain);
  put_bytes(out, id);
  for (const revision& rev : changes) {
    const bool text = !is_native_hash(rev.hash());
    put_varint(out, uint64_t{rev.number()} << 1 | (text ? 1U : 0U));
    put_hash_text(out, rev, text);
  }
  return out;
}

result<activity_entry> activity_entry::decode(uint64_t sequence, std::string_view bytes) {
  activity_entry entry;
  entry.sequence = sequence;
  uint64_t flags = 0;
  std::string_view id;
  if (!take_flags(bytes, deleted_flag, flags) || !take_hash(bytes, entry.chain) ||
      !take_bytes(bytes, id)) {
    return damaged("activity entry");
  }
  entry.id = id;
  entry.deleted = flags != 0;
  while (!bytes.empty()) {
    uint64_t number = 0;
    revision rev;
    if (!take_varint(bytes, number) || !take_revision(bytes, number >> 1, (number & 1) != 0, rev)) {
      return damaged("activity entry");
    }
    entry.changes.push_back(rev);
  }
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

hash128 next_chain(const hash128& previous, std::string_view id,
                   const std::vector<revision>& changes) {
  std::string revisions;
  for (const revision& rev : changes) {
    revisions += rev.text();
    revisions.push_back('\n'); // in no revision
  }
  return hash_parts({as_bytes(previous), id, revisions});
}

hash128 document_digest(std::string_view id, const revision_tree& tree) {
  if (tree.nodes().size() == 1) return hash_parts({id, tree.nodes().front().rev.text() + '\n'});
  std::vector<revision> leaves;
  for (const revision_tree::node& node : tree.nodes()) {
    if (node.leaf) leaves.push_back(node.rev);
  }
  std::sort(leaves.begin(), leaves.end());
  std::string text;
  for (const revision& rev : leaves) {
    text += rev.text();
    text.push_back('\n');
  }
  return hash_parts({id, text});
}

} // namespace treadmill
