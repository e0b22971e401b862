#include "storage/documents/names.hpp"
#include "storage/base/defaults.hpp"
#include "storage/base/hash.hpp"
#include "storage/base/lock_rules.hpp"
#include "storage/base/utf8.hpp"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace treadmill {

namespace {

bool has_control_character(std::string_view utf8) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && static_cast<unsigned char>(utf8[i + 1]) < 0xa0) return true;
  }
  return false;
}

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// Characters that are allowed in a name, but not as its first.
bool is_joint(char c) { return c == '_' || c == '.' || c == '-'; }

/// Generates the ids of one process: increasing even within a millisecond and when the clock steps
/// back.
class id_source {
public:
  std::string next() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    const checked_lock lock(mutex_);
    if (ms > last_ms_) {
      last_ms_ = ms;
      draw(last_);
    } else if (!step()) {
      ++last_ms_;
      draw(last_);
    }
    return make_uuid7(last_ms_, last_);
  }

private:
  /// Takes random bytes from a pool; one system call fills the pool for many ids.
  template<size_t Size>
  void draw(std::array<uint8_t, Size>& bytes) NEEDS_LOCK(mutex_) {
    if (pool_left_ < Size) {
      // Ids without randomness could equal those of another node, so abort.
      if (getentropy(pool_.data(), pool_.size()) != 0) std::abort();
      pool_left_ = pool_.size();
    }
    std::memcpy(bytes.data(), pool_.data() + (pool_.size() - pool_left_), Size);
    pool_left_ -= Size;
  }

  /// Adds 1 to 2^32 units of the lowest bit that a UUID contains; false if that overflows.
  bool step() NEEDS_LOCK(mutex_) {
    std::array<uint8_t, 4> random{};
    draw(random);
    uint64_t increment = 1;
    for (size_t i = 0; i < random.size(); ++i) increment += uint64_t{random[i]} << (8 * i);
    increment <<= 6; // a UUID omits the low 6 of the 80 bits
    for (size_t i = last_.size(); i-- > 0 && increment != 0;) {
      increment += last_[i];
      last_[i] = static_cast<uint8_t>(increment);
      increment >>= 8;
    }
    return increment == 0;
  }

  checked_mutex mutex_;
  uint64_t last_ms_ GUARDED_BY(mutex_) = 0;
  std::array<uint8_t, 10> last_ GUARDED_BY(mutex_){};
  // getentropy gives at most 256 bytes per call
  std::array<uint8_t, 250> pool_ GUARDED_BY(mutex_){};
  size_t pool_left_ GUARDED_BY(mutex_) = 0;
};

} // namespace

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = at + text.size();
  while (at != end) {
    if (end - at >= 8) { // eight bytes of ASCII at a time
      uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      if ((word & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    if (*at < 0x80) {
      ++at;
      continue;
    }
    const size_t length = utf8_sequence(at, static_cast<size_t>(end - at));
    if (length == 0) return false;
    at += length;
  }
  return true;
}

result<void> check_id(std::string_view id) {
  if (id.empty()) return fail(ec::bad_id, "an id must not be empty");
  if (id.size() > defaults::id_bytes)
    return fail(ec::bad_id, "an id has at most " + std::to_string(defaults::id_bytes) + " bytes");
  if (!is_utf8(id)) return fail(ec::bad_id, "an id must be valid UTF-8");
  if (id.front() == '_') return fail(ec::bad_id, "an id must not begin with an underscore");
  if (has_control_character(id))
    return fail(ec::bad_id, "an id must not contain control characters");
  return {};
}

result<void> check_bucket_name(std::string_view name) {
  if (!name.empty() && name.size() <= defaults::name_bytes && is_lower_or_digit(name.front()) &&
      std::all_of(name.begin(), name.end(),
                  [](char c) { return is_lower_or_digit(c) || is_joint(c); }))
    return {};
  return fail(ec::bad_bucket, "a bucket name is 1 to " + std::to_string(defaults::name_bytes) +
                                  " of a-z, 0-9, '_', '.' and '-', and begins with a letter or a "
                                  "digit");
}

result<void> check_query_name(std::string_view name) {
  const auto is_letter_or_digit = [](char c) {
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
  };
  if (!name.empty() && name.size() <= defaults::name_bytes && is_letter_or_digit(name.front()) &&
      std::all_of(name.begin(), name.end(),
                  [&](char c) { return is_letter_or_digit(c) || is_joint(c); }))
    return {};
  return fail(ec::bad_query, "a query name is 1 to " + std::to_string(defaults::name_bytes) +
                                 " of A-Z, a-z, 0-9, '_', '.' and '-', and begins with a letter "
                                 "or a digit");
}

std::string make_uuid7(uint64_t unix_ms, const std::array<uint8_t, 10>& random) {
  // The 80 random bits, shifted right to skip the four version and two variant bits, so that the
  // texts have the order of the bits: 12 bits after the version, 62 after the variant.
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(unix_ms >> (8 * (5 - i)));
  const auto bits = [&](size_t i) { return static_cast<unsigned>(random[i]); };
  bytes[6] = static_cast<uint8_t>(0x70U | bits(0) >> 4);
  bytes[7] = static_cast<uint8_t>((bits(0) & 0x0fU) << 4 | bits(1) >> 4);
  bytes[8] = static_cast<uint8_t>(0x80U | (bits(1) & 0x0fU) << 2 | bits(2) >> 6);
  for (size_t i = 9; i < 16; ++i)
    bytes[i] = static_cast<uint8_t>((bits(i - 7) & 0x3fU) << 2 | bits(i - 6) >> 6);

  std::array<char, 32> digits; // NOLINT: filled before it is read
  write_hex(bytes, digits.data());
  std::string text(36, '-');
  const char* from = digits.data();
  auto to = text.begin();
  for (const int group : {8, 4, 4, 4, 12}) {
    if (to != text.begin()) ++to; // skip the hyphen
    to = std::copy_n(from, group, to);
    from += group;
  }
  return text;
}

std::string make_document_id() {
  static id_source ids;
  return ids.next();
}

} // namespace treadmill
