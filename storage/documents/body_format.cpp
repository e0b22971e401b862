#include "storage/documents/body_format.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include "storage/json/json_number.hpp"
#include <string>

namespace treadmill {

namespace {

/// An integer of up to this many characters always fits in int64.
constexpr size_t sure_digits = 18;
/// The longest text of a double.
constexpr size_t double_text = 24;

/// Whether format 1 rounds a number in stored form.
bool is_rounded(std::string_view number) {
  if (number.size() <= sure_digits || !is_whole(number) || parse_integer(number)) return false;
  if (number.size() > double_text) return true;
  const auto rounded = parse_number(number);
  if (!rounded) return true;
  std::string past;
  append_double(past, rounded->value);
  return past != number;
}

} // namespace

bool needs_format_2(std::string_view body) {
  json_cursor in(body);
  size_t depth = 0;
  bool is_name = false; // what follows is a member's name, at the top
  while (!in.at_end()) {
    const char next = in.peek();
    std::string_view text;
    if (next == '"') {
      if (!in.take_string(text)) return false;
      if (is_name && is_shown_apart(text)) return true;
      is_name = false;
    } else if (next == '-' || (next >= '0' && next <= '9')) {
      in.take_word(text);
      if (is_rounded(text)) return true;
    } else {
      in.take_front(1, text);
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') --depth;
      is_name = depth == 1 && (next == '{' || next == ',');
    }
  }
  return false;
}

} // namespace treadmill
