#include "storage/documents/body_format.hpp"
#include "storage/documents/features.hpp"
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

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Whether more than `sure_digits` digits follow each other: a number that may be rounded, or text.
bool has_many_digits(std::string_view body) {
  constexpr size_t fewest = sure_digits + 1;
  for (size_t at = sure_digits; at < body.size(); at += fewest) { // meets each run of so many
    if (!is_digit(body[at])) continue;
    size_t from = at;
    size_t to = at + 1;
    while (from > 0 && is_digit(body[from - 1])) --from;
    while (to < body.size() && is_digit(body[to])) ++to;
    if (to - from >= fewest) return true;
  }
  return false;
}

/// Whether some object has a member `id` or `rev`.
bool has_apart_member(std::string_view body) {
  for (size_t at = body.find(':'); at != std::string_view::npos; at = body.find(':', at + 1)) {
    const std::string_view before = body.substr(0, at);
    if (before.ends_with(R"("id")") || before.ends_with(R"("rev")")) return true;
  }
  return false;
}

/// The same as features_of, by reading all of the body.
uint64_t read_features(std::string_view body) {
  json_cursor in(body);
  uint64_t found = 0;
  size_t depth = 0;
  bool is_name = false; // what follows is a member's name, at the top
  while (!in.at_end()) {
    const char next = in.peek();
    std::string_view text;
    if (next == '"') {
      if (!in.take_string(text)) return found;
      if (is_name && is_shown_apart(text)) found |= feature::own_members;
      is_name = false;
    } else if (next == '-' || is_digit(next)) {
      in.take_word(text);
      if (is_rounded(text)) found |= feature::long_integers;
    } else {
      in.take_front(1, text);
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') --depth;
      is_name = depth == 1 && (next == '{' || next == ',');
    }
  }
  return found;
}

} // namespace

uint64_t features_of(std::string_view body) {
  if (!has_many_digits(body) && !has_apart_member(body)) return 0;
  return read_features(body);
}

} // namespace treadmill
