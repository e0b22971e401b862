#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill {

/// An integer from 0 to 2^1024 - 1, the range in which integers lie between doubles. A plain value.
class wide_integer {
public:
  static constexpr unsigned bits = 1024;
  static constexpr size_t longest_digits = 309; ///< of 2^1024 - 1

  wide_integer() = default;
  /// Reads decimal digits without leading zeros; nullopt if the integer is out of range. The work
  /// has a fixed bound, whatever the length.
  static std::optional<wide_integer> of_digits(std::string_view digits);

  bool bit(unsigned at) const { return (limbs_[at / limb_bits] >> (at % limb_bits) & 1) != 0; }
  void set_bit(unsigned at) { limbs_[at / limb_bits] |= uint32_t{1} << (at % limb_bits); }
  /// Precondition of both: the integer is not 0.
  unsigned highest_bit() const;
  unsigned lowest_bit() const;
  std::string digits() const;

private:
  static constexpr unsigned limb_bits = 32;

  std::array<uint32_t, bits / limb_bits> limbs_{}; ///< the lowest first
};

} // namespace treadmill
