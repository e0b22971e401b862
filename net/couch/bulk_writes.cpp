#include "net/api/request_work.hpp"
#include "net/api/write_answers.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/document_writes.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/version.hpp"
#include "storage/base/json_string.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>

namespace treadmill::couch {

namespace {

/// The members of a bulk that count. Views into its stored form.
struct bulk_parts {
  std::string_view docs{};
  bool new_edits = true;
};

/// A replica that was refused before the write: the others are written.
struct refused_replica {
  size_t writes_before = 0; ///< how many of the writes come before it in the request
  std::string id;
  std::string rev;
  couch_error problem;
};

/// All writes of one request.
struct bulk {
  std::shared_ptr<write_group> group = std::make_shared<write_group>();
  std::vector<refused_replica> refused{};
  size_t revisions = 0; ///< that replicas name
  bool new_edits = true;
};

outcome<bulk_parts> read_parts(std::string_view stored) {
  if (!stored.starts_with('{')) return fault(bad_request("the body must be an object with docs"));
  bulk_parts parts;
  std::optional<couch_error> wrong;
  const auto read = each_member(stored, [&](std::string_view name, std::string_view value) {
    if (name == "\"docs\"") parts.docs = value;
    if (name == "\"new_edits\"") {
      parts.new_edits = value == "true";
      if (value != "true" && value != "false")
        wrong = bad_request("new_edits must be true or false");
    }
    if (name == "\"all_or_nothing\"" && value == "true")
      wrong = not_implemented("all_or_nothing: each document has an outcome of its own");
    return result<void>();
  });
  if (!read) return fault(of(read.error()));
  if (wrong) return fault(std::move(*wrong));
  if (!parts.docs.starts_with('[')) return fault(bad_request("the body must have an array docs"));
  return parts;
}

/// What fits no database of this node, however often it is sent again. Replicators leave such a
/// document out and go on; at any other error of a row, PouchDB gives up.
couch_error as_forbidden(couch_error problem) {
  if (problem.status >= 500 && problem.status != 501) return problem;
  return {403, "forbidden", std::move(problem.reason)};
}

outcome<void> add_edit(bulk& made, std::string_view stored, const json_limits& limits) {
  auto document = split_document(stored, limits);
  if (!document) return fault(std::move(document.error()));
  const bool named = document->id.has_value();
  std::string id = named ? std::move(*document->id) : make_id();
  auto op = write_of(std::move(id), std::move(*document), true);
  if (!op) return fault(std::move(op.error()));
  op->made_here = !named;
  made.group->ops.push_back(std::move(*op));
  return {};
}

outcome<void> add_replica(bulk& made, std::string_view stored, const json_limits& limits) {
  auto document = split_document(stored, limits);
  auto named = document ? name_of(*document) : name_of(stored);
  if (!named) return fault(std::move(named.error()));
  if (document) made.revisions += document->history.size();
  if (made.revisions > api::bulk_revisions)
    return fault(too_large("the documents of a bulk have at most " +
                           std::to_string(api::bulk_revisions) + " revisions together"));
  auto op = document ? write_of(named->id, std::move(*document), false)
                     : outcome<write_op>(fault(std::move(document.error())));
  if (op)
    made.group->ops.push_back(std::move(*op));
  else
    made.refused.push_back({made.group->ops.size(), std::move(named->id), to_text(named->rev),
                            as_forbidden(std::move(op.error()))});
  return {};
}

outcome<bulk> read_bulk(std::string_view body, const json_limits& limits) {
  const auto stored = read_json(body, limits);
  if (!stored) return fault(stored.error());
  const auto parts = read_parts(*stored);
  if (!parts) return fault(parts.error());
  bulk made;
  made.new_edits = parts->new_edits;
  json_cursor in(parts->docs);
  in.take('[');
  while (!in.take(']')) {
    if (made.group->ops.size() + made.refused.size() == limits.items)
      return fault(too_large("a bulk has at most " + std::to_string(limits.items) + " documents"));
    std::string_view document;
    if (!in.take_value(document)) return fault(of({ec::internal, "a stored form cannot be read"}));
    auto added =
        made.new_edits ? add_edit(made, document, limits) : add_replica(made, document, limits);
    if (!added) return fault(std::move(added.error()));
    in.take(',');
  }
  return made;
}

void append_refusal(std::string& out, std::string_view id, std::string_view rev,
                    const couch_error& problem) {
  out += R"({"id":)";
  append_json_string(out, id);
  if (!rev.empty()) ((out += R"(,"rev":")") += rev) += '"';
  out += R"(,"error":)";
  append_json_string(out, problem.word);
  out += R"(,"reason":)";
  append_json_string(out, problem.reason);
  out += '}';
}

void append_done(std::string& out, const write_outcome& done) {
  out += R"({"ok":true,"id":)";
  append_json_string(out, done.id);
  out += R"(,"rev":")";
  append_revision(out, done.rev);
  out += "\"}";
}

/// A row for each edit.
std::string rows_of_edits(const std::vector<write_outcome>& outcomes) {
  std::string rows = "[";
  rows.reserve(outcomes.size() * 112);
  for (const write_outcome& done : outcomes) {
    if (rows.size() > 1) rows += ',';
    if (done.ok())
      append_done(rows, done);
    else
      append_refusal(rows, done.id, {}, refusal_of(done));
  }
  return rows += ']';
}

/// A row for each replica that was refused.
std::string rows_of_replicas(const bulk& asked, const std::vector<write_outcome>& outcomes) {
  std::string rows = "[";
  auto refused = asked.refused.begin();
  const auto add = [&](std::string_view id, std::string_view rev, const couch_error& problem) {
    if (rows.size() > 1) rows += ',';
    append_refusal(rows, id, rev, problem);
  };
  for (size_t i = 0; i <= outcomes.size(); ++i) {
    for (; refused != asked.refused.end() && refused->writes_before == i; ++refused)
      add(refused->id, refused->rev, refused->problem);
    if (i == outcomes.size() || outcomes[i].ok()) continue;
    const write_op& op = asked.group->ops[i];
    add(op.id, to_text(op.grafted->tree.winner()->rev), as_forbidden(refusal_of(outcomes[i])));
  }
  return rows += ']';
}

} // namespace

void write_bulk(api::exchange& x) {
  const auto into = find_writable(x);
  if (!into) return;
  auto read = read_bulk(x.request.body, x.node.options.limits);
  if (!read) return refuse(x.answer, read.error());
  auto asked = std::make_shared<const bulk>(std::move(*read));
  if (asked->group->ops.empty()) return answer_json(x.answer, rows_of_replicas(*asked, {}), 201);
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.write(into->bucket.name, false, asked->group, x.request.deadline,
                       [to, asked](const write_answer& done) {
                         if (done.problem.code == ec::not_found) return refuse(*to, no_database());
                         if (done.problem.code != ec::none) return to->refuse(done.problem);
                         answer_json(*to,
                                     asked->new_edits ? rows_of_edits(done.outcomes)
                                                      : rows_of_replicas(*asked, done.outcomes),
                                     201);
                       });
}

} // namespace treadmill::couch
