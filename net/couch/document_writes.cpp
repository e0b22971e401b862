#include "net/couch/document_writes.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/local_documents.hpp"
#include "net/couch/parameters.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/stored_document.hpp"
#include "net/couch/version.hpp"
#include "net/http/header_text.hpp"
#include "net/http/url.hpp"
#include "storage/base/json_string.hpp"

namespace treadmill::couch {

namespace {

/// Adds one revision that the request names to those before it.
outcome<void> add_named(std::optional<revision>& named, std::string_view text) {
  auto rev = parse_revision(text);
  if (!rev) return fault(std::move(rev.error()));
  if (named && *named != *rev)
    return fault(bad_request("the request names two different revisions"));
  named = *rev;
  return {};
}

std::string_view without_quotes(std::string_view tag) {
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"')
    tag = tag.substr(1, tag.size() - 2);
  return tag;
}

http::response written(const write_outcome& done, int status, const std::string& place) {
  http::response answer = json_answer(status);
  answer.body = R"({"ok":true,"id":)";
  append_json_string(answer.body, done.id);
  answer.body += R"(,"rev":")";
  append_revision(answer.body, done.rev);
  answer.body += "\"}";
  answer.headers.emplace_back("ETag", etag_of(done.rev));
  if (!place.empty()) answer.headers.emplace_back("Location", place);
  return answer;
}

/// Submits one write and answers it: 201 with the place of the document, 200 without one.
void submit(api::exchange& x, const database& into, write_op&& op, bool creates) {
  auto group = std::make_shared<write_group>();
  const std::string place = creates ? location(x.request, {into.name, op.id}) : std::string();
  group->ops.push_back(std::move(op));
  auto to = std::make_shared<api::reply>(std::move(x.answer));
  x.node.backend.write(into.bucket.name, false, std::move(group), x.request.deadline,
                       [to, place](write_answer done) {
                         // Of a group, only the bucket can be missing.
                         if (done.problem.code == ec::not_found) return refuse(*to, no_database());
                         if (done.problem.code != ec::none) return to->refuse(done.problem);
                         const write_outcome& outcome = done.outcomes.front();
                         if (!outcome.ok()) return refuse(*to, refusal_of(outcome));
                         (*to)(written(outcome, place.empty() ? 200 : 201, place));
                       });
}

/// The document in the body, with the revision that the request names.
outcome<couch_document> read_body(const api::exchange& x) {
  const json_limits& limits = x.node.options.limits;
  const auto text = read_json(x.request.body, limits);
  if (!text) return fault(text.error());
  auto document = split_document(*text, limits);
  if (!document) return document;
  auto named = named_revision(x, document->rev);
  if (!named) return fault(std::move(named.error()));
  document->rev = *named;
  return document;
}

/// PUT and POST.
void write_named(api::exchange& x, const database& into, std::string id,
                 couch_document&& document) {
  const auto new_edits = read_flag(x, "new_edits", true);
  if (!new_edits) return refuse(x.answer, new_edits.error());
  auto op = write_of(std::move(id), std::move(document), *new_edits);
  if (!op) return refuse(x.answer, op.error());
  submit(x, into, std::move(*op), true);
}

void put_named(api::exchange& x, std::string id) {
  const auto into = find_writable(x);
  if (!into) return;
  if (is_local(id)) return put_local(x, *into, id);
  if (const auto checked = check_document_id(id); !checked)
    return refuse(x.answer, checked.error());
  auto document = read_body(x);
  if (!document) return refuse(x.answer, document.error());
  write_named(x, *into, std::move(id), std::move(*document));
}

void delete_named(api::exchange& x, std::string id) {
  const auto from = find_writable(x);
  if (!from) return;
  if (is_local(id)) return delete_local(x, *from, id);
  auto named = named_revision(x, std::nullopt);
  if (!named) return refuse(x.answer, named.error());
  const auto view = x.node.backend.rows().latest();
  const auto document = stored_document::find(view, from->bucket.number, id);
  if (!document) return refuse(x.answer, document.error());
  if (document->row().deleted) return refuse(x.answer, deleted());
  couch_document tombstone;
  tombstone.body = "{}";
  tombstone.rev = *named;
  tombstone.deleted = true;
  auto op = write_of(std::move(id), std::move(tombstone), true);
  if (!op) return refuse(x.answer, op.error());
  submit(x, *from, std::move(*op), false);
}

/// The Destination of a COPY: `id` or `id?rev=…`, encoded.
struct copy_target {
  std::string id;
  std::optional<revision> rev{};
};

outcome<copy_target> read_target(std::string_view header) {
  if (header.empty()) return fault(bad_request("COPY needs a header Destination"));
  if (header.starts_with("http://") || header.starts_with("https://"))
    return fault(bad_request("the Destination must be the id of a document"));
  const size_t mark = std::min(header.find('?'), header.size());
  auto id = http::percent_decode(header.substr(0, mark), false);
  if (!id) return fault(of(id.error()));
  copy_target target{std::move(*id)};
  if (auto checked = check_document_id(target.id); !checked)
    return fault(std::move(checked.error()));
  if (mark == header.size()) return target;
  const auto query = http::query::parse(header.substr(mark + 1));
  if (!query) return fault(of(query.error()));
  if (const auto text = query->find("rev")) {
    auto rev = parse_revision(*text);
    if (!rev) return fault(std::move(rev.error()));
    target.rev = *rev;
  }
  return target;
}

void copy_named(api::exchange& x, const std::string& id) {
  const auto in = find_writable(x);
  if (!in) return;
  auto target = read_target(x.request.header("Destination"));
  if (!target) return refuse(x.answer, target.error());
  const auto named = named_revision(x, std::nullopt);
  if (!named) return refuse(x.answer, named.error());
  const auto view = x.node.backend.rows().snapshot();
  const auto source = stored_document::find(view, in->bucket.number, id);
  if (!source) return refuse(x.answer, source.error());
  auto copied = *named ? source->find_revision(**named) : source->winner();
  if (!copied) return refuse(x.answer, copied.error());
  couch_document document;
  document.body = std::move(copied->body);
  document.rev = target->rev;
  document.deleted = copied->deleted;
  auto op = write_of(std::move(target->id), std::move(document), true);
  if (!op) return refuse(x.answer, op.error());
  submit(x, *in, std::move(*op), true);
}

std::string design_id(const api::exchange& x) {
  return "_design/" + std::string(x.values.others[0]);
}
std::string plain_id(const api::exchange& x) { return std::string(x.values.others[0]); }

} // namespace

