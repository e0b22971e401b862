#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill {

/// The value of a JSON number: an integer of the int64/uint64 range exactly, any other as a double.
struct json_number {
  bool integer = false;
  bool negative = false;  ///< of an integer; zero can be negative too
  uint64_t magnitude = 0; ///< of an integer
  double value = 0;       ///< of any other
};

/// How many bytes of the front of `text` are a number in JSON's syntax; 0 where there is none.
/// `whole`: it has neither fraction nor exponent.
size_t number_length(std::string_view text, bool& whole);

/// Whether `text`, a number in JSON's syntax, has neither fraction nor exponent.
bool is_whole(std::string_view text);

/// The value of `text`, which must be a number in JSON's syntax as a whole. Nothing where no double
/// can hold it. What is too small for a double is a zero.
std::optional<json_number> parse_number(std::string_view text);

/// True only for numbers with a fraction that are the shortest text of their double already, as
/// most are that people write: told without computing it. `text` is a number in JSON's syntax.
bool is_shortest_double(std::string_view text);

/// Appends the shortest text of the same double.
void append_double(std::string& out, double value);

} // namespace treadmill
