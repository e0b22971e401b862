#include "storage/documents/attachments.hpp"
#include "storage/base/json_string.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>
#include <charconv>
#include <set>

namespace treadmill {

namespace {

constexpr std::string_view member = R"("_attachments":)";
constexpr std::string_view gzip = "gzip";

tl::unexpected<error> bad(const char* reason) { return fail(ec::bad_request, reason); }

bool is_revpos(uint64_t number) { return number >= 1 && number <= defaults::revision_number; }

/// A number without a sign, a fraction and needless zeros.
std::optional<uint64_t> read_number(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stopped != end || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  return number;
}

std::optional<std::string> read_string(std::string_view text) {
  std::string read;
  if (text.empty() || text.front() != '"' || !append_unescaped(read, text)) return std::nullopt;
  return read;
}

template<typename Hash>
bool read_hash(std::string_view text, Hash& hash) {
  if (text.size() < 2 || text.front() != '"') return false;
  const auto read = hash_of_hex<Hash>(text.substr(1, text.size() - 2));
  if (read) hash = *read;
  return read.has_value();
}

void append_attachment(std::string& out, const attachment& one) {
  append_json_string(out, one.name);
  out += R"(:{"content_type":)";
  append_json_string(out, one.content_type);
  out += R"(,"length":)" + std::to_string(one.length);
  out += R"(,"sha256":")" + hex_of(one.sha256);
  out += R"(","md5":")" + hex_of(one.md5);
  out += R"(","revpos":)" + std::to_string(one.revpos);
  if (!one.encoding.empty()) {
    out += R"(,"encoding":)";
    append_json_string(out, one.encoding);
    out += R"(,"encoded_length":)" + std::to_string(one.encoded_length);
  }
  out += '}';
}

void append_attachments(std::string& out, std::span<const attachment> list) {
  char before = '{';
  for (const attachment& one : list) {
    out += before;
    append_attachment(out, one);
    before = ',';
  }
  out += '}';
}

/// Where the member begins, with the comma before it; npos: there is none. In a stored form, a
/// quote after `{` or `,` that a name follows begins that name. So the text found is a member, and
/// if only one brace closes after its value, it is one of the whole document.
size_t find_member(std::string_view body) {
  if (!body.ends_with("}}}")) return std::string_view::npos;
  const size_t found = body.rfind(R"("_attachments":{")");
  if (found == std::string_view::npos || found == 0) return std::string_view::npos;
  json_cursor in(body.substr(found + member.size()));
  std::string_view value;
  if (!in.take_value(value) || in.rest() != "}") return std::string_view::npos;
  if (body[found - 1] == ',') return found - 1;
  return found == 1 && body.front() == '{' ? found : std::string_view::npos;
}

result<void> read_field(attachment& one, std::string_view name, std::string_view value) {
  const auto number = read_number(value);
  if (name == R"("content_type")" || name == R"("encoding")") {
    auto text = read_string(value);
    if (!text) return bad("the content_type and encoding of an attachment are strings");
    (name == R"("encoding")" ? one.encoding : one.content_type) = std::move(*text);
  } else if (name == R"("length")" || name == R"("encoded_length")") {
    if (!number) return bad("the length of an attachment is a number");
    (name == R"("length")" ? one.length : one.encoded_length) = *number;
  } else if (name == R"("revpos")") {
    if (!number || !is_revpos(*number))
      return bad("the revpos of an attachment is no edit's number");
    one.revpos = static_cast<uint32_t>(*number);
  } else if (name == R"("sha256")" ? !read_hash(value, one.sha256)
                                   : name != R"("md5")" || !read_hash(value, one.md5)) {
    return bad("an attachment has a member that none has, or a hash that is none");
  }
  return {};
}

result<attachment> read_attachment(std::string_view name, std::string_view value) {
  attachment one;
  auto text = read_string(name);
  if (!text) return bad("the name of an attachment cannot be read");
  one.name = std::move(*text);
  if (value.front() != '{') return bad("an attachment is not an object");
  auto read = each_member(value, [&](std::string_view field, std::string_view content) {
    return read_field(one, field, content);
  });
  if (read) read = check_attachment(one);
  if (!read) return tl::unexpected(read.error());
  return one;
}

/// Reads one stub; members that do not name the content are ignored.
result<attachment_edit> read_stub(std::string name, std::string_view value) {
  attachment_edit edit;
  edit.name = std::move(name);
  if (value == "null") {
    edit.what = attachment_edit::kind::remove;
    return edit;
  }
  if (value.front() != '{') return bad("an attachment is an object, or null to remove it");
  attachment stub;
  auto read =
      each_member(value, [&](std::string_view field, std::string_view content) -> result<void> {
        if (field == R"("data")")
          return bad("the content of an attachment has a request of its own");
        if (field != R"("revpos")" && field != R"("sha256")" && field != R"("md5")") return {};
        if (auto right = read_field(stub, field, content); !right) return right;
        if (field == R"("revpos")") edit.revpos = stub.revpos;
        if (field == R"("sha256")") edit.sha256 = stub.sha256;
        if (field == R"("md5")") edit.md5 = stub.md5;
        return {};
      });
  if (!read) return tl::unexpected(read.error());
  return edit;
}

bool fits(const attachment_edit& stub, const attachment& there) {
  return (!stub.revpos || *stub.revpos == there.revpos) &&
         (!stub.sha256 || *stub.sha256 == there.sha256) && (!stub.md5 || *stub.md5 == there.md5);
}

