#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace treadmill {

/// How the rows of a query are reduced.
enum class reduction : uint8_t {
  none = 0,
  count = 1,                 ///< `_count`: the number of rows
  sum = 2,                   ///< `_sum` of values, which must be numbers
  min = 3,                   ///< `_min`, `_max` of any values, in the order of terms
  max = 4,                   //
  avg = 5,                   ///< `_avg` of values, which must be numbers
  stats = 6,                 ///< `_stats`: sum, count, min, max and sumsqr of numeric values
  approx_count_distinct = 7, ///< `_approx_count_distinct` of the keys
  javascript = 8,            ///< its values are texts; the caller computes them
};

/// The name of a built-in reduction, for example `_count`. Empty: it is not built in.
std::string_view to_string(reduction how);
/// The built-in reduction of that name. nullopt: there is none.
std::optional<reduction> builtin_reduction(std::string_view name);
/// The reduction that a definition's `reduce` denotes: empty is none, an unknown name is
/// JavaScript.
reduction reduction_of(std::string_view reduce);

} // namespace treadmill
