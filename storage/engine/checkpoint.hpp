#pragma once
#include "storage/base/hash.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <string>
#include <string_view>

namespace treadmill {

/// How far a bucket has applied the activity log of the same bucket on a peer: everything up to
/// this entry of that log is applied here. The chain value shows whether the peer's log is still
/// the log that was followed (DESIGN: Federation). A checkpoint is written in the same batch as the
/// applied changes, so it is never ahead of them.
struct checkpoint {
  hash128 log_id{};
  uint64_t sequence = 0; ///< 0: nothing yet
  hash128 chain{};       ///< of that entry; all zero before the first

  std::string encode() const;
  static result<checkpoint> decode(std::string_view bytes); ///< Errors: corrupt.
  friend bool operator==(const checkpoint&, const checkpoint&) = default;
};

} // namespace treadmill
