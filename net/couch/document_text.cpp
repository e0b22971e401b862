#include "net/couch/document_text.hpp"
#include "net/couch/json_values.hpp"
#include "net/couch/revisions.hpp"
#include "storage/base/json_string.hpp"
#include "storage/json/json_cursor.hpp"
#include "storage/json/json_number.hpp"
#include <algorithm>
#include <array>

namespace treadmill::couch {

namespace {

/// Members that nodes send and do not take in.
constexpr std::array<std::string_view, 4> passed_over{"\"_local_seq\"", "\"_revs_info\"",
                                                      "\"_conflicts\"", "\"_deleted_conflicts\""};

/// A number of edits: digits alone.
std::optional<uint32_t> read_start(std::string_view value) {
  const auto number = parse_number(value);
  if (!number || !number->integer || number->negative ||
      number->magnitude > defaults::revision_number)
    return std::nullopt;
  return static_cast<uint32_t>(number->magnitude);
}

/// The hashes of `_revisions`, newest first.
struct listed_hashes {
  std::vector<std::string> kept{}; ///< as many as a tree keeps
  size_t count = 0;
};

std::optional<listed_hashes> read_hashes(std::string_view value) {
  listed_hashes hashes;
  json_cursor in(value);
  if (!in.take('[')) return std::nullopt;
  for (; !in.take(']'); ++hashes.count) {
    std::string_view hash;
    if (!in.take_string(hash)) return std::nullopt;
    if (hashes.count < defaults::revision_depth) hashes.kept.push_back(unquoted(hash));
    in.take(',');
  }
  return hashes;
}

outcome<std::vector<revision>> read_history(std::string_view value) {
  std::optional<uint32_t> start;
  listed_hashes hashes;
  std::optional<couch_error> wrong;
  if (!value.starts_with('{')) return fault(bad_member("_revisions is no object"));
  const auto read = each_member(value, [&](std::string_view name, std::string_view member) {
    if (name == "\"start\"") start = read_start(member);
    if (name != "\"ids\"") return result<void>();
    auto ids = read_hashes(member);
    if (ids)
      hashes = std::move(*ids);
    else
      wrong = bad_member("_revisions.ids is no array of strings");
    return result<void>();
  });
  if (!read) return fault(of(read.error()));
  if (wrong) return fault(std::move(*wrong));
  if (!start) return fault(bad_member("_revisions.start is no number of edits"));
  if (hashes.count == 0 || hashes.count > *start)
    return fault(bad_member("_revisions has no ids, or more than its start says"));
  std::vector<revision> history;
  for (size_t i = 0; i < hashes.kept.size(); ++i) {
    auto rev = parse_revision(std::to_string(*start - i) + '-' + hashes.kept[i]);
    if (!rev) return fault(std::move(rev.error()));
    history.push_back(*rev);
  }
  return history;
}

/// Takes one member that begins with an underscore.
outcome<void> take_reserved(couch_document& made, std::string_view name, std::string_view value) {
  if (name == "\"_id\"") {
    if (!is_string(value)) return fault(bad_request("the id of a document must be a string"));
    made.id = unquoted(value);
  } else if (name == "\"_rev\"") {
    if (!is_string(value)) return fault(bad_revision());
    auto rev = parse_revision(unquoted(value));
    if (!rev) return fault(std::move(rev.error()));
    made.rev = *rev;
  } else if (name == "\"_deleted\"") {
    if (value != "true" && value != "false")
      return fault(bad_member("_deleted must be true or false"));
    made.deleted = value == "true";
  } else if (name == "\"_revisions\"") {
    auto history = read_history(value);
    if (!history) return fault(std::move(history.error()));
    made.history = std::move(*history);
  } else if (name == "\"_attachments\"") {
    if (!value.starts_with('{')) return fault(bad_member("_attachments must be an object"));
    if (value != "{}") return fault(not_implemented("attachments are not kept yet"));
  } else if (std::find(passed_over.begin(), passed_over.end(), name) == passed_over.end()) {
    return fault(bad_member("a document has no member " + unquoted(name) +
                            ": names that begin with an underscore are reserved"));
  }
  return {};
}

/// What the store's format does not keep yet.
outcome<void> check_storable(const couch_document& document, bool has_id_or_rev) {
  if (has_id_or_rev)
    return fault(not_implemented("top-level members called id and rev are not kept yet"));
  if (document.deleted && document.body != "{}")
    return fault(not_implemented("a deleted document keeps no members yet"));
  return {};
}

} // namespace

outcome<std::string> read_json(std::string_view text, const json_limits& limits) {
  auto stored = stored_form_of_last(text, limits);
  if (!stored) return fault(of(stored.error()));
  return std::move(*stored);
}

outcome<couch_document> split_document(std::string_view stored, const json_limits& limits) {
  if (!stored.starts_with('{')) return fault(bad_request("Document must be a JSON object"));
  couch_document made;
  made.body.reserve(stored.size());
  made.body = '{';
  bool has_id_or_rev = false;
  std::optional<couch_error> wrong;
  const auto read = each_member(stored, [&](std::string_view name, std::string_view value) {
    if (name.starts_with("\"_")) {
      if (auto taken = take_reserved(made, name, value); !taken && !wrong)
        wrong = std::move(taken.error());
      return result<void>();
    }
    has_id_or_rev = has_id_or_rev || name == "\"id\"" || name == "\"rev\"";
    if (made.body.size() > 1) made.body += ',';
    ((made.body += name) += ':') += value;
    return result<void>();
  });
  if (!read) return fault(of(read.error()));
  if (wrong) return fault(std::move(*wrong));
  made.body += '}';
  if (made.body.size() > limits.document_bytes)
    return fault(too_large("the document is larger than the limit"));
  if (auto kept = check_storable(made, has_id_or_rev); !kept) return fault(std::move(kept.error()));
  return made;
}

outcome<replica_name> name_of(const couch_document& document) {
  if (!document.id) return fault(bad_request("a document with new_edits=false needs an _id"));
  if (document.rev) return replica_name{*document.id, *document.rev};
  if (document.history.empty())
    return fault(bad_request("a document with new_edits=false needs _rev or _revisions"));
  return replica_name{*document.id, document.history.front()};
}

outcome<replica_name> name_of(std::string_view stored) {
  if (!stored.starts_with('{')) return fault(bad_request("Document must be a JSON object"));
  couch_document named;
  std::optional<couch_error> wrong;
  const auto read = each_member(stored, [&](std::string_view name, std::string_view value) {
    if (name != "\"_id\"" && name != "\"_rev\"" && name != "\"_revisions\"") return result<void>();
    if (auto taken = take_reserved(named, name, value); !taken && !wrong)
      wrong = std::move(taken.error());
    return result<void>();
  });
  if (!read) return fault(of(read.error()));
  if (wrong) return fault(std::move(*wrong));
  return name_of(named);
}

outcome<replicated_document> grafted_document(std::string_view id, couch_document&& document) {
  if (document.history.empty() && document.rev) document.history.push_back(*document.rev);
  if (document.history.empty())
    return fault(bad_request("a document with new_edits=false needs _rev or _revisions"));
  const revision& newest = document.history.front();
  if (document.rev && *document.rev != newest)
    return fault(bad_request("_rev is not the first one of _revisions"));
  std::vector<revision_tree::node> nodes;
  for (size_t i = 0; i < document.history.size(); ++i) {
    revision_tree::node& made = nodes.emplace_back();
    made.rev = document.history[i];
    if (i + 1 < document.history.size()) made.parent = document.history[i + 1];
    made.foreign = true;
  }
  nodes.front().deleted = document.deleted;
  replicated_document made{std::string(id), revision_tree::of(std::move(nodes)), {}};
  if (!document.deleted) made.bodies.push_back({newest, std::move(document.body)});
  return made;
}

void append_document(std::string& out, std::string_view id, const revision& rev, bool is_tombstone,
                     std::string_view body, std::string_view extra) {
  out += R"({"_id":)";
  append_json_string(out, id);
  out += R"(,"_rev":")";
  append_revision(out, rev);
  out += '"';
  if (is_tombstone) out += R"(,"_deleted":true)";
  if (body.size() > 2) {
    out += ',';
    out += body.substr(1, body.size() - 2);
  }
  out += extra;
  out += '}';
}

} // namespace treadmill::couch
