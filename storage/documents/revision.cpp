#include "storage/documents/revision.hpp"
#include "storage/base/defaults.hpp"
#include "storage/base/hash.hpp"
#include <algorithm>
#include <charconv>

namespace treadmill {

namespace {

constexpr std::string_view prefix = "rev";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hash_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
         c == '-';
}

} // namespace

revision::revision(uint32_t number, std::string_view hash)
    : number_(number), size_(static_cast<uint8_t>(std::min(hash.size(), hash_bytes))),
      native_(is_native_hash(hash)) {
  std::copy_n(hash.begin(), size_, hash_.begin());
}

revision::revision(uint32_t number, const hash128& hash)
    : number_(number), size_(static_cast<uint8_t>(2 * hash.size())), native_(true) {
  write_hex(hash, hash_.data());
}

hash128 revision::native_hash() const {
  const auto nibble = [](char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; };
  hash128 hash{};
  for (size_t i = 0; i < hash.size(); ++i)
    hash[i] = static_cast<uint8_t>(nibble(hash_[2 * i]) << 4 | nibble(hash_[2 * i + 1]));
  return hash;
}

std::string_view revision::text(std::span<char> buffer) const {
  char* end = std::copy(prefix.begin(), prefix.end(), buffer.data());
  end = std::to_chars(end, buffer.data() + buffer.size(), number_).ptr;
  *end++ = '-';
  end = std::copy_n(hash_.data(), size_, end);
  return {buffer.data(), static_cast<size_t>(end - buffer.data())};
}

std::string revision::text() const {
  std::array<char, text_bytes> buffer; // NOLINT: filled before it is read
  return std::string(text(buffer));
}

result<revision> parse_revision(std::string_view text) {
  const auto bad = [] {
    return fail(ec::bad_rev,
                "a revision is written rev<N>-<hash>: N from 1 to 2147483647, then 1 to "
                "64 of 0-9, A-Z, a-z, '_', '.' and '-'");
  };
  if (text.substr(0, prefix.size()) != prefix) return bad();
  text.remove_prefix(prefix.size());
  if (text.empty() || !is_digit(text.front()) || text.front() == '0') return bad();
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number > defaults::revision_number) return bad();
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.empty() || text.front() != '-') return bad();
  text.remove_prefix(1);
  if (text.empty() || text.size() > revision::hash_bytes ||
      !std::all_of(text.begin(), text.end(), is_hash_character))
    return bad();
  return revision(number, text);
}

hash128 claim_of(const revision& parent, bool deleted, std::string_view body) {
  std::array<char, revision::text_bytes> buffer; // NOLINT: filled before it is read
  const std::string_view parent_text = parent.empty() ? std::string_view() : parent.text(buffer);
  return hash_parts({parent_text, deleted ? "1" : "0", body});
}

revision make_revision(const revision& parent, bool deleted, std::string_view body) {
  return {parent.number() + 1, claim_of(parent, deleted, body)};
}

revision displaced_revision(const revision& child, const revision& parent) {
  return {parent.number() + 1, "displaced-" + to_hex(hash_parts({child.text(), parent.text()}))};
}

bool is_native_hash(std::string_view hash) {
  return hash.size() == 32 && std::all_of(hash.begin(), hash.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'f');
         });
}

} // namespace treadmill
