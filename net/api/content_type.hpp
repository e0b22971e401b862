#pragma once
#include "net/api/route.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <string_view>

namespace treadmill::api {

enum class body_format : uint8_t { json, ndjson };

/// The format of a body, by its Content-Type (DESIGN, section 5): JSON if that is absent,
/// application/json, application/*+json or application/x-www-form-urlencoded (sent by `curl -d`:
/// never parsed as a form); NDJSON if it is application/x-ndjson and the route takes lines.
/// The only charset is UTF-8. Errors: unsupported_media_type.
result<body_format> check_content_type(std::string_view header, const request_body& body);

} // namespace treadmill::api
