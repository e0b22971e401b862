#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace treadmill {

/// 128 bits: a truncated SHA-256, or a sum of truncated hashes.
using hash128 = std::array<uint8_t, 16>;

/// The first 128 bits of SHA-256 over the parts, each preceded by its length (64 bits,
/// little-endian), so no two lists of parts hash the same bytes. **Thread**: any (one context per
/// thread).
hash128 hash_parts(std::initializer_list<std::string_view> parts);

/// Lower-case hex, 32 digits.
std::string to_hex(const hash128& hash);
/// The same, written to `out`.
void write_hex(const hash128& hash, char* out);

/// Sum and difference modulo 2^128 (big-endian). A bucket's digest is such a sum (DESIGN:
/// Activity).
hash128 add(const hash128& a, const hash128& b);
hash128 subtract(const hash128& a, const hash128& b);

inline std::string_view as_bytes(const hash128& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

} // namespace treadmill
