#pragma once
#include "net/routes.hpp"
#include "storage/result.hpp"
#include <string_view>

namespace treadmill::rest {

enum class body_format : uint8_t { json, ndjson };

/// The format of a body, by its Content-Type (DESIGN, section 5): JSON if that is absent,
/// application/json, application/*+json or application/x-www-form-urlencoded (sent by `curl -d`:
/// never parsed as a form); NDJSON if it is application/x-ndjson and the route is _bulk or _import.
/// The only charset is UTF-8. Errors: unsupported_media_type.
result<body_format> check_content_type(std::string_view header, body_kind body);

} // namespace treadmill::rest
