#pragma once
#include "net/http/http.hpp"
#include "storage/base/result.hpp"

namespace treadmill::http {

/// The one place that turns an error into HTTP. Covers every `ec` (tested).
int status_of(ec code);
/// `{"status":"error","error":"<code word>","reason":"<phrase>"<extra>}`; `extra`: empty, or more
/// members, each after a comma (`,"rev":"…"`).
std::string error_body(const error& problem, std::string_view extra = {});
/// The whole answer, with Retry-After if trying again soon may help (503, except `unavailable`).
response error_response(const error& problem, std::string_view extra = {});

} // namespace treadmill::http
