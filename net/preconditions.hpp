#pragma once
#include "net/http.hpp"
#include "storage/bucket_core.hpp"
#include "storage/result.hpp"
#include <optional>
#include <string_view>

namespace treadmill::rest {

/// What a write asks of the document that it meets, from its headers, its parameter and its body.
struct precondition {
  write_op::only when = write_op::only::always;
  std::optional<revision> rev;
};

/// Reads If-Match and If-None-Match of a write together with `?rev=` and the member `rev` of the
/// body. All that name a revision must name the same. If-Match takes `*` or one strong tag (quotes
/// may be left out), If-None-Match takes `*`. Errors: bad_rev; bad_request (they contradict each
/// other, or there is more than one); precondition_failed (a weak tag, which names no revision for
/// certain).
result<precondition> write_precondition(const http::request& request,
                                        std::optional<std::string_view> parameter,
                                        std::optional<std::string_view> member);

/// True where If-None-Match of a read names this tag, given without quotes (or is `*`): the answer
/// is 304. A weak tag counts.
bool none_match_names(std::string_view header, std::string_view wanted);

} // namespace treadmill::rest
