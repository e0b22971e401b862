#pragma once
#include "net/api/dialect.hpp"
#include <string>

namespace treadmill::api {

/// The description of a dialect, OpenAPI 3.0.3: made of its routes, and of its own text of titles
/// and schemas.
std::string openapi_text(const dialect& rules);

} // namespace treadmill::api
