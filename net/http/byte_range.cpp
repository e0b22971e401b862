#include "net/http/byte_range.hpp"
#include "net/http/header_text.hpp"
#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace treadmill::http {

namespace {

/// Digits alone; a number beyond 64 bits is the largest of those.
std::optional<uint64_t> read_number(std::string_view text) {
  if (text.empty() ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() ? number : std::numeric_limits<uint64_t>::max();
}

} // namespace

byte_range read_range(std::string_view header, uint64_t length) {
  using kind = byte_range::kind;
  const byte_range whole{kind::whole, 0, length};
  const byte_range none{kind::unsatisfiable, 0, 0};
  constexpr std::string_view unit = "bytes=";
  if (!equal_ignoring_case(header.substr(0, unit.size()), unit)) return whole;
  const std::string_view spec = trim(header.substr(unit.size()));
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return whole;
  const auto from = read_number(spec.substr(0, dash));
  const auto to = read_number(spec.substr(dash + 1));
  if (!from && dash == 0 && to) { // the last bytes
    if (*to == 0 || length == 0) return none;
    const uint64_t size = std::min(*to, length);
    return {kind::part, length - size, size};
  }
  const bool open = dash + 1 == spec.size();
  if (!from || (!to && !open)) return whole;
  if (open && *from == 0) return whole;
  if (*from >= length || (to && *to < *from)) return none;
  const uint64_t last = std::min(to.value_or(length - 1), length - 1);
  return {kind::part, *from, last - *from + 1};
}

std::string content_range(const byte_range& range, uint64_t length) {
  if (range.what == byte_range::kind::unsatisfiable) return "bytes */" + std::to_string(length);
  return "bytes " + std::to_string(range.first) + "-" +
         std::to_string(range.first + range.size - 1) + "/" + std::to_string(length);
}

} // namespace treadmill::http
