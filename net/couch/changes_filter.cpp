#include "net/couch/changes_filter.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/json_values.hpp"
#include "net/couch/stored_document.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

/// A member of the body; nothing: the body has none. Errors: bad_request (no JSON).
outcome<std::optional<std::string>> body_member(const api::exchange& x, std::string_view name) {
  if (x.request.body.empty()) return std::optional<std::string>();
  const auto stored = read_json(x.request.body, x.node.options.limits);
  if (!stored) return fault(stored.error());
  if (!stored->starts_with('{')) return fault(bad_request("the body must be an object"));
  std::optional<std::string> found;
  const auto read = each_member(*stored, [&](std::string_view member, std::string_view value) {
    if (member.substr(1, member.size() - 2) == name) found = std::string(value);
    return result<void>();
  });
  if (!read) return fault(of(read.error()));
  return found;
}

outcome<changes_filter> of_ids(const api::exchange& x) {
  auto value = body_member(x, "doc_ids");
  if (!value) return fault(std::move(value.error()));
  if (!*value) {
    if (const auto text = x.text("doc_ids")) {
      auto stored = stored_form(*text, x.node.options.limits);
      if (!stored) return fault(bad_request("doc_ids must be a JSON array of strings"));
      *value = std::move(*stored);
    }
  }
  changes_filter made;
  if (*value) made.ids = strings_of(**value, x.node.options.limits.items);
  if (!made.ids)
    return fault(bad_request("the filter _doc_ids needs doc_ids, an array of strings, at most " +
                             std::to_string(x.node.options.limits.items)));
  std::sort(made.ids->begin(), made.ids->end());
  return made;
}

outcome<changes_filter> of_selector(const api::exchange& x) {
  const auto value = body_member(x, "selector");
  if (!value) return fault(value.error());
  if (!*value) return fault(bad_request("the filter _selector needs a selector in the body"));
  auto read = selector::parse(**value);
  if (!read) return fault(of(read.error()));
  changes_filter made;
  made.matching = std::move(*read);
  return made;
}

/// A function of a design document, `ddoc/name`.
couch_error of_function(const api::exchange& x, const database& from, std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos || slash == 0)
    return bad_request("filter must be _doc_ids, _design, _selector or designdoc/filtername");
  const auto view = x.node.backend.rows().latest();
  const auto design = stored_document::find(view, from.bucket.number,
                                            "_design/" + std::string(name.substr(0, slash)));
  if (!design) return design.error();
  if (design->row().deleted) return deleted();
  return not_implemented("functions of design documents do not run yet");
}

} // namespace

outcome<changes_filter> read_changes_filter(const api::exchange& x, const database& from) {
  const auto name = x.text("filter");
  if (!name || name->empty()) return changes_filter();
  if (*name == "_doc_ids") return of_ids(x);
  if (*name == "_selector") return of_selector(x);
  if (*name == "_view") return fault(of_function(x, from, x.text("view").value_or("")));
  if (*name != "_design") return fault(of_function(x, from, *name));
  changes_filter made;
  made.designs = true;
  return made;
}

} // namespace treadmill::couch
