#pragma once
#include <cstddef>

namespace treadmill {

/// The length of the well-formed UTF-8 sequence that begins at `at` with a byte of 0x80 or above,
/// among the `left` bytes there (at least 1); 0 if there is none.
inline size_t utf8_sequence(const unsigned char* at, size_t left) {
  const unsigned char lead = at[0];
  // The range of the second byte excludes overlong forms, surrogates and code points above
  // U+10FFFF.
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  size_t length = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (left < length || at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; ++i)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return length;
}

} // namespace treadmill
