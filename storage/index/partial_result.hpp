#pragma once
#include "storage/base/result.hpp"
#include "storage/documents/reduction.hpp"
#include "storage/index/hyperloglog.hpp"
#include "storage/index/index.hpp"
#include <cstdint>
#include <string>
#include <string_view>

namespace treadmill {

/// The result of a built-in reduction over some rows: a plain value. Initially the result over no
/// rows.
///
/// **Errors**: if a value is not a number although the reduction needs numbers, the result is
/// bad_reduce and names the document; of several such documents, the first in order.
/// **Units and limits**: numbers are added as doubles, one after the other in the order of the
/// calls: integers are exact up to 2^53, and the caller determines the order of additions
/// (storage/README.md, "Block tree"). A result out of a double's range is null.
class partial_result {
public:
  /// Precondition: `how` is built in.
  explicit partial_result(reduction how) : how_(how) {}

  result<void> add(const index_row& row); ///< Errors: corrupt.
  void merge(const partial_result& next); ///< `next` is over the rows that follow
  void clear() { *this = partial_result(how_); }

  std::string encode() const;
  static result<partial_result> decode(reduction how, std::string_view bytes);
  /// Appends the answer. Errors: bad_reduce; corrupt.
  result<void> append_json(std::string& out) const;
  /// The id of the first document with an unusable value. Empty: there is none.
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
  double min_ = 0; ///< min_ and max_ are valid only if there are rows
  double max_ = 0;
  std::string extreme_{}; ///< of _min and _max: a term
  hyperloglog distinct_{};
  std::string offender_{};
};

} // namespace treadmill
