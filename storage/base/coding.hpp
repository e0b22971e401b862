#pragma once
#include "storage/base/hash.hpp"
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace treadmill {

/// The integers and strings of keys and values on disk. `take_*` remove what they read from the
/// front of `in`, and return false if the bytes are incomplete or invalid (callers answer
/// `corrupt`).

void put_fixed32_be(std::string& out, uint32_t value); ///< big-endian, so keys sort by it
void put_fixed64_be(std::string& out, uint64_t value);
void put_varint(std::string& out, uint64_t value);        ///< 7 bits per byte, lowest first
void put_bytes(std::string& out, std::string_view bytes); ///< varint length, then the bytes
void put_hash(std::string& out, const hash128& hash);

bool take_fixed32_be(std::string_view& in, uint32_t& value);
bool take_fixed64_be(std::string_view& in, uint64_t& value);
bool take_long_varint(std::string_view& in, uint64_t& value); ///< take_varint without its fast path

// The functions that every row of a scan needs are inline: a call would cost as much as the work
// itself.

inline bool take_varint(std::string_view& in, uint64_t& value) {
  if (in.empty() || static_cast<uint8_t>(in.front()) >= 0x80) return take_long_varint(in, value);
  value = static_cast<uint8_t>(in.front());
  in.remove_prefix(1);
  return true;
}

/// `bytes` is valid as long as the memory that `in` views.
inline bool take_bytes(std::string_view& in, std::string_view& bytes) {
  std::string_view rest = in;
  uint64_t size = 0;
  if (!take_varint(rest, size) || size > rest.size()) return false;
  bytes = rest.substr(0, static_cast<size_t>(size));
  in = rest.substr(bytes.size());
  return true;
}

inline bool take_hash(std::string_view& in, hash128& hash) {
  if (in.size() < hash.size()) return false;
  std::memcpy(hash.data(), in.data(), hash.size());
  in.remove_prefix(hash.size());
  return true;
}

} // namespace treadmill
