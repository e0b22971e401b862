#pragma once
#include "net/http/http.hpp"
#include "storage/base/result.hpp"
#include "storage/engine/bucket_core.hpp"
#include <optional>
#include <string_view>

namespace treadmill::api {

/// The condition of a write on the current document, from the headers, the parameter and the body.
struct precondition {
  write_op::only when = write_op::only::always;
  std::optional<revision> rev;
};

/// Reads If-Match and If-None-Match of a write together with `?rev=` and the member `rev` of the
/// body. If several of them name a revision, it must be the same one. If-Match takes `*` or one
/// strong tag (quotes may be left out), If-None-Match takes `*`. Errors: bad_rev; bad_request (they
/// contradict each other, or there is more than one); precondition_failed (a weak tag, which does
/// not identify a revision exactly).
result<precondition> write_precondition(const http::request& request,
                                        std::optional<std::string_view> parameter,
                                        std::optional<std::string_view> member);

/// True if If-None-Match of a read names the tag `wanted` (without quotes) or is `*`: the answer is
/// then 304. A weak tag matches, too.
bool none_match_names(std::string_view header, std::string_view wanted);

} // namespace treadmill::api
