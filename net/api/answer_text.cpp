#include "net/api/answer_text.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include <array>
#include <charconv>

namespace treadmill::api {

void append_number(std::string& out, uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_fact(std::string& out, std::string_view name, uint64_t value) {
  out += ",\"";
  out += name;
  out += "\":";
  append_number(out, value);
}

void append_decimal(std::string& out, double number) {
  std::array<char, 400> digits{}; // the largest double has 309 before the point
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                 std::chars_format::fixed, 3)
                       .ptr;
  out.append(digits.data(), end);
}

void append_string_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "null";
  } else {
    append_json_string(out, text);
  }
}

void append_revision(std::string& out, const revision& rev) {
  std::array<char, revision::text_bytes> buffer; // NOLINT: filled before it is read
  out += rev.text(buffer);
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

void append_entry(std::string& out, const activity_entry& entry, std::string_view extra) {
  out += R"({"seq":)";
  append_number(out, entry.sequence);
  out += R"(,"id":)";
  append_json_string(out, entry.id);
  out += R"(,"changes":)";
  append_revisions(out, entry.changes);
  if (entry.deleted) out += R"(,"deleted":true)";
  out += extra;
  out += '}';
}

result<bool> append_winner(std::string& out, const read_view& view, uint32_t bucket,
                           std::string_view id) {
  const auto stored = view.read(keys::document(bucket, id));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return false;
  const auto row = document_row::decode(**stored);
  if (!row) return tl::unexpected(row.error());
  if (row->deleted) {
    out += "null";
  } else {
    append_document(out, id, row->winner.text(), row->body);
  }
  return true;
}

std::string etag_of(const revision& rev) {
  std::string tag;
  tag.reserve(48);
  tag += '"';
  append_revision(tag, rev);
  tag += '"';
  return tag;
}

std::string etag_of(const revision& rev, std::string_view body) {
  return '"' + rev.text() + body_mark + to_hex(hash_parts({body})) + '"';
}

std::vector<revision> conflicts_of(const revision_tree& tree) {
  std::vector<revision> losing;
  const auto leaves = tree.leaves();
  for (size_t i = 1; i < leaves.size(); ++i)
    if (!leaves[i].deleted) losing.push_back(leaves[i].rev);
  return losing;
}

} // namespace treadmill::api
