#include "net/couch/revisions.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

constexpr std::string_view native_prefix = "rev";
constexpr size_t native_digits = 32;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

char in_lower(char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; }

} // namespace

outcome<revision> parse_revision(std::string_view text) {
  std::string native(native_prefix);
  native += text;
  const size_t hash = native.find('-') + 1;
  if (native.size() - hash == native_digits &&
      std::all_of(native.begin() + static_cast<std::ptrdiff_t>(hash), native.end(), is_hex))
    std::transform(native.begin() + static_cast<std::ptrdiff_t>(hash), native.end(),
                   native.begin() + static_cast<std::ptrdiff_t>(hash), in_lower);
  auto rev = treadmill::parse_revision(native);
  if (!rev) return fault(bad_revision());
  return *rev;
}

void append_revision(std::string& out, const revision& rev) {
  std::array<char, revision::text_bytes> buffer; // NOLINT: filled before it is read
  out += rev.text(buffer).substr(native_prefix.size());
}

std::string to_text(const revision& rev) {
  std::string text;
  append_revision(text, rev);
  return text;
}

void append_revisions(std::string& out, std::span<const revision> revisions) {
  out += '[';
  bool first = true;
  for (const revision& rev : revisions) {
    out += first ? "\"" : ",\"";
    first = false;
    append_revision(out, rev);
    out += '"';
  }
  out += ']';
}

std::string etag_of(const revision& rev) { return '"' + to_text(rev) + '"'; }

branch_leaves::branch_leaves(const revision_tree& tree)
    : tree_(tree), leaf_of_node_(tree.nodes().size(), UINT32_MAX) {
  for (const revision_tree::node& leaf : tree.leaves()) {
    const auto number = static_cast<uint32_t>(leaves_.size());
    leaves_.push_back(leaf.rev);
    // Up to a node that a better leaf descends from too: all nodes above it are done.
    for (const auto* node = tree.find(leaf.rev); node != nullptr; node = tree.find(node->parent)) {
      uint32_t& place = leaf_of_node_[static_cast<size_t>(node - tree.nodes().data())];
      if (place != UINT32_MAX) break;
      place = number;
    }
  }
}

revision branch_leaves::leaf_of(const revision& rev) const {
  const revision_tree::node* node = tree_.find(rev);
  if (node == nullptr) return {};
  const uint32_t place = leaf_of_node_[static_cast<size_t>(node - tree_.nodes().data())];
  return place < leaves_.size() ? leaves_[place] : revision();
}

} // namespace treadmill::couch
