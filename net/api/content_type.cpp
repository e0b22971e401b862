#include "net/api/content_type.hpp"
#include "net/http/header_text.hpp"
#include <algorithm>

namespace treadmill::api {

namespace {

/// Returns the piece up to the next `;` and removes both from `rest`.
std::string_view take_piece(std::string_view& rest) {
  const size_t end = std::min(rest.find(';'), rest.size());
  const std::string_view piece = http::trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return piece;
}

bool is_structured_json(std::string_view type) {
  constexpr std::string_view application = "application/";
  constexpr std::string_view suffix = "+json";
  return type.size() > application.size() + suffix.size() &&
         http::equal_ignoring_case(type.substr(0, application.size()), application) &&
         http::equal_ignoring_case(type.substr(type.size() - suffix.size()), suffix);
}

bool is_utf8_charset(std::string_view parameter) {
  const size_t equals = parameter.find('=');
  if (equals == std::string_view::npos ||
      !http::equal_ignoring_case(http::trim(parameter.substr(0, equals)), "charset"))
    return true; // another parameter, or none
  std::string_view value = http::trim(parameter.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return http::equal_ignoring_case(value, "utf-8") || http::equal_ignoring_case(value, "utf8");
}

} // namespace

result<body_format> check_content_type(std::string_view header, const request_body& body) {
  if (header.empty()) return body_format::json;
  const std::string_view type = take_piece(header);
  while (!header.empty())
    if (!is_utf8_charset(take_piece(header)))
      return fail(ec::unsupported_media_type, "the charset of a body is utf-8");
  if (http::equal_ignoring_case(type, "application/json") || is_structured_json(type) ||
      http::equal_ignoring_case(type, "application/x-www-form-urlencoded"))
    return body_format::json;
  if (!http::equal_ignoring_case(type, "application/x-ndjson"))
    return fail(ec::unsupported_media_type, "the Content-Type of a body is application/json");
  if (body.lines.empty())
    return fail(ec::unsupported_media_type,
                "application/x-ndjson is taken by _bulk and _import alone");
  return body_format::ndjson;
}

} // namespace treadmill::api
