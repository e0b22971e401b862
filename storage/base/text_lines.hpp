#pragma once
#include "storage/base/result.hpp"
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace treadmill {

/// True if the line has only white space.
inline bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

/// Calls `take(number, line)` for each line of a text that is not blank, until a call fails.
/// Numbers start at `first` and include blank lines; a line excludes its line end.
template<typename Take>
result<void> each_line(std::string_view text, Take take, size_t first = 1) {
  for (size_t number = first; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (is_blank(line)) continue;
    if (result<void> taken = take(number, line); !taken) return taken;
  }
  return {};
}

/// The fault, with the line number added to its reason.
inline error in_line(size_t number, const error& fault) {
  return {fault.code, "line " + std::to_string(number) + ": " + fault.reason};
}

} // namespace treadmill
