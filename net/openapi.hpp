#pragma once
#include <string>

namespace treadmill::rest {

/// The API's own description, OpenAPI 3.0.3, made from the route table.
std::string openapi_text();

} // namespace treadmill::rest
