#pragma once
#include "storage/base/hash.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// A position in the activity log of a bucket, as clients keep it: `<sequence>`, or
/// `<sequence>-<log id>`. A bucket that was dropped and made again, or restored, has another log,
/// in which the same sequence is another position.
namespace treadmill::api {

struct log_position {
  uint64_t sequence = 0;
  std::string_view log; ///< 32 hex digits; empty: not known
};

/// Nothing: the text is no position.
std::optional<log_position> parse_log_position(std::string_view text);

void append_log_position(std::string& out, uint64_t sequence, const hash128& log);

/// Whether the position can be one of the log `log`, whose last entry has the sequence `last`.
bool is_of_log(const log_position& position, const hash128& log, uint64_t last);

} // namespace treadmill::api
