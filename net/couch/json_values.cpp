#include "net/couch/json_values.hpp"
#include "storage/json/json_cursor.hpp"

namespace treadmill::couch {

std::string unquoted(std::string_view value) {
  std::string text;
  append_unescaped(text, value);
  return text;
}

std::optional<std::vector<std::string>> strings_of(std::string_view value, size_t most) {
  std::vector<std::string> texts;
  json_cursor in(value);
  if (!in.take('[')) return std::nullopt;
  while (!in.take(']')) {
    std::string_view text;
    if (texts.size() == most || !in.take_string(text)) return std::nullopt;
    texts.push_back(unquoted(text));
    in.take(',');
  }
  return texts;
}

} // namespace treadmill::couch
