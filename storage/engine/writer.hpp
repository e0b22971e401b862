#pragma once
#include <compare>
#include <cstdint>

namespace treadmill {

/// The owner of rows, which keeps in memory what it has committed: a bucket, or an index of one.
struct writer {
  uint32_t bucket = 0;
  uint32_t index = 0; ///< 0: the bucket itself
  auto operator<=>(const writer&) const = default;
};

} // namespace treadmill
