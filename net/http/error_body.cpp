#include "net/http/error_body.hpp"
#include "storage/base/json_string.hpp"

namespace treadmill::http {

// No default label: the compiler warns about a new code that has no status yet.
int status_of(ec code) {
  switch (code) {
  case ec::none: return 200;
  case ec::bad_request:
  case ec::bad_json:
  case ec::not_object:
  case ec::duplicate_key:
  case ec::too_deep:
  case ec::bad_encoding:
  case ec::bad_id:
  case ec::bad_bucket:
  case ec::bad_rev:
  case ec::bad_query:
  case ec::bad_map: return 400;
  case ec::forbidden: return 403;
  case ec::not_found: return 404;
  case ec::method_not_allowed: return 405;
  case ec::request_timeout: return 408;
  case ec::not_applied: return 424;
  case ec::conflict: return 409;
  case ec::length_required: return 411;
  case ec::precondition_failed:
  case ec::missing_stub: return 412;
  case ec::too_large: return 413;
  case ec::uri_too_long: return 414;
  case ec::unsupported_media_type: return 415;
  case ec::headers_too_large: return 431;
  // With these three nothing was applied, so a client may simply try again.
  case ec::overloaded:
  case ec::shutting_down:
  case ec::deadline_exceeded:
  // With this one, trying again does not help before an operator has repaired the node: see
  // error_response.
  case ec::unavailable: return 503;
  case ec::http_version: return 505;
  case ec::disk_full: return 507;
  case ec::ambiguous:
  case ec::io_error:
  case ec::corrupt:
  case ec::internal:
  case ec::query_suspended:
  case ec::bad_reduce: return 500;
  }
  return 500;
}

std::string error_body(const error& problem, std::string_view extra) {
  std::string body = R"({"status":"error","error":)";
  append_json_string(body, to_string(problem.code));
  body += R"(,"reason":)";
  append_json_string(body, problem.reason);
  body += extra;
  body += '}';
  return body;
}

response error_response(const error& problem, std::string_view extra) {
  response answer;
  answer.status = status_of(problem.code);
  answer.body = error_body(problem, extra);
  if (answer.status == 503 && problem.code != ec::unavailable)
    answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

} // namespace treadmill::http
