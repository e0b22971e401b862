#include "storage/json/json_number.hpp"
#include "storage/selector/collation.hpp"
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace treadmill {

namespace {

/// A number as it is compared: by the nearest double, then, of integers, by the digits.
struct comparable_number {
  std::string_view digits; ///< of an integer, without its sign; empty: not written as an integer
  bool negative = false;
  bool small = false;     ///< an integer whose magnitude fits
  uint64_t magnitude = 0; ///< of a small integer
  double nearest = 0;     ///< infinite for what no double can hold
};

comparable_number read_number(std::string_view text) {
  comparable_number number;
  bool whole = false;
  if (text.empty() || number_length(text, whole) != text.size()) return number; // as 0
  number.negative = text.front() == '-';
  if (whole) number.digits = text.substr(number.negative ? 1 : 0);
  const auto digits = number.digits;
  if (whole && digits.size() <= std::numeric_limits<uint64_t>::digits10 + 1) {
    const auto read =
        std::from_chars(digits.data(), digits.data() + digits.size(), number.magnitude);
    number.small = read.ec == std::errc{};
  }
  if (number.small) {
    number.nearest = static_cast<double>(number.magnitude);
    if (number.negative) number.nearest = -number.nearest;
    return number;
  }
  if (const auto value = parse_number(text)) {
    number.nearest = value->value;
  } else {
    number.nearest = std::numeric_limits<double>::infinity() * (number.negative ? -1 : 1);
  }
  return number;
}

int compare_magnitudes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const int order = a.compare(b);
  return (order > 0) - (order < 0);
}

/// Enough for the digits of the largest double.
using digit_space = std::array<char, 320>;

/// The digits of an integer, or of a double that is integral and finite.
std::string_view exact_digits(const comparable_number& number, digit_space& space) {
  if (!number.digits.empty()) return number.digits;
  const auto end = std::to_chars(space.data(), space.data() + space.size(),
                                 std::fabs(number.nearest), std::chars_format::fixed, 0);
  return {space.data(), static_cast<size_t>(end.ptr - space.data())};
}

} // namespace

int compare_numbers(std::string_view a, std::string_view b) {
  const auto x = read_number(a);
  const auto y = read_number(b);
  if (x.nearest != y.nearest) return x.nearest < y.nearest ? -1 : 1;
  // Of two numbers with the same nearest double, at least one written as an integer, both are
  // integral. Below 2^53 a double tells integers apart.
  constexpr double exact = 9007199254740992.0;
  if ((x.digits.empty() && y.digits.empty()) || std::fabs(x.nearest) < exact) return 0;
  digit_space space_x{};
  digit_space space_y{};
  const int order = compare_magnitudes(exact_digits(x, space_x), exact_digits(y, space_y));
  return x.negative ? -order : order;
}

} // namespace treadmill
