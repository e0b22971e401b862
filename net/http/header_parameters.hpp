#pragma once
#include "storage/base/result.hpp"
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::http {

/// The value of a header such as Content-Type or Content-Disposition: a word, then parameters.
struct header_value {
  std::string word;                                            ///< lower case
  std::vector<std::pair<std::string, std::string>> parameters; ///< names in lower case
  /// The value of a parameter, "" if it is absent.
  std::string_view parameter(std::string_view name) const;
};

/// Reads `word; name=value; name="quoted value"`. Errors: bad_request (no word; a parameter without
/// a value; a quote without its end; text after a quoted value; a name given twice; more than 16
/// parameters).
result<header_value> read_header_value(std::string_view text);

/// Appends a text as a quoted string. Precondition: is_value(text).
void append_quoted(std::string& out, std::string_view text);

} // namespace treadmill::http
