#include "storage/engine/log_check.hpp"
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace treadmill {
namespace {

constexpr size_t block_bytes = 32768;
constexpr size_t header_bytes = 7; // checksum 4, length 2, type 1
constexpr uint8_t full_type = 1;
constexpr uint8_t first_type = 2;
constexpr uint8_t last_type = 4;

/// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78. One byte at a time is fast enough: logs
/// are checked once, at open.
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

/// LevelDB masks stored checksums (rotation and offset), since a log may itself contain checksums.
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
bool ends_commit(uint8_t type) { return type == full_type || type == last_type; }

/// The start of the record after one that ends at `offset`: it skips a block's trailer that is too
/// small for a header.
size_t next_record(size_t offset) {
  const size_t left_in_block = block_bytes - offset % block_bytes;
  return left_in_block < header_bytes ? offset + left_in_block : offset;
}

std::string_view payload(std::string_view log, size_t offset, const record& found) {
  return log.substr(offset + header_bytes, found.end - offset - header_bytes);
}

constexpr size_t beginning_bytes = 64;

/// The first bytes of the commit that begins in the intact record at `offset`.
std::string beginning_of_commit(std::string_view log, size_t offset, record found) {
  std::string bytes(payload(log, offset, found));
  while (bytes.size() < beginning_bytes && !ends_commit(found.type)) {
    offset = next_record(found.end);
    if (offset + header_bytes > log.size()) break;
    found = read_record(log, offset);
    if (found.what != record::kind::intact || begins_commit(found.type)) break;
    bytes.append(payload(log, offset, found));
  }
  return bytes;
}

/// True if a commit that proves that everything before it was synced begins anywhere after
/// `offset`. Record lengths after damage cannot be trusted, so this tries every position.
bool synced_before_later_commit(std::string_view log, size_t offset, const log_commits& commits) {
  for (size_t at = offset + 1; at + header_bytes <= log.size(); ++at) {
    if (!begins_commit(static_cast<uint8_t>(log[at + header_bytes - 1]))) continue;
    const record found = read_record(log, at);
    if (found.what != record::kind::intact) continue;
    if (!commits.follows_sync || commits.follows_sync(beginning_of_commit(log, at, found))) {
      return true;
    }
  }
  return false;
}

/// Reads the complete commits of a log in order.
class commit_reader {
public:
  commit_reader(std::string_view log, const log_commits& commits) : log_(log), commits_(commits) {}

  log_state read() {
    size_t offset = next_record(0);
    while (offset < log_.size()) {
      const record found = read_record(log_, offset);
      if (found.what != record::kind::intact) return broken(offset, found.what);
      if (begins_commit(found.type) == inside_) { // a commit without an end, or without a beginning
        return broken(inside_ ? commit_at_ : offset, record::kind::broken);
      }
      if (!take(offset, found)) return damaged(commit_at_);
      offset = next_record(found.end);
    }
    if (inside_) return broken(log_.size(), record::kind::cut_short);
    return state_;
  }

private:
  /// Takes an intact record. False: it ends a commit that contradicts earlier ones.
  bool take(size_t offset, const record& found) {
    if (!inside_) commit_at_ = offset;
    inside_ = !ends_commit(found.type);
    const std::string_view bytes = payload(log_, offset, found);
    if (found.type == full_type) return end_commit(bytes, found.end);
    if (begins_commit(found.type)) fragments_.clear();
    fragments_.append(bytes);
    return inside_ || end_commit(fragments_, found.end);
  }

  bool end_commit(std::string_view commit, size_t end) {
    if (commits_.next && !commits_.next(commit)) return false;
    state_.intact_bytes = end;
    return true;
  }

  log_state damaged(size_t offset) {
    state_.broken_at = offset;
    state_.what = log_state::kind::damaged;
    return state_;
  }

  log_state broken(size_t offset, record::kind what) {
    if (synced_before_later_commit(log_, offset, commits_)) return damaged(offset);
    state_.broken_at = offset;
    state_.what =
        what == record::kind::cut_short ? log_state::kind::cut_short : log_state::kind::torn;
    return state_;
  }

  std::string_view log_;
  const log_commits& commits_;
  log_state state_{};
  std::string fragments_{};
  size_t commit_at_ = 0;
  bool inside_ = false; ///< between the first and the last record of a commit
};

} // namespace

log_state check_log(std::string_view log, const log_commits& commits) {
  return commit_reader(log, commits).read();
}

} // namespace treadmill
