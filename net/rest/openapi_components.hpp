#pragma once
#include <string_view>

namespace treadmill::rest {

/// The schemas of bodies and answers of the native dialect: a JSON object for OpenAPI.
extern const std::string_view openapi_components;

} // namespace treadmill::rest
