#include "storage/documents/document_line.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {
namespace {

using node = revision_tree::node;

/// The depth of a document in its line.
constexpr size_t line_depth = 3;

tl::unexpected<error> bad(const char* reason) { return fail(ec::bad_request, reason); }

result<revision> take_revision(std::string_view value) {
  if (value.front() != '"') return fail(ec::bad_rev, "a revision must be a string");
  std::string text;
  append_unescaped(text, value);
  return parse_revision(text);
}

result<bool> take_flag(std::string_view value) {
  if (value == "true") return true;
  if (value == "false") return false;
  return bad("deleted and foreign must be true or false");
}

/// Adds one element of `revs` to the nodes, and its document to the bodies.
result<void> take_node(std::string_view element, std::vector<node>& nodes,
                       std::vector<leaf_body>& bodies) {
  if (element.front() != '{') return bad("an element of revs must be an object");
  node made;
  std::string_view body;
  auto taken =
      each_member(element, [&](std::string_view name, std::string_view value) -> result<void> {
        if (name == R"("rev")" || name == R"("parent")") {
          auto rev = take_revision(value);
          if (!rev) return tl::unexpected(rev.error());
          (name == R"("rev")" ? made.rev : made.parent) = *rev;
        } else if (name == R"("deleted")" || name == R"("foreign")") {
          const auto flag = take_flag(value);
          if (!flag) return tl::unexpected(flag.error());
          (name == R"("deleted")" ? made.deleted : made.foreign) = *flag;
        } else if (name == R"("document")") {
          if (value.front() != '{') return fail(ec::not_object, "a document must be an object");
          body = value;
        } else {
          return bad("an element of revs has the members rev, parent, deleted, foreign and "
                     "document, and no other");
        }
        return {};
      });
  if (!taken) return taken;
  if (made.rev.empty()) return fail(ec::bad_rev, "an element of revs needs the member rev");
  if (made.parent.number() >= made.rev.number())
    return fail(ec::bad_rev, "a revision is not younger than its parent");
  if (!made.rev.is_native()) made.foreign = true; // such a hash is foreign with or without the mark
  nodes.push_back(made);
  if (!body.empty()) bodies.push_back({made.rev, std::string(body)});
  return {};
}

result<void> take_tree(std::string_view list, replicated_document& document) {
  if (list.front() != '[') return bad("the member revs must be a list");
  std::vector<node> nodes;
  json_cursor in(list);
  in.take('[');
  while (!in.take(']')) {
    if (nodes.size() == defaults::merged_nodes)
      return fail(ec::too_large, "a document has more revisions than any may have");
    std::string_view element;
    if (!in.take_value(element)) return fail(ec::internal, "a stored form cannot be read");
    if (auto taken = take_node(element, nodes, document.bodies); !taken) return taken;
    in.take(',');
  }
  std::sort(nodes.begin(), nodes.end(), [](const node& a, const node& b) { return a.rev > b.rev; });
  const auto same = [](const node& a, const node& b) { return a.rev == b.rev; };
  if (std::adjacent_find(nodes.begin(), nodes.end(), same) != nodes.end())
    return fail(ec::bad_rev, "a revision is there twice");
  document.tree = revision_tree::of(nodes);
  for (const node& given : nodes) {
    const node* kept = document.tree.find(given.rev);
    if (given.deleted && kept != nullptr && !kept->leaf)
      return fail(ec::bad_rev, "a tombstone is no leaf");
  }
  return {};
}

} // namespace

result<void>
append_document_line(std::string& out, std::string_view id, uint64_t sequence,
                     const revision_tree& tree,
                     const std::function<result<std::string_view>(const revision&)>& body_of) {
  out += R"({"id":)";
  append_json_string(out, id);
  out += R"(,"seq":)" + std::to_string(sequence) + R"(,"revs":[)";
  bool first = true;
  for (const node& one : tree.nodes()) {
    out += std::exchange(first, false) ? R"({"rev":")" : R"(,{"rev":")";
    out += one.rev.text();
    if (!one.parent.empty()) out += R"(","parent":")" + one.parent.text();
    out += '"';
    if (one.foreign) out += R"(,"foreign":true)";
    if (one.deleted) {
      out += R"(,"deleted":true)";
    } else if (one.leaf) {
      const auto body = body_of(one.rev);
      if (!body) return tl::unexpected(body.error());
      out += R"(,"document":)";
      out += *body;
    }
    out += '}';
  }
  out += "]}";
  return {};
}

result<replicated_document> parse_document_line(std::string_view line, const json_limits& limits) {
  json_limits deeper = limits;
  deeper.depth += line_depth;
  const auto stored = stored_form(line, deeper);
  if (!stored) return tl::unexpected(stored.error());
  if (stored->front() != '{') return fail(ec::not_object, "a line must be a JSON object");
  replicated_document document;
  auto taken =
      each_member(*stored, [&](std::string_view name, std::string_view value) -> result<void> {
        if (name == R"("revs")") return take_tree(value, document);
        if (name == R"("seq")") return {};
        if (name != R"("id")") return bad("a line has the members id, seq and revs, and no other");
        if (value.front() != '"') return fail(ec::bad_id, "the member id must be a string");
        append_unescaped(document.id, value);
        return {};
      });
  if (!taken) return tl::unexpected(taken.error());
  if (document.tree.empty()) return fail(ec::bad_rev, "a line needs the member revs");
  return document;
}

} // namespace treadmill
