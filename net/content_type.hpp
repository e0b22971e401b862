#pragma once
#include "net/routes.hpp"
#include "storage/result.hpp"
#include <string_view>

namespace treadmill::rest {

enum class body_format : uint8_t { json, ndjson };

/// What a body is read as, by its Content-Type (DESIGN, section 5): JSON where that is absent,
/// application/json, application/*+json or application/x-www-form-urlencoded (what `curl -d` sends:
/// never parsed as a form); NDJSON where it is application/x-ndjson and the route is the bulk one.
/// The only charset is UTF-8. Errors: unsupported_media_type.
result<body_format> check_content_type(std::string_view header, body_kind body);

} // namespace treadmill::rest
