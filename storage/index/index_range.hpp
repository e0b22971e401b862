#pragma once
#include "storage/index/index.hpp"
#include "storage/json/json.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// A part of an index, by the suffixes of its rows: includes `from`, excludes `to`. Empty if `from`
/// is not below `to`.
struct index_range {
  std::string from{};
  std::string to = "\xff"; ///< above all suffixes
  bool descending = false; ///< read from its end to its beginning

  void raise(std::string_view bound); ///< excludes rows below `bound`
  void lower(std::string_view bound); ///< excludes rows from `bound` on
  /// Excludes the rows already read up to and including that row, in the direction of reading.
  void go_on_after(std::string_view suffix);
  /// Excludes the rows read before that row, which is the next one to read.
  void go_on_at(std::string_view suffix);
};

/// A reader's request. All values are stored forms of JSON.
struct range_request {
  std::optional<std::string> term{};   ///< only rows with this term
  std::optional<std::string> from{};   ///< where the answer starts, even if it is descending
  std::optional<std::string> to{};     ///< where it ends
  std::optional<std::string> prefix{}; ///< strings, or arrays, with this prefix
  bool inclusive_end = true;           ///< includes rows with the term `to`
  bool descending = false;
  std::optional<std::string> after{}; ///< a cursor
};

/// Errors: bad_request (`prefix` is neither a string nor an array; `after` is not a cursor; a value
/// is not a stored form).
result<index_range> make_range(const range_request& request);

/// The elements of a JSON array in stored form, each as a stored form for `term`. Errors:
/// bad_request (not an array, more than `most` elements).
result<std::vector<std::string>> elements_of(std::string_view array, size_t most);

/// The cursor after a row (given its suffix), or after a group of rows (given its prefix:
/// index_reduction.hpp). Cursors are opaque and safe in a URL.
std::string cursor_after_row(std::string_view suffix);
std::string cursor_after_group(std::string_view group);

} // namespace treadmill
