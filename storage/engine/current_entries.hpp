#pragma once
#include "storage/engine/store.hpp"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace treadmill {

/// How many superseded entries a scan skips at most.
inline constexpr size_t superseded_entries = 1024;

/// The range that a scan of current entries covered.
struct looked_through {
  /// Where the scan would end without the callback: `to`, or less if there may be more superseded
  /// entries to skip.
  uint64_t up_to = 0;
  /// The last entry that was given or skipped; `from` - 1 if there was none. If it is below `up_to`
  /// and the callback did not end the scan, entries are missing.
  uint64_t last = 0;
};

/// Calls `entry(key, value)` for the rows of a bucket's activity from the sequence `from` to `to`,
/// both inclusive, until it returns false; it skips the entries that are marked as superseded
/// (keys::superseded). A given entry may still be superseded, since older versions made no marks.
///
/// **Errors**: as read_view::scan. **Units and limits**: one slice, as read_view::scan; it skips at
/// most `superseded_entries`, and ends before `to` if there may be more.
result<looked_through> scan_current_entries(
    const read_view& view, uint32_t bucket, uint64_t from, uint64_t to,
    const std::function<bool(std::string_view key, std::string_view value)>& entry);

} // namespace treadmill
