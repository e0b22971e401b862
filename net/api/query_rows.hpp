#pragma once
#include "storage/base/result.hpp"
#include "storage/index/index.hpp"
#include <string>
#include <string_view>

namespace treadmill::api {

/// Writes the rows of a query: `{"key":<id>,"value":…,"<name>":…}` if the map returned the value,
/// `{"id":…,"key":…,"value":…}` if it emitted a key.
class query_row_text {
public:
  /// The member with the query's name is left out if it would collide with another one.
  explicit query_row_text(std::string_view name, bool include_docs = false);
  /// Appends a row without its closing brace. Errors: corrupt.
  result<void> append(std::string& out, const index_row& row) const;
  /// Appends a whole row of a document, as it is in a trial or a change. Errors: corrupt.
  result<void> append(std::string& out, std::string_view id, const mapped_row& row) const;

private:
  std::string member_{}; ///< `,"name":`; empty: there is none
};

} // namespace treadmill::api
