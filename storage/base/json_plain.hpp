#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace treadmill {

inline constexpr uint64_t every_byte(uint8_t value) { return 0x0101010101010101U * value; }

/// The first byte of a string's text that needs individual handling: a quote, a backslash, a
/// control character, or a byte of 0x80 or above; `end` if there is none. (RapidJSON checks one
/// byte at a time, which would halve the speed of reading.)
inline const char* find_special(const char* at, const char* end) {
  if constexpr (std::endian::native == std::endian::little) {
    while (end - at >= 8) {
      uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      // A byte that borrows can only falsify the bytes above it, so the lowest marked byte is
      // correct.
      const uint64_t quote = word ^ every_byte('"');
      const uint64_t backslash = word ^ every_byte('\\');
      const uint64_t found = ((quote - every_byte(1)) | (backslash - every_byte(1)) |
                              (word - every_byte(0x20)) | word) &
                             every_byte(0x80);
      if (found != 0) return at + std::countr_zero(found) / 8;
      at += 8;
    }
  }
  while (at != end) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
    ++at;
  }
  return at;
}

/// Whether the eight bytes at `at` are decimal digits.
inline bool are_digits(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  // '0' to '9' are 0x30 to 0x39: adding 6 keeps their high halves.
  constexpr uint64_t high = every_byte(0xf0);
  return (word & high) == every_byte(0x30) && ((word + every_byte(6)) & high) == every_byte(0x30);
}

} // namespace treadmill
