#pragma once
#include "storage/index.hpp"
#include "storage/json.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// A part of an index, by the suffixes of its rows: `from` belongs to it, `to` does not. Empty
/// where `from` is not below `to`.
struct index_range {
  std::string from{};
  std::string to = "\xff"; ///< above all
  bool descending = false; ///< read from its end to its beginning

  void raise(std::string_view bound); ///< nothing below `bound` belongs to it
  void lower(std::string_view bound); ///< nothing from `bound` on
  /// Cuts off what was read up to and with that row, in the direction of reading.
  void go_on_after(std::string_view suffix);
  /// Cuts off what was read before that row: it is the next one.
  void go_on_at(std::string_view suffix);
};

/// What a reader asks for. All values are stored forms of JSON.
struct range_request {
  std::optional<std::string> term{};   ///< rows with this term alone
  std::optional<std::string> from{};   ///< where the answer starts, also where it is descending
  std::optional<std::string> to{};     ///< where it ends
  std::optional<std::string> prefix{}; ///< strings, or arrays, that begin so
  bool inclusive_end = true;           ///< rows with the term `to` belong to it
  bool descending = false;
  std::optional<std::string> after{}; ///< a cursor
};

/// Errors: bad_request (`prefix` is neither a string nor an array; `after` is no cursor; a value
/// that is no stored form).
result<index_range> make_range(const range_request& request);

/// The elements of a JSON array in its stored form, as stored forms: one `term` each. Errors:
/// bad_request (no array, more than `most`).
result<std::vector<std::string>> elements_of(std::string_view array, size_t most);

/// The cursor behind a row (its suffix), or behind a group of rows (its bytes:
/// index_reduction.hpp): opaque, safe in a URL.
std::string cursor_after_row(std::string_view suffix);
std::string cursor_after_group(std::string_view group);

} // namespace treadmill
