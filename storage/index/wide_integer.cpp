#include "storage/index/wide_integer.hpp"
#include <algorithm>
#include <bit>
#include <charconv>

namespace treadmill {

namespace {

constexpr size_t chunk_digits = 9; ///< a limb holds them
constexpr uint32_t chunk_end = 1000000000;

} // namespace

std::optional<wide_integer> wide_integer::of_digits(std::string_view digits) {
  if (digits.size() > longest_digits) return std::nullopt;
  wide_integer made;
  size_t used = 0;
  while (!digits.empty()) {
    const auto chunk = digits.substr(0, std::min(chunk_digits, digits.size()));
    digits.remove_prefix(chunk.size());
    uint64_t carry = 0;
    std::from_chars(chunk.data(), chunk.data() + chunk.size(), carry);
    uint64_t factor = 1;
    for (size_t i = 0; i < chunk.size(); ++i) factor *= 10;
    for (size_t i = 0; i < used; ++i) {
      carry += made.limbs_[i] * factor;
      made.limbs_[i] = static_cast<uint32_t>(carry);
      carry >>= limb_bits;
    }
    if (carry == 0) continue;
    if (used == made.limbs_.size()) return std::nullopt;
    made.limbs_[used++] = static_cast<uint32_t>(carry);
  }
  return made;
}

unsigned wide_integer::highest_bit() const {
  size_t limb = limbs_.size() - 1;
  while (limb > 0 && limbs_[limb] == 0) --limb;
  return static_cast<unsigned>(limb) * limb_bits +
         static_cast<unsigned>(std::bit_width(limbs_[limb])) - 1;
}

unsigned wide_integer::lowest_bit() const {
  size_t limb = 0;
  while (limb + 1 < limbs_.size() && limbs_[limb] == 0) ++limb;
  return static_cast<unsigned>(limb) * limb_bits +
         static_cast<unsigned>(std::countr_zero(limbs_[limb]));
}

std::string wide_integer::digits() const {
  auto rest = limbs_;
  size_t used = rest.size();
  std::string reversed;
  while (used > 0) {
    uint64_t remainder = 0;
    for (size_t i = used; i-- > 0;) {
      remainder = remainder << limb_bits | rest[i];
      rest[i] = static_cast<uint32_t>(remainder / chunk_end);
      remainder %= chunk_end;
    }
    while (used > 0 && rest[used - 1] == 0) --used;
    for (size_t i = 0; i < chunk_digits; ++i) {
      reversed += static_cast<char>('0' + remainder % 10);
      remainder /= 10;
    }
  }
  while (reversed.size() > 1 && reversed.back() == '0') reversed.pop_back();
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

} // namespace treadmill
