#include "net/api/answer_text.hpp"
#include "net/api/preconditions.hpp"
#include "net/api/write_answers.hpp"
#include "net/http/error_body.hpp"
#include "net/rest/handlers.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"

namespace treadmill::rest {

namespace {

result<std::string> find_leaf(const read_view& view, uint32_t bucket, std::string_view id,
                              const revision& rev, const document_row& row) {
  if (rev != row.winner) return view.leaf_body(bucket, id, rev);
  if (row.deleted) return fail(ec::not_found, "deleted");
  return std::string(row.body);
}

/// `_conflicts` and `_history`, if the request asks for them.
result<std::string> extra_members(const api::exchange& x, const read_view& view, uint32_t bucket,
                                  const revision& shown) {
  std::string extra;
  if (!x.flag("conflicts") && !x.flag("history")) return extra;
  const auto tree = view.full_tree(bucket, x.id());
  if (!tree) return tl::unexpected(tree.error());
  if (x.flag("conflicts")) {
    extra += R"(,"_conflicts":)";
    api::append_revisions(extra, api::conflicts_of(*tree));
  }
  if (x.flag("history")) {
    extra += R"(,"_history":)";
    api::append_revisions(extra, tree->history(shown));
  }
  return extra;
}

/// Whether a leaf was made elsewhere, so that its revision does not determine its body.
bool made_elsewhere(const document_row& row, const revision& rev) {
  if (rev == row.winner) return row.foreign || !rev.is_native();
  const auto tree = row.tree(); // has all leaves
  const revision_tree::node* leaf = tree ? tree->find(rev) : nullptr;
  return leaf == nullptr || leaf->elsewhere();
}

void answer_document(api::exchange& x, const document_row& row, const revision& rev,
                     std::string_view body, std::string_view extra) {
  http::response answer;
  std::string tag = made_elsewhere(row, rev) ? api::etag_of(rev, body) : api::etag_of(rev);
  const std::string_view shown = std::string_view(tag).substr(1, tag.size() - 2);
  if (extra.empty() && api::none_match_names(x.request.header("If-None-Match"), shown)) {
    answer.headers.emplace_back("ETag", std::move(tag));
    answer.status = 304;
    answer.content_type.clear();
    return x.answer(std::move(answer));
  }
  const std::string_view text = shown.substr(0, shown.find(api::body_mark));
  answer.body.reserve(body.size() + x.id().size() + extra.size() + 80);
  append_document(answer.body, x.id(), text, body, extra);
  if (extra.empty()) answer.headers.emplace_back("ETag", std::move(tag));
  x.answer(std::move(answer));
}

void read_with_parameters(api::exchange& x, uint32_t bucket) {
  const auto view = x.node.backend.rows().snapshot();
  const auto stored = view.read(keys::document(bucket, x.id()));
  if (!stored) return x.answer.refuse(stored.error());
  if (!*stored) return x.answer.refuse(api::missing_document(x.id()));
  const auto row = document_row::decode(**stored);
  if (!row) return x.answer.refuse(row.error());
  revision rev = row->winner;
  if (const auto asked = x.text("rev")) {
    const auto parsed = parse_revision(*asked);
    if (!parsed) return x.answer.refuse(parsed.error());
    rev = *parsed;
  }
  const auto body = find_leaf(view, bucket, x.id(), rev, *row);
  if (!body) return x.answer.refuse(body.error());
  const auto extra = extra_members(x, view, bucket, rev);
  if (!extra) return x.answer.refuse(extra.error());
  answer_document(x, *row, rev, *body, *extra);
}

/// Reads the body and the precondition into `op`.
result<client_document> read_body(api::exchange& x, write_op& op) {
  auto document = parse_document(x.request.body, false, x.node.options.limits);
  if (!document) return document;
  const auto asked = api::write_precondition(x.request, x.text("rev"), document->rev);
  if (!asked) return tl::unexpected(asked.error());
  op.when = asked->when;
  op.rev = asked->rev;
  op.body = std::move(document->body);
  return document;
}

/// PUT and PATCH: the id comes from the URL.
void write_named(api::exchange& x, write_op::kind what, api::write_call call) {
  write_op op;
  op.what = what;
  if (auto checked = check_id(x.id()); !checked) return x.answer.refuse(checked.error());
  const auto document = read_body(x, op);
  if (!document) return x.answer.refuse(document.error());
  if (document->id && *document->id != x.id())
    return x.answer.refuse({ec::bad_request, "the id in the body is not the one in the URL"});
  op.id = x.id();
  api::write_document(x, std::move(op), call);
}

} // namespace

void read_document(api::exchange& x) {
  const auto bucket = x.existing_bucket();
  if (!bucket) return;
  if (!x.query.all().empty()) return read_with_parameters(x, bucket->number);
  const auto stored = x.node.backend.rows().latest().read(keys::document(bucket->number, x.id()));
  if (!stored) return x.answer.refuse(stored.error());
  if (!*stored) return x.answer.refuse(api::missing_document(x.id()));
  const auto row = document_row::decode(**stored);
  if (!row) return x.answer.refuse(row.error());
  if (row->deleted) return x.answer.refuse({ec::not_found, "deleted"});
  answer_document(x, *row, row->winner, row->body, {});
}

void post_document(api::exchange& x) {
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return x.answer.refuse(checked.error());
  write_op op;
  op.what = write_op::kind::create;
  const auto document = read_body(x, op);
  if (!document) return x.answer.refuse(document.error());
  if (op.rev || op.when != write_op::only::always)
    return x.answer.refuse({ec::bad_request, "POST creates: a revision is for PUT"});
  op.made_here = !document->id;
  op.id = op.made_here ? make_document_id() : *document->id;
  if (auto checked = check_id(op.id); !checked) return x.answer.refuse(checked.error());
  api::write_document(x, std::move(op), api::write_call::create);
}

void put_document(api::exchange& x) {
  if (auto checked = check_bucket_name(x.bucket()); !checked)
    return x.answer.refuse(checked.error());
  write_named(x, write_op::kind::put, api::write_call::put);
}

void patch_document(api::exchange& x) {
  if (!x.existing_bucket()) return;
  write_named(x, write_op::kind::patch, api::write_call::update);
}

void delete_document(api::exchange& x) {
  if (!x.existing_bucket()) return;
  if (auto checked = check_id(x.id()); !checked) return x.answer.refuse(checked.error());
  const auto asked = api::write_precondition(x.request, x.text("rev"), std::nullopt);
  if (!asked) return x.answer.refuse(asked.error());
  write_op op;
  op.what = write_op::kind::remove;
  op.id = x.id();
  op.when = asked->when;
  op.rev = asked->rev;
  api::write_document(x, std::move(op), api::write_call::update);
}

} // namespace treadmill::rest
