#include "net/couch/errors.hpp"
#include "net/couch/answers.hpp"
#include "storage/base/json_string.hpp"

namespace treadmill::couch {

namespace {

/// Status and word. No default label: the compiler warns about a new code that has no word yet.
couch_error form_of(ec code) {
  switch (code) {
  case ec::bad_request:
  case ec::bad_json:
  case ec::not_object:
  case ec::duplicate_key:
  case ec::too_deep:
  case ec::bad_encoding:
  case ec::bad_rev: return {400, "bad_request", {}};
  case ec::bad_id: return {400, "illegal_docid", {}};
  case ec::bad_bucket: return {400, "illegal_database_name", {}};
  case ec::bad_query: return {400, "query_parse_error", {}};
  case ec::bad_map: return {400, "compilation_error", {}};
  case ec::forbidden: return {403, "forbidden", {}};
  case ec::not_found: return {404, "not_found", {}};
  case ec::method_not_allowed: return {405, "method_not_allowed", {}};
  case ec::request_timeout: return {408, "timeout", {}};
  case ec::conflict: return {409, "conflict", {}};
  case ec::length_required: return {411, "length_required", {}};
  case ec::precondition_failed: return {412, "precondition_failed", {}};
  case ec::missing_stub: return {412, "missing_stub", {}};
  case ec::too_large: return {413, "too_large", {}};
  case ec::uri_too_long: return {414, "uri_too_long", {}};
  case ec::unsupported_media_type: return {415, "bad_content_type", {}};
  case ec::not_applied: return {424, "not_applied", {}};
  case ec::headers_too_large: return {431, "headers_too_large", {}};
  case ec::overloaded:
  case ec::shutting_down:
  case ec::deadline_exceeded:
  case ec::unavailable: return {503, "service_unavailable", {}};
  case ec::http_version: return {505, "http_version", {}};
  case ec::disk_full: return {507, "insufficient_storage", {}};
  case ec::bad_reduce: return {500, "builtin_reduce_error", {}};
  case ec::query_suspended: return {500, "view_suspended", {}};
  case ec::ambiguous: return {500, "unknown_error", {}};
  case ec::none:
  case ec::io_error:
  case ec::corrupt:
  case ec::internal: return {500, "internal_server_error", {}};
  }
  return {500, "internal_server_error", {}};
}

/// Reasons that clients compare stand in place of the node's own.
std::string reason_of(const error& problem) {
  switch (problem.code) {
  case ec::conflict: return update_conflict().reason;
  case ec::bad_rev: return bad_revision().reason;
  case ec::bad_json:
  case ec::bad_encoding:
    // The first two words are those that clients look for.
    return "invalid UTF-8 JSON: " + problem.reason;
  default: return problem.reason;
  }
}

} // namespace

couch_error of(const error& problem) {
  couch_error made = form_of(problem.code);
  made.reason = reason_of(problem);
  return made;
}

http::response answer_of(const couch_error& problem) {
  http::response answer = json_answer(problem.status);
  answer.body = R"({"error":)";
  append_json_string(answer.body, problem.word);
  answer.body += R"(,"reason":)";
  append_json_string(answer.body, problem.reason);
  answer.body += '}';
  return answer;
}

http::response error_answer(const error& problem, std::string_view extra) {
  http::response answer = answer_of(of(problem));
  answer.body.insert(answer.body.size() - 1, extra);
  if (answer.status == 503 && problem.code != ec::unavailable)
    answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

void refuse(api::reply& answer, const couch_error& problem) { answer(answer_of(problem)); }

couch_error bad_request(std::string reason) { return {400, "bad_request", std::move(reason)}; }
couch_error bad_parameter(std::string reason) {
  return {400, "query_parse_error", std::move(reason)};
}
couch_error no_database() { return {404, "not_found", "Database does not exist."}; }
couch_error bad_database_name(std::string_view name) {
  return {400, "illegal_database_name",
          "'" + std::string(name) +
              "' is no name of a database: it has a-z, 0-9 and _ $ ( ) + - / only, begins with a "
              "letter, and fits into 128 bytes here"};
}
couch_error database_exists() { return {412, "file_exists", "The database is there already."}; }
couch_error missing() { return {404, "not_found", "missing"}; }
couch_error deleted() { return {404, "not_found", "deleted"}; }
couch_error update_conflict() { return {409, "conflict", "Document update conflict."}; }
couch_error bad_document_id(std::string reason) {
  return {400, "illegal_docid", std::move(reason)};
}
couch_error bad_revision() { return {400, "bad_request", "Invalid rev format"}; }
couch_error bad_member(std::string reason) { return {400, "doc_validation", std::move(reason)}; }
couch_error too_large(std::string reason) { return {413, "document_too_large", std::move(reason)}; }
couch_error not_implemented(std::string reason) {
  return {501, "not_implemented", std::move(reason)};
}

} // namespace treadmill::couch
