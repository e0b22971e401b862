#include "storage/json/json.hpp"
#include "storage/base/json_plain.hpp"
#include "storage/json/json_cursor.hpp"
#include "storage/json/json_documents.hpp"
#include "storage/json/json_reader.hpp"
#include <cstring>
#include <utility>

namespace treadmill {

namespace {

result<std::string> written_by(json_reader&& reader, std::string_view text) {
  if (auto read = reader.read(text); !read) return tl::unexpected(std::move(read.error()));
  return std::string(reader.written());
}

} // namespace

result<std::string> stored_form(std::string_view text, const json_limits& limits) {
  return written_by(json_reader(limits.depth), text);
}

result<std::string> stored_form_of_doubles(std::string_view text, const json_limits& limits) {
  return written_by(json_reader(limits.depth, nullptr, long_integers::doubles), text);
}

result<std::string> stored_form_of_last(std::string_view text, const json_limits& limits) {
  json_reader reader(limits.depth);
  reader.keep_last_duplicates();
  return written_by(std::move(reader), text);
}

result<client_document> parse_document(std::string_view text, bool take_deleted,
                                       const json_limits& limits) {
  single_document document(take_deleted);
  json_reader reader(limits.depth, &document);
  if (auto read = reader.read(text); !read) return tl::unexpected(std::move(read.error()));
  return document.finish(reader.written(), limits.document_bytes);
}

result<std::vector<std::string>> parse_string_list(std::string_view text, std::string_view member,
                                                   const json_limits& limits) {
  const auto bad = [](const char* reason) { return fail(ec::bad_request, reason); };
  const auto stored = stored_form(text, limits);
  if (!stored) return tl::unexpected(stored.error());
  if (stored->front() != '{') return fail(ec::not_object, "the text must be a JSON object");
  json_cursor in(*stored);
  std::string expected;
  append_json_string(expected, member);
  std::string_view name;
  if (!in.take('{') || !in.take_string(name) || name != expected || !in.take(':') || !in.take('['))
    return bad("the object must have one member, a list of strings, of the name that is asked for");
  std::vector<std::string> strings;
  while (!in.take(']')) {
    std::string_view element;
    if (!strings.empty()) in.take(',');
    if (!in.take_string(element)) return bad("the list must hold nothing but strings");
    if (strings.size() == limits.items)
      return fail(ec::too_large, "the list is longer than the limit");
    append_unescaped(strings.emplace_back(), element);
  }
  if (!in.take('}')) return bad("the object must have one member only");
  return strings;
}

bool is_shown_apart(std::string_view name) { return name == R"("id")" || name == R"("rev")"; }

namespace {

/// False if the body has no member `id` or `rev`; true if it may have one, perhaps deeper inside.
bool may_have_own_names(std::string_view body) {
  const auto has = [&](std::string_view name) {
    return memmem(body.data(), body.size(), name.data(), name.size()) != nullptr;
  };
  return has(R"("id":)") || has(R"("rev":)");
}

} // namespace

std::string_view shown_body(std::string_view body, std::string& buffer) {
  if (!may_have_own_names(body)) return body;
  std::string apart;
  std::string* out = &buffer;
  size_t apart_at = 0;
  buffer.clear();
  const auto copied = each_member(body, [&](std::string_view name, std::string_view value) {
    if (is_shown_apart(name) && apart.empty()) apart_at = buffer.size();
    out = is_shown_apart(name) ? &apart : &buffer;
    *out += ',';
    *out += name;
    *out += ':';
    *out += value;
    return result<void>();
  });
  if (!copied || apart.empty()) return body;
  apart.front() = '{';
  buffer.insert(apart_at, R"(,"_members":)" + apart + '}');
  buffer.front() = '{';
  buffer += '}';
  return buffer;
}

void append_document(std::string& out, std::string_view id, std::string_view rev,
                     std::string_view body, std::string_view extra) {
  out += "{\"id\":";
  append_json_string(out, id);
  out += ",\"rev\":";
  append_json_string(out, rev);
  out += extra;
  std::string buffer;
  const auto shown = shown_body(body, buffer);
  if (shown.size() > 2) out += ',';
  out += shown.substr(1);
}

} // namespace treadmill
