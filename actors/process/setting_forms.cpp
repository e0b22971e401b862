#include "actors/process/setting_forms.hpp"
#include <algorithm>
#include <charconv>

namespace treadmill {

namespace {

using std::chrono::milliseconds;

constexpr uint64_t kib = 1024;
constexpr uint64_t mib = 1024 * kib;
constexpr uint64_t gib = 1024 * mib;

struct unit {
  std::string_view name; // in lower case
  uint64_t factor;
};
constexpr unit size_units[] = {{"gib", gib},      {"mib", mib}, {"kib", kib}, {"gb", 1'000'000'000},
                               {"mb", 1'000'000}, {"kb", 1000}, {"g", gib},   {"m", mib},
                               {"k", kib},        {"b", 1},     {"", 1}};
// Only zero may have no unit: a plain `10` would be ambiguous.
constexpr unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"min", 60'000}, {"m", 60'000}, {"h", 3'600'000}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

template<size_t N>
result<uint64_t> parse_with_unit(std::string_view text, const unit (&units)[N],
                                 std::string_view wanted) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_count(text.substr(0, digits));
  std::string_view rest = text.substr(digits);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (number && *number == 0 && rest.empty()) return 0;
  for (const unit& known : units) {
    if (!number || lower(rest) != known.name) continue;
    if (*number > UINT64_MAX / known.factor) return fail(ec::bad_request, "is too large a number");
    return *number * known.factor;
  }
  return fail(ec::bad_request, "is not " + std::string(wanted));
}

} // namespace

result<uint64_t> parse_count(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc{} || rest != end) return fail(ec::bad_request, "is not a whole number");
  return value;
}

result<uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, size_units, "a size such as 512KiB, 16MiB or 1GiB");
}

result<milliseconds> parse_duration(std::string_view text) {
  return parse_with_unit(text, time_units, "a time with its unit such as 250ms, 10s or 5min")
      .and_then([](uint64_t count) -> result<milliseconds> {
        if (count > uint64_t{INT64_MAX}) return fail(ec::bad_request, "is too large a number");
        return milliseconds(static_cast<int64_t>(count));
      });
}

result<bool> parse_switch(std::string_view text) {
  const std::string word = lower(text);
  if (word == "on" || word == "true" || word == "yes" || word == "1") return true;
  if (word == "off" || word == "false" || word == "no" || word == "0") return false;
  return fail(ec::bad_request, "is neither on nor off");
}

std::string show_size(uint64_t bytes) {
  for (const unit& known : {unit{"GiB", gib}, unit{"MiB", mib}, unit{"KiB", kib}})
    if (bytes != 0 && bytes % known.factor == 0)
      return std::to_string(bytes / known.factor) + std::string(known.name);
  return std::to_string(bytes);
}

std::string show_duration(milliseconds time) {
  if (time.count() % 1000 != 0) return std::to_string(time.count()) + "ms";
  return std::to_string(time.count() / 1000) + "s";
}

} // namespace treadmill
