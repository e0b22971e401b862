#include "net/http/header_parameters.hpp"
#include "net/http/header_text.hpp"
#include <algorithm>

namespace treadmill::http {

namespace {

constexpr size_t most_parameters = 16;

tl::unexpected<error> bad(const char* reason) { return fail(ec::bad_request, reason); }

std::string lowered(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), lower);
  return made;
}

/// A quoted string from its opening quote on; removes it from `rest`.
result<std::string> take_quoted(std::string_view& rest) {
  std::string value;
  for (size_t at = 1; at < rest.size(); ++at) {
    if (rest[at] == '"') {
      rest.remove_prefix(at + 1);
      return value;
    }
    if (rest[at] == '\\' && ++at == rest.size()) break;
    if (is_control(rest[at])) break;
    value += rest[at];
  }
  return bad("a quoted value of a header has no end");
}

result<std::string> take_parameter_value(std::string_view& rest) {
  if (!rest.empty() && rest.front() == '"') return take_quoted(rest);
  const std::string_view value = trim(rest.substr(0, rest.find(';')));
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  if (!is_token(value)) return bad("a parameter of a header has a value that needs quotes");
  return std::string(value);
}

} // namespace

std::string_view header_value::parameter(std::string_view name) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& item) { return item.first == name; });
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

result<header_value> read_header_value(std::string_view text) {
  header_value read;
  read.word = lowered(trim(text.substr(0, text.find(';'))));
  if (read.word.empty() || !is_value(read.word)) return bad("a header names nothing");
  std::string_view rest = text.substr(std::min(text.find(';'), text.size()));
  while (!rest.empty()) {
    if (rest.front() != ';') return bad("text after a quoted value of a header");
    rest.remove_prefix(1);
    rest = trim(rest);
    if (rest.empty() || rest.front() == ';') continue;
    const size_t equals = std::min(rest.find('='), rest.size());
    std::string name = lowered(rest.substr(0, equals));
    if (equals == rest.size() || !is_token(name))
      return bad("a parameter of a header has no value");
    const bool twice = std::any_of(read.parameters.begin(), read.parameters.end(),
                                   [&](const auto& item) { return item.first == name; });
    if (twice || read.parameters.size() == most_parameters)
      return bad("a header has a parameter twice, or too many");
    rest.remove_prefix(equals + 1);
    auto value = take_parameter_value(rest);
    if (!value) return tl::unexpected(value.error());
    rest = trim(rest);
    read.parameters.emplace_back(std::move(name), std::move(*value));
  }
  return read;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

} // namespace treadmill::http
