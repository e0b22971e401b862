#include "storage/json/json_number.hpp"
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace treadmill {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t digits_at(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - at;
}

/// True if a number out of a double's range is too small, false if it is too large; the position of
/// its first non-zero digit decides.
bool is_tiny(std::string_view text) {
  if (text.front() == '-') text.remove_prefix(1);
  const size_t exponent_at = std::min(text.find_first_of("eE"), text.size());
  const auto digits = text.substr(0, exponent_at);
  int64_t exponent = 0;
  if (exponent_at < text.size()) {
    auto written = text.substr(exponent_at + 1);
    const bool negative = written.front() == '-';
    if (negative || written.front() == '+') written.remove_prefix(1);
    const auto read = std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (read.ec != std::errc{}) return negative;
    if (negative) exponent = -exponent;
  }
  const size_t point = std::min(digits.find('.'), digits.size());
  const size_t first = digits.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  const auto place =
      first < point ? static_cast<int64_t>(point - first) : -static_cast<int64_t>(first - point);
  return exponent < -place;
}

} // namespace

size_t number_length(std::string_view text, bool& whole) {
  size_t at = !text.empty() && text.front() == '-' ? 1 : 0;
  const size_t digits = digits_at(text, at);
  if (digits == 0 || (digits > 1 && text[at] == '0')) return 0;
  at += digits;
  const size_t whole_end = at;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = digits_at(text, at + 1);
    if (fraction == 0) return 0;
    at += 1 + fraction;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = digits_at(text, at);
    if (exponent == 0) return 0;
    at += exponent;
  }
  whole = at == whole_end;
  return at;
}

bool is_whole(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '.' || c == 'e' || c == 'E'; });
}

std::optional<json_number> parse_integer(std::string_view text) {
  json_number number;
  number.integer = true;
  number.negative = text.front() == '-';
  const auto digits = text.substr(number.negative ? 1 : 0);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number.magnitude);
  if (read.ec != std::errc{}) return std::nullopt;
  if (number.negative && number.magnitude > uint64_t{1} << 63) return std::nullopt;
  return number;
}

std::optional<json_number> parse_number(std::string_view text) {
  if (is_whole(text))
    if (const auto number = parse_integer(text)) return number;
  json_number number;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number.value);
  if (read.ec == std::errc::result_out_of_range) {
    if (!is_tiny(text)) return std::nullopt;
    number.value = text.front() == '-' ? -0.0 : 0.0;
  } else if (read.ec != std::errc{} || !(number.value >= std::numeric_limits<double>::lowest() &&
                                         number.value <= std::numeric_limits<double>::max())) {
    return std::nullopt;
  }
  return number;
}

bool is_shortest_double(std::string_view text) {
  // Different numbers of at most 15 digits are different doubles, so no shorter text denotes the
  // same double. At 0.1 and above, the plain form is shorter than the form with an exponent.
  if (text.front() == '-') text.remove_prefix(1);
  if (text.size() > 16 || text.back() == '0') return false;
  const size_t point = text.find('.');
  if (point == std::string_view::npos || (text[0] == '0' && text[point + 1] == '0')) return false;
  return digits_at(text, point + 1) == text.size() - point - 1;
}

void append_double(std::string& out, double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

} // namespace treadmill
