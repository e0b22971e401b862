#pragma once
#include "storage/base/result.hpp"
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// Text forms of settings: numbers, sizes, times, switches. Errors are bad_request, with a
/// reason that follows the text: "is not a whole number".
namespace treadmill {

result<uint64_t> parse_count(std::string_view text);

/// `512`, `16KiB`, `8M`, `1 GB`: KiB, MiB, GiB and K, M, G are powers of 1024, kB, MB, GB of 1000;
/// case does not matter.
result<uint64_t> parse_size(std::string_view text);
/// The shortest text of the same size, in the largest power of 1024 that divides it.
std::string show_size(uint64_t bytes);

/// `250ms`, `10s`, `5min` (or `5m`), `1h`, `0`. Every number except 0 needs a unit.
result<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string show_duration(std::chrono::milliseconds time);

/// on, true, yes, 1; off, false, no, 0.
result<bool> parse_switch(std::string_view text);

} // namespace treadmill
