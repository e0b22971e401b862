#include "storage/log_check.hpp"
#include <algorithm>
#include <array>
#include <cstdint>

namespace treadmill {
namespace {

constexpr size_t block_bytes = 32768;
constexpr size_t header_bytes = 7; // checksum 4, length 2, type 1
constexpr uint8_t full_type = 1;
constexpr uint8_t first_type = 2;
constexpr uint8_t last_type = 4;

/// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, a byte at a time: logs are checked once,
/// at open.
constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> table = make_table();
  uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  return crc ^ 0xffffffffU;
}

uint32_t byte_at(std::string_view log, size_t offset) { return static_cast<uint8_t>(log[offset]); }

/// LevelDB stores checksums rotated and shifted, since a log may itself hold checksums.
uint32_t stored_checksum(std::string_view log, size_t offset) {
  const uint32_t masked = byte_at(log, offset) | byte_at(log, offset + 1) << 8 |
                          byte_at(log, offset + 2) << 16 | byte_at(log, offset + 3) << 24;
  const uint32_t rotated = masked - 0xa282ead8U;
  return rotated >> 17 | rotated << 15;
}

struct record {
  enum class kind { intact, broken, cut_short };
  kind what = kind::broken;
  uint8_t type = 0;
  size_t end = 0;
};

record read_record(std::string_view log, size_t offset) {
  record found;
  const size_t block_end = std::min(log.size(), (offset / block_bytes + 1) * block_bytes);
  const bool last_block = block_end == log.size();
  if (offset + header_bytes > block_end) {
    found.what = last_block ? record::kind::cut_short : record::kind::broken;
    return found;
  }
  const size_t length = byte_at(log, offset + 4) | byte_at(log, offset + 5) << 8;
  found.type = static_cast<uint8_t>(log[offset + 6]);
  found.end = offset + header_bytes + length;
  if (found.end > block_end) {
    const bool fits_block = found.end <= (offset / block_bytes + 1) * block_bytes;
    if (last_block && fits_block) found.what = record::kind::cut_short;
    return found;
  }
  const bool known = found.type >= full_type && found.type <= last_type;
  if (known && stored_checksum(log, offset) == crc32c(log.substr(offset + 6, length + 1))) {
    found.what = record::kind::intact;
  }
  return found;
}

bool begins_commit(uint8_t type) { return type == full_type || type == first_type; }

/// True where an intact beginning of a commit lies anywhere after `offset`. The lengths there
/// cannot be trusted, so every position is tried.
bool commit_begins_after(std::string_view log, size_t offset) {
  for (size_t at = offset + 1; at + header_bytes <= log.size(); ++at) {
    const auto type = static_cast<uint8_t>(log[at + 6]);
    if (begins_commit(type) && read_record(log, at).what == record::kind::intact) return true;
  }
  return false;
}

} // namespace

log_state check_log(std::string_view log) {
  log_state state;
  size_t offset = 0;
  while (offset < log.size()) {
    const size_t left_in_block = block_bytes - offset % block_bytes;
    if (left_in_block < header_bytes) { // a block's trailer
      offset += left_in_block;
      continue;
    }
    const record found = read_record(log, offset);
    if (found.what != record::kind::intact) {
      state.broken_at = offset;
      if (commit_begins_after(log, offset)) {
        state.what = log_state::kind::damaged;
      } else if (found.what == record::kind::broken) {
        state.what = log_state::kind::torn;
      } // else cut short, which LevelDB leaves out by itself
      return state;
    }
    offset = found.end;
    if (found.type == full_type || found.type == last_type) state.intact_bytes = offset;
  }
  return state;
}

} // namespace treadmill