outcome<write_op> write_of(std::string id, couch_document&& document, bool new_edits) {
  if (auto checked = check_document_id(id); !checked) return fault(std::move(checked.error()));
  write_op op;
  op.id = std::move(id);
  if (new_edits) {
    op.what = write_op::kind::edit;
    op.rev = document.rev;
    op.deleted = document.deleted;
    if (!op.deleted) op.body = std::move(document.body);
    return op;
  }
  auto grafted = grafted_document(op.id, std::move(document));
  if (!grafted) return fault(std::move(grafted.error()));
  op.what = write_op::kind::graft;
  op.grafted = std::make_shared<const replicated_document>(std::move(*grafted));
  return op;
}

couch_error refusal_of(const write_outcome& outcome) { return of(outcome.problem); }

outcome<std::optional<revision>> named_revision(const api::exchange& x,
                                                const std::optional<revision>& in_body) {
  std::optional<revision> named = in_body;
  if (const auto text = x.text("rev"))
    if (auto added = add_named(named, *text); !added) return fault(std::move(added.error()));
  if (const std::string_view tag = x.request.header("If-Match"); !tag.empty())
    if (auto added = add_named(named, without_quotes(tag)); !added)
      return fault(std::move(added.error()));
  return named;
}

void post_document(api::exchange& x) {
  const auto into = find_writable(x);
  if (!into) return;
  auto document = read_body(x);
  if (!document) return refuse(x.answer, document.error());
  std::string id = document->id ? *document->id : make_id();
  write_named(x, *into, std::move(id), std::move(*document));
}

void put_document(api::exchange& x) { put_named(x, plain_id(x)); }
void put_design_document(api::exchange& x) { put_named(x, design_id(x)); }
void delete_document(api::exchange& x) { delete_named(x, plain_id(x)); }
void delete_design_document(api::exchange& x) { delete_named(x, design_id(x)); }
void copy_document(api::exchange& x) { copy_named(x, plain_id(x)); }
void copy_design_document(api::exchange& x) { copy_named(x, design_id(x)); }

} // namespace treadmill::couch
