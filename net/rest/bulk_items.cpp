#include "net/rest/bulk_items.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/write_answers.hpp"
#include "net/http/error_body.hpp"
#include "storage/base/json_string.hpp"
#include "storage/documents/names.hpp"

namespace treadmill::rest {

namespace {

result<void> set_id(write_op& op, client_document& document) {
  if (!document.id) {
    if (document.deleted) return fail(ec::bad_id, "a deletion names the id of its document");
    op.id = make_document_id();
    op.made_here = true;
    return {};
  }
  op.id = std::move(*document.id);
  return check_id(op.id);
}

result<void> set_revision(write_op& op, const client_document& document) {
  if (!document.rev) return {};
  auto rev = parse_revision(*document.rev);
  if (!rev) return tl::unexpected(std::move(rev.error()));
  op.rev = *rev;
  return {};
}

} // namespace

void fill_op(write_op& op, result<client_document>& document, bool create) {
  if (!document) {
    op.refused = std::move(document.error());
    return;
  }
  auto done = set_id(op, *document);
  if (done) done = set_revision(op, *document);
  if (!done) op.refused = std::move(done.error());
  if (document->deleted) {
    op.what = write_op::kind::remove;
  } else {
    if (create && !op.rev) op.what = write_op::kind::create;
    op.body = std::move(document->body);
  }
}

std::string members_of(const write_outcome& outcome) {
  std::string members;
  if (!outcome.id.empty()) append_json_string(members += R"(,"id":)", outcome.id);
  return members + api::current_revision(outcome);
}

void append_result(std::string& out, const write_outcome& outcome) {
  if (outcome.ok()) {
    out += R"({"status":"OK","id":)";
    append_json_string(out, outcome.id);
    out += R"(,"rev":")";
    api::append_revision(out, outcome.rev);
    out += "\"}";
    return;
  }
  out += http::error_body(outcome.problem, members_of(outcome));
}

std::string results_of(const std::vector<write_outcome>& outcomes) {
  std::string results;
  results.reserve(outcomes.size() * 112);
  results += '[';
  for (const write_outcome& outcome : outcomes) {
    if (results.size() > 1) results += ',';
    append_result(results, outcome);
  }
  results += ']';
  return results;
}

} // namespace treadmill::rest
