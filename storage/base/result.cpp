#include "storage/base/result.hpp"

namespace treadmill {

std::string_view to_string(ec code) {
  switch (code) { // no default: the compiler then reports a missing code
  case ec::none: return "none";
  case ec::bad_request: return "bad_request";
  case ec::bad_json: return "bad_json";
  case ec::not_object: return "not_object";
  case ec::duplicate_key: return "duplicate_key";
  case ec::too_deep: return "too_deep";
  case ec::bad_encoding: return "bad_encoding";
  case ec::bad_id: return "bad_id";
  case ec::bad_bucket: return "bad_bucket";
  case ec::bad_rev: return "bad_rev";
  case ec::not_found: return "not_found";
  case ec::conflict: return "conflict";
  case ec::precondition_failed: return "precondition_failed";
  case ec::too_large: return "too_large";
  case ec::uri_too_long: return "uri_too_long";
  case ec::headers_too_large: return "headers_too_large";
  case ec::length_required: return "length_required";
  case ec::unsupported_media_type: return "unsupported_media_type";
  case ec::method_not_allowed: return "method_not_allowed";
  case ec::forbidden: return "forbidden";
  case ec::overloaded: return "overloaded";
  case ec::shutting_down: return "shutting_down";
  case ec::deadline_exceeded: return "deadline_exceeded";
  case ec::ambiguous: return "ambiguous";
  case ec::disk_full: return "disk_full";
  case ec::io_error: return "io_error";
  case ec::corrupt: return "corrupt";
  case ec::internal: return "internal";
  case ec::http_version: return "http_version";
  case ec::request_timeout: return "request_timeout";
  case ec::not_applied: return "not_applied";
  case ec::bad_query: return "bad_query";
  case ec::query_suspended: return "query_suspended";
  case ec::bad_map: return "bad_map";
  case ec::bad_reduce: return "bad_reduce";
  case ec::unavailable: return "unavailable";
  case ec::missing_stub: return "missing_stub";
  }
  return "internal";
}

} // namespace treadmill