const attachment* find(const attachment_list& list, std::string_view name) {
  const auto found =
      std::lower_bound(list.begin(), list.end(), name,
                       [](const attachment& one, std::string_view key) { return one.name < key; });
  return found != list.end() && found->name == name ? &*found : nullptr;
}

tl::unexpected<error> too_many() {
  return fail(ec::too_large,
              "a document has at most " + std::to_string(defaults::attachments) + " attachments");
}

} // namespace

result<void> check_attachment_name(std::string_view name) {
  if (name.empty() || name.size() > defaults::attachment_name_bytes)
    return fail(ec::bad_id, "the name of an attachment has 1 to " +
                                std::to_string(defaults::attachment_name_bytes) + " bytes");
  if (name.front() == '_')
    return fail(ec::bad_id, "the name of an attachment must not begin with an underscore");
  if (!is_utf8(name)) return fail(ec::bad_id, "the name of an attachment must be valid UTF-8");
  return {};
}

result<void> check_attachment_type(std::string_view content_type) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (content_type.size() > defaults::content_type_bytes || !is_utf8(content_type) ||
      std::any_of(content_type.begin(), content_type.end(), is_control))
    return fail(ec::bad_request, "the type of an attachment has at most " +
                                     std::to_string(defaults::content_type_bytes) +
                                     " bytes of UTF-8 and no control characters");
  return {};
}

result<void> check_attachment(const attachment& one) {
  if (auto named = check_attachment_name(one.name); !named) return named;
  if (auto typed = check_attachment_type(one.content_type); !typed) return typed;
  if (!is_revpos(one.revpos)) return bad("the revpos of an attachment is no edit's number");
  if (!one.encoding.empty() && one.encoding != gzip)
    return bad("the encoding of an attachment is gzip, or it has none");
  if (one.encoding.empty() && one.encoded_length != 0)
    return bad("an attachment without an encoding has an encoded length");
  return {};
}

std::string_view attachments_text(std::string_view body) {
  const size_t at = find_member(body);
  if (at == std::string_view::npos) return {};
  const size_t value = at + (body[at] == ',' ? 1 : 0) + member.size();
  return body.substr(value, body.size() - 1 - value);
}

std::string without_attachments(std::string_view body) {
  std::string rest(body.substr(0, find_member(body)));
  if (rest.size() < body.size()) rest += '}';
  return rest;
}

std::string with_attachments(std::string_view body, std::span<const attachment> list) {
  std::string made(body);
  if (list.empty()) return made;
  made.pop_back();
  if (made.size() > 1) made += ',';
  made += member;
  append_attachments(made, list);
  made += '}';
  return made;
}

result<attachment_list> parse_attachments(std::string_view text) {
  attachment_list list;
  if (text.empty()) return list;
  auto read = each_member(text, [&](std::string_view name, std::string_view value) -> result<void> {
    if (list.size() == defaults::attachments) return too_many();
    auto one = read_attachment(name, value);
    if (!one) return tl::unexpected(one.error());
    if (!list.empty() && one->name <= list.back().name)
      return bad("the names of attachments are not in order");
    list.push_back(std::move(*one));
    return {};
  });
  if (!read && read.error().code == ec::internal) return bad("the attachments are not an object");
  if (!read) return tl::unexpected(read.error());
  std::string again;
  append_attachments(again, list);
  if (list.empty() || again != text) return bad("the attachments are not in their stored form");
  return list;
}

result<void> check_attachments(std::string_view body) {
  if (body.find(member) == std::string_view::npos) return {};
  const std::string_view text = attachments_text(body);
  bool there = false;
  auto read = each_member(body, [&](std::string_view name, std::string_view) -> result<void> {
    there = there || name == member.substr(0, member.size() - 1);
    return {};
  });
  if (!read) return read;
  if (there && text.empty())
    return bad("the attachments are not the last member of their document");
  if (auto list = parse_attachments(text); !list) return tl::unexpected(list.error());
  return {};
}

result<attachment_list> change_attachments(const attachment_list& before,
                                           const attachment_change& change, uint32_t number) {
  using kind = attachment_edit::kind;
  attachment_list after;
  std::set<std::string_view> named;
  for (const attachment_edit& edit : change.edits) {
    if (!named.insert(edit.name).second) return bad("an attachment is named twice");
    const attachment* there = find(before, edit.name);
    if (edit.what == kind::keep) {
      if (there == nullptr || !fits(edit, *there))
        return fail(ec::missing_stub, "the document has no attachment as its stub names it");
      after.push_back(*there);
    } else if (edit.what == kind::put) {
      after.push_back(edit.content);
      if (after.back().revpos == 0) after.back().revpos = number;
    }
  }
  if (change.keep_others)
    for (const attachment& one : before)
      if (!named.contains(one.name)) after.push_back(one);
  if (after.size() > defaults::attachments) return too_many();
  std::sort(after.begin(), after.end(),
            [](const attachment& a, const attachment& b) { return a.name < b.name; });
  return after;
}

result<attachment_change> parse_stubs(std::string_view value, bool patch) {
  attachment_change change;
  change.keep_others = patch && value != "null";
  if (value == "null") return change;
  if (value.empty() || value.front() != '{') return bad("the member _attachments is an object");
  auto read = each_member(value, [&](std::string_view name, std::string_view stub) -> result<void> {
    auto text = read_string(name);
    if (!text) return bad("the name of an attachment cannot be read");
    if (auto right = check_attachment_name(*text); !right) return right;
    if (change.edits.size() == defaults::attachments) return too_many();
    auto edit = read_stub(std::move(*text), stub);
    if (!edit) return tl::unexpected(edit.error());
    change.edits.push_back(std::move(*edit));
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return change;
}

} // namespace treadmill
