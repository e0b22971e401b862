#include "storage/documents/replicated.hpp"
#include "storage/documents/names.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/json/json_cursor.hpp"

namespace treadmill {

namespace {

using node = revision_tree::node;
using bodies = std::map<revision, std::string_view>;

result<void> check_name(std::string_view id) {
  return is_query_document(id) ? check_query_name(query_name_of(id)) : check_id(id);
}

/// The stored form of a body, in which `id` and `rev` are members like any other.
result<std::string> parse_body(const std::string& body, const json_limits& limits) {
  auto stored = stored_form(body, limits);
  if (!stored) return stored;
  if (stored->front() != '{') return fail(ec::not_object, "a document must be a JSON object");
  const auto named = each_member(*stored, [](std::string_view name, std::string_view) {
    if (name.substr(0, 2) != "\"_") return result<void>();
    return result<void>(
        fail(ec::bad_request, "top-level members that begin with an underscore are reserved"));
  });
  if (!named) return tl::unexpected(named.error());
  return stored;
}

/// A body must equal its stored form on this node, since its hash covers exactly these bytes.
result<void> check_body(std::string_view id, const std::string& body, const json_limits& limits) {
  if (body.size() > limits.document_bytes) {
    return fail(ec::too_large, "a document is larger than this node takes");
  }
  std::string stored;
  if (is_query_document(id)) {
    auto definition = parse_definition(body, limits);
    if (!definition) return tl::unexpected(definition.error());
    if (auto right = check_definition(*definition); !right) return right;
    stored = definition_body(*definition);
  } else {
    auto parsed = parse_body(body, limits);
    if (!parsed) return tl::unexpected(parsed.error());
    stored = std::move(*parsed);
  }
  if (stored != body) return fail(ec::bad_json, "a body is not in its stored form");
  return {};
}

bool is_revision(const revision& rev) {
  if (rev.is_native()) return rev.number() >= 1 && rev.number() <= defaults::revision_number;
  return parse_revision(rev.text()).has_value();
}

/// Checks the rules for all nodes, including foreign ones.
result<void> check_form(const node& n) {
  if (!is_revision(n.rev) || (!n.parent.empty() && !is_revision(n.parent))) {
    return fail(ec::bad_rev, "a revision is not valid");
  }
  if (n.parent.number() >= n.rev.number()) {
    return fail(ec::bad_rev, "a revision is not younger than its parent");
  }
  return {};
}

/// Checks the rules for a node that Treadmill made. Every edit adds one to its parent's number.
result<void> check_hash(const node& n, const bodies& known) {
  if (n.foreign || !n.rev.is_native()) return {};
  if (n.parent.number() + 1 != n.rev.number()) {
    return fail(ec::bad_rev, "the number of a revision is not that of its parent plus one");
  }
  if (!n.leaf) return {};
  const auto body = known.find(n.rev);
  if (!n.deleted && body == known.end()) return {}; // the receiver has it, or merge refuses it
  const std::string_view hashed = n.deleted ? std::string_view() : body->second;
  if (make_revision(n.parent, n.deleted, hashed) != n.rev) {
    return fail(ec::bad_rev, "a revision's hash is not that of its document");
  }
  return {};
}

} // namespace

bool is_own_limit(std::string_view id, ec code) {
  if (code == ec::too_large || code == ec::too_deep) return true;
  return is_query_document(id) &&
         (code == ec::bad_map || code == ec::bad_request || code == ec::not_object);
}

bool is_left_out(std::string_view id, ec code) {
  return code == ec::corrupt || is_own_limit(id, code);
}

std::map<revision, std::string_view> bodies_by_revision(const replicated_document& document) {
  bodies found;
  for (const leaf_body& item : document.bodies) found.emplace(item.rev, item.body);
  return found;
}

result<void> check_replicated(const replicated_document& document, const json_limits& limits) {
  if (auto named = check_name(document.id); !named) return named;
  if (document.tree.empty()) return fail(ec::bad_rev, "a document without a revision");
  const bodies known = bodies_by_revision(document);
  if (known.size() != document.bodies.size()) {
    return fail(ec::bad_rev, "a revision has two bodies");
  }
  for (const node& n : document.tree.nodes()) {
    if (auto right = check_form(n); !right) return right;
    if (auto right = check_hash(n, known); !right) return right;
  }
  for (const leaf_body& item : document.bodies) {
    const node* leaf = document.tree.find(item.rev);
    if (leaf == nullptr || !leaf->leaf || leaf->deleted) {
      return fail(ec::bad_rev, "a body of a revision that is no live leaf");
    }
    if (auto right = check_body(document.id, item.body, limits); !right) return right;
  }
  return {};
}

} // namespace treadmill
