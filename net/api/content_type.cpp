#include "net/api/content_type.hpp"
#include <algorithm>

namespace treadmill::api {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool same(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower(a) == b; });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Returns the piece up to the next `;` and removes both from `rest`.
std::string_view take_piece(std::string_view& rest) {
  const size_t end = std::min(rest.find(';'), rest.size());
  const std::string_view piece = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return piece;
}

bool is_structured_json(std::string_view type) {
  constexpr std::string_view application = "application/";
  constexpr std::string_view suffix = "+json";
  return type.size() > application.size() + suffix.size() &&
         same(type.substr(0, application.size()), application) &&
         same(type.substr(type.size() - suffix.size()), suffix);
}

bool is_utf8_charset(std::string_view parameter) {
  const size_t equals = parameter.find('=');
  if (equals == std::string_view::npos || !same(trim(parameter.substr(0, equals)), "charset"))
    return true; // another parameter, or none
  std::string_view value = trim(parameter.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return same(value, "utf-8") || same(value, "utf8");
}

} // namespace

result<body_format> check_content_type(std::string_view header, const request_body& body) {
  if (header.empty()) return body_format::json;
  const std::string_view type = take_piece(header);
  while (!header.empty())
    if (!is_utf8_charset(take_piece(header)))
      return fail(ec::unsupported_media_type, "the charset of a body is utf-8");
  if (same(type, "application/json") || is_structured_json(type) ||
      same(type, "application/x-www-form-urlencoded"))
    return body_format::json;
  if (!same(type, "application/x-ndjson"))
    return fail(ec::unsupported_media_type, "the Content-Type of a body is application/json");
  if (body.lines.empty())
    return fail(ec::unsupported_media_type,
                "application/x-ndjson is taken by _bulk and _import alone");
  return body_format::ndjson;
}

} // namespace treadmill::api
