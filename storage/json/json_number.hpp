#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill {

/// The value of a JSON number: integers of the int64/uint64 range are exact, all others are
/// doubles. (Longer integers are exact as texts only.)
struct json_number {
  bool integer = false;
  bool negative = false;  ///< of an integer; zero can be negative too
  uint64_t magnitude = 0; ///< of an integer
  double value = 0;       ///< of any other
};

/// The length of the JSON number at the front of `text`; 0 if there is none. `whole`: set if it has
/// neither fraction nor exponent.
size_t number_length(std::string_view text, bool& whole);

/// Whether `text`, a number in JSON's syntax, has neither fraction nor exponent.
bool is_whole(std::string_view text);

/// The value of `text`, a JSON number that is whole; nullopt if it is out of the int64/uint64
/// range.
std::optional<json_number> parse_integer(std::string_view text);

/// The value of `text`, all of which must be a JSON number. nullopt if no double can hold it. A
/// number that is too small for a double is a zero.
std::optional<json_number> parse_number(std::string_view text);

/// True only if `text`, a JSON number with a fraction, is already the shortest text of its double,
/// as is common for numbers that people write. A quick test that does not compute the double; it
/// may return false for such a number.
bool is_shortest_double(std::string_view text);

/// Appends the shortest text of the same double.
void append_double(std::string& out, double value);

} // namespace treadmill
