#include "net/api/preconditions.hpp"
#include "net/couch/answers.hpp"
#include "net/couch/databases.hpp"
#include "net/couch/document_text.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/handlers.hpp"
#include "net/couch/local_documents.hpp"
#include "net/couch/names.hpp"
#include "net/couch/open_revisions.hpp"
#include "net/couch/parameters.hpp"
#include "net/couch/revisions.hpp"
#include "net/couch/shown_members.hpp"
#include "net/couch/stored_document.hpp"

namespace treadmill::couch {

namespace {

/// The revision that the request names, or the winner.
outcome<stored_revision> asked_revision(const api::exchange& x, const stored_document& document,
                                        bool latest) {
  const auto text = x.text("rev");
  if (!text) return document.winner();
  auto rev = parse_revision(*text);
  if (!rev) return fault(std::move(rev.error()));
  if (latest) {
    const auto tree = document.whole_tree();
    if (!tree) return fault(tree.error());
    rev = branch_leaves(**tree).leaf_of(*rev);
    if (rev->empty()) return fault(missing());
  }
  return document.find_revision(*rev);
}

void answer_document(api::exchange& x, const stored_document& document, const stored_revision& rev,
                     bool is_plain, std::string_view extra) {
  http::response answer = json_answer();
  std::string tag = etag_of(rev.rev);
  if (is_plain && api::none_match_names(x.request.header("If-None-Match"),
                                        std::string_view(tag).substr(1, tag.size() - 2))) {
    answer.status = 304;
    answer.content_type.clear();
    answer.headers.emplace_back("ETag", std::move(tag));
    return x.answer(std::move(answer));
  }
  if (is_plain) answer.headers.emplace_back("ETag", std::move(tag));
  answer.body.reserve(rev.body.size() + document.id().size() + extra.size() + 96);
  append_document(answer.body, document.id(), rev.rev, rev.deleted, rev.body, extra);
  x.answer(std::move(answer));
}

void read_named(api::exchange& x, std::string_view id) {
  const auto from = find_database(x);
  if (!from) return;
  if (is_local(id)) return read_local(x, *from, std::string(id));
  auto shown = read_shown(x);
  if (!shown) return refuse(x.answer, shown.error());
  if (const auto open = x.text("open_revs"))
    return answer_open_revisions(x, *from, id, *shown, *open);
  // Without parameters, one row says everything.
  const store& rows = x.node.backend.rows();
  const auto view = x.query.all().empty() ? rows.latest() : rows.snapshot();
  const auto document = stored_document::find(view, from->bucket.number, id);
  if (!document) return refuse(x.answer, document.error());
  const auto rev = asked_revision(x, *document, shown->latest);
  if (!rev) return refuse(x.answer, rev.error());
  if (x.text("rev")) shown->conflicts = shown->deleted_conflicts = false;
  const auto limit = shown->any() ? revs_limit(x.node.backend, from->bucket.number)
                                  : result<uint64_t>(uint64_t{0});
  if (!limit) return x.answer.refuse(limit.error());
  const auto extra = extra_members(*shown, *document, rev->rev, *limit);
  if (!extra) return refuse(x.answer, extra.error());
  answer_document(x, *document, *rev, !shown->any() && !x.text("rev"), *extra);
}

} // namespace

void read_document(api::exchange& x) { read_named(x, x.values.others[0]); }

void read_design_document(api::exchange& x) {
  read_named(x, "_design/" + std::string(x.values.others[0]));
}

void read_attachment(api::exchange& x) {
  if (find_database(x)) refuse(x.answer, {404, "not_found", "Document is missing attachment"});
}

} // namespace treadmill::couch
