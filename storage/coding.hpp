#pragma once
#include "storage/hash.hpp"
#include <cstdint>
#include <string>
#include <string_view>

namespace treadmill {

/// The integers and strings of keys and values on disk. `take_*` read from the front of `in`,
/// remove what they read, and return false where it is cut short (a caller answers `corrupt`).

void put_fixed32_be(std::string& out, uint32_t value); ///< big-endian: keys sort by it
void put_fixed64_be(std::string& out, uint64_t value);
void put_varint(std::string& out, uint64_t value);        ///< 7 bits a byte, low first
void put_bytes(std::string& out, std::string_view bytes); ///< varint length, then the bytes
void put_hash(std::string& out, const hash128& hash);

bool take_fixed32_be(std::string_view& in, uint32_t& value);
bool take_fixed64_be(std::string_view& in, uint64_t& value);
bool take_varint(std::string_view& in, uint64_t& value);
bool take_bytes(std::string_view& in,
                std::string_view& bytes); ///< valid as long as what `in` views
bool take_hash(std::string_view& in, hash128& hash);

} // namespace treadmill
