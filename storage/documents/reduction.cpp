#include "storage/documents/reduction.hpp"
#include <array>
#include <cstddef>

namespace treadmill {
namespace {

constexpr std::array<std::string_view, 8> names{
    "", "_count", "_sum", "_min", "_max", "_avg", "_stats", "_approx_count_distinct"};

} // namespace

std::string_view to_string(reduction how) {
  const auto place = static_cast<size_t>(how);
  return place < names.size() ? names[place] : "";
}

std::optional<reduction> builtin_reduction(std::string_view name) {
  for (size_t i = 1; i < names.size(); ++i)
    if (names[i] == name) return static_cast<reduction>(i);
  return std::nullopt;
}

reduction reduction_of(std::string_view reduce) {
  if (reduce.empty()) return reduction::none;
  return builtin_reduction(reduce).value_or(reduction::javascript);
}

} // namespace treadmill
