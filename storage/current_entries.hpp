#pragma once
#include "storage/store.hpp"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace treadmill {

/// How many a scan passes over at most.
inline constexpr size_t superseded_entries = 1024;

/// What a scan of current entries looked at.
struct looked_through {
  /// Where it ended of itself: `to`, or less where there may be more to pass over.
  uint64_t up_to = 0;
  /// The last entry that was given or passed over; `from` - 1 where there was none. Below `up_to`,
  /// where no entry ended the scan, entries are missing.
  uint64_t last = 0;
};

/// Calls `entry(key, value)` for the rows of a bucket's activity from the sequence `from` to `to`,
/// both inclusive, until it returns false; those that are marked as superseded (keys::superseded)
/// are passed over. What it gives can be superseded all the same: an older version made no marks.
///
/// **Limits**: one slice, as read_view::scan; it passes over at most `superseded_entries`, and ends
/// before `to` where there may be more. **Errors**: as read_view::scan.
result<looked_through> scan_current_entries(
    const read_view& view, uint32_t bucket, uint64_t from, uint64_t to,
    const std::function<bool(std::string_view key, std::string_view value)>& entry);

} // namespace treadmill
