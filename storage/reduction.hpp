#pragma once
#include "storage/hyperloglog.hpp"
#include "storage/index.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill {

/// How the rows of a query are reduced.
enum class reduction : uint8_t {
  none = 0,
  count = 1, ///< `_count`: the number of rows
  sum = 2,   ///< `_sum` of values that are numbers
  min = 3,   ///< `_min`, `_max`: of any values, in the order of terms
  max = 4,   //
  avg = 5,   ///< `_avg` of values that are numbers
  stats = 6, ///< `_stats`: sum, count, min, max and sumsqr of values that are numbers
  approx_count_distinct = 7, ///< `_approx_count_distinct` of the keys
  javascript = 8,            ///< its values are texts that are made elsewhere
};

/// The built-in reduction of that name, `_count` for example. Nothing where there is none.
std::optional<reduction> builtin_reduction(std::string_view name);
/// That of a definition's `reduce`: empty is none, an unknown name is JavaScript.
reduction reduction_of(std::string_view reduce);

/// What a built-in reduction made of some rows: a plain value. Starts as that of no rows.
///
/// **Units**: numbers are added as doubles, one after the other in the order of the calls: integers
/// are exact up to 2^53, and the order of additions is the caller's (storage/README.md, "Block
/// tree"). A result that no double can hold is null.
/// **Errors**: a value that is no number where numbers are needed is remembered with its document's
/// id, the first one in order, and is the answer (bad_reduce) as long as it is there.
class partial_result {
public:
  /// Precondition: `how` is built in.
  explicit partial_result(reduction how) : how_(how) {}

  result<void> add(const index_row& row); ///< Errors: corrupt.
  void merge(const partial_result& next); ///< of the rows that come after
  void clear() { *this = partial_result(how_); }

  std::string encode() const;
  static result<partial_result> decode(reduction how, std::string_view bytes);
  /// Appends the answer. Errors: bad_reduce; corrupt.
  result<void> append_json(std::string& out) const;
  /// The id of the first document with a value that cannot be taken. Empty: there is none.
  const std::string& offender() const { return offender_; }

private:
  bool takes_numbers() const {
    return how_ == reduction::sum || how_ == reduction::avg || how_ == reduction::stats;
  }
  result<void> add_number(const index_row& row);
  result<void> add_extreme(const index_row& row);
  void take_extreme(std::string_view term);
  bool decode_numbers(std::string_view& bytes);
  void append_stats(std::string& out) const;

  reduction how_;
  uint64_t count_ = 0;
  double sum_ = 0;
  double squares_ = 0;
  double min_ = 0; ///< these two only where there are rows
  double max_ = 0;
  std::string extreme_{}; ///< of _min and _max: a term
  hyperloglog distinct_{};
  std::string offender_{};
};

} // namespace treadmill
