#include "storage/json/json_cursor.hpp"

namespace treadmill {

namespace {

/// The length of the string at the front of `text`, with its quotes; 0 if it does not end.
size_t string_length(std::string_view text) {
  // Strings are short: find_first_of, which calls a function for each character, takes longer.
  for (size_t at = 1; at < text.size();) {
    const char c = text[at];
    if (c == '"') return at + 1;
    at += c == '\\' ? 2 : 1;
  }
  return 0;
}

/// The same for the array or object at the front of `text`.
size_t nested_length(std::string_view text) {
  size_t depth = 0;
  for (size_t at = 0; at < text.size();) {
    switch (text[at]) {
    case '"': {
      const size_t length = string_length(text.substr(at));
      if (length == 0) return 0;
      at += length;
      continue;
    }
    case '[':
    case '{': ++depth; break;
    case ']':
    case '}':
      if (--depth == 0) return at + 1;
      break;
    default: break;
    }
    ++at;
  }
  return 0;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// A letter and the character that it escapes have the same index.
constexpr std::string_view letters = "\"\\bfnrt";
constexpr std::string_view characters = "\"\\\b\f\n\r\t";

} // namespace

bool json_cursor::take(char expected) {
  if (peek() != expected || rest_.empty()) return false;
  rest_.remove_prefix(1);
  return true;
}

bool json_cursor::take_front(size_t size, std::string_view& text) {
  if (size == 0) return false;
  text = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool json_cursor::take_string(std::string_view& text) {
  return peek() == '"' && take_front(string_length(rest_), text);
}

bool json_cursor::take_value(std::string_view& text) {
  switch (peek()) {
  case '"': return take_string(text);
  case '[':
  case '{': return take_front(nested_length(rest_), text);
  default: return take_word(text);
  }
}

bool json_cursor::take_word(std::string_view& text) {
  const size_t end = rest_.find_first_of(",:]}[{\"");
  return take_front(end == std::string_view::npos ? rest_.size() : end, text);
}

bool append_unescaped(std::string& out, std::string_view text) {
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const size_t run = text.find('\\');
    out += text.substr(0, run);
    if (run == std::string_view::npos) return true;
    text.remove_prefix(run + 1);
    if (text.empty()) return false;
    if (const size_t escape = letters.find(text.front()); escape != std::string_view::npos) {
      out += characters[escape];
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 5 || text.substr(0, 4) != "u000") {
      if (text.size() < 5 || text.substr(0, 4) != "u001") return false;
    }
    const int low = hex_digit(text[4]);
    if (low < 0) return false;
    out += static_cast<char>((text[3] - '0') << 4 | low);
    text.remove_prefix(5);
  }
  return true;
}

} // namespace treadmill
