#include "js/worker/source_text.hpp"
#include <cstddef>

namespace treadmill::js {

namespace {

/// Bytes of the leading white space or comment; 0: there is none, or a comment has no end.
size_t blank_bytes(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.empty()) return 0;
  if (std::string_view(" \t\n\v\f\r").find(text.front()) != std::string_view::npos) return 1;
  if (text.starts_with(byte_order_mark)) return byte_order_mark.size();
  if (text.starts_with("//")) {
    const size_t end = text.find_first_of("\n\r");
    return end == std::string_view::npos ? text.size() : end + 1;
  }
  if (text.starts_with("/*")) {
    const size_t end = text.find("*/", 2);
    return end == std::string_view::npos ? 0 : end + 2;
  }
  return 0;
}

} // namespace

std::string_view skip_blank(std::string_view text) {
  while (const size_t bytes = blank_bytes(text)) text.remove_prefix(bytes);
  return text;
}

bool is_class(std::string_view text) {
  constexpr std::string_view word = "class";
  if (!text.starts_with(word)) return false;
  if (text.size() == word.size()) return true;
  const char next = text[word.size()];
  return next == '{' || next == '/' || blank_bytes(text.substr(word.size())) > 0;
}

} // namespace treadmill::js
