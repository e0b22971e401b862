#include "net/couch/revisions.hpp"
#include "net/api/answer_text.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

constexpr std::string_view native_prefix = "rev";
constexpr size_t native_digits = 32;
constexpr size_t sequence_digits = 8; ///< of the log's id, and of the chain value

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

revision latest_of(const revision_tree& tree, const revision& rev) {
  for (const revision_tree::node& leaf : tree.leaves()) {
    const auto past = tree.history(leaf.rev);
    if (std::find(past.begin(), past.end(), rev) != past.end()) return leaf.rev;
  }
  return {};
}

void append_sequence(std::string& out, const bucket_info& bucket, uint64_t sequence,
                     const hash128& chain) {
  out += '"';
  api::append_number(out, sequence);
  out += '-';
  out += to_hex(bucket.log_id).substr(0, sequence_digits);
  out += to_hex(chain).substr(0, sequence_digits);
  out += '"';
}

std::string instance_of(const bucket_info& bucket) {
  uint64_t number = 0;
  for (size_t i = 0; i < 6; ++i) number = number << 8 | bucket.log_id[i];
  return std::to_string(number);
}

} // namespace treadmill::couch
