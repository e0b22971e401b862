#include "storage/base/coding.hpp"
#include <array>
#include <cstring>
#include <endian.h>

namespace treadmill {

namespace {

template<typename Integer>
void put_big_endian(std::string& out, Integer value) {
  std::array<char, sizeof(Integer)> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[bytes.size() - 1 - i] = static_cast<char>(value >> (8 * i));
  out.append(bytes.data(), bytes.size());
}

template<typename Integer>
bool take_raw(std::string_view& in, Integer& value) {
  if (in.size() < sizeof value) return false;
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return true;
}

} // namespace

void put_fixed32_be(std::string& out, uint32_t value) { put_big_endian(out, value); }
void put_fixed64_be(std::string& out, uint64_t value) { put_big_endian(out, value); }
bool take_fixed32_be(std::string_view& in, uint32_t& value) {
  if (!take_raw(in, value)) return false;
  value = be32toh(value);
  return true;
}

bool take_fixed64_be(std::string_view& in, uint64_t& value) {
  if (!take_raw(in, value)) return false;
  value = be64toh(value);
  return true;
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

bool take_long_varint(std::string_view& in, uint64_t& value) {
  uint64_t read = 0;
  for (size_t i = 0; i < in.size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>(in[i]);
    if (i == 9 && byte > 1) return false; // more than 64 bits
    read |= uint64_t{byte & 0x7fU} << (7 * i);
    if (byte >= 0x80) continue;
    if (byte == 0 && i > 0) return false; // longer than needed: each value has exactly one encoding
    value = read;
    in.remove_prefix(i + 1);
    return true;
  }
  return false;
}

void put_bytes(std::string& out, std::string_view bytes) {
  put_varint(out, bytes.size());
  out += bytes;
}

void put_hash(std::string& out, const hash128& hash) { out += as_bytes(hash); }

} // namespace treadmill
