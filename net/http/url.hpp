#pragma once
#include "storage/base/result.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::http {

/// Percent-decodes one piece of a URL. In queries `+` is a space, in paths it is itself.
/// Errors: bad_request (a `%` that two hex digits do not follow).
result<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// Percent-encodes everything but unreserved characters, for Location.
std::string percent_encode(std::string_view text);

/// Where a slash at the end of a path is ignored.
enum class trailing_slash : uint8_t {
  refused,
  after_first, ///< `/bucket/` is `/bucket`; `/bucket/id/` is refused
  ignored,
};

/// Splits a raw path at its slashes, and only then decodes each piece: `/b/a%2Fb` is `b`, `a/b`.
/// `/` has no pieces. Errors: bad_request (bad percent, an empty piece, no leading slash).
result<std::vector<std::string>> split_path(std::string_view raw_path, trailing_slash trailing);

/// What becomes of a parameter that a query has twice.
enum class repeated : uint8_t { refused, last_counts };

/// The parameters of a query, decoded. Errors: bad_request (bad percent; a name given twice, where
/// that is refused).
class query {
public:
  static result<query> parse(std::string_view raw_query, repeated twice = repeated::refused);
  std::optional<std::string_view> find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return items_; }

private:
  std::vector<std::pair<std::string, std::string>> items_;
};

} // namespace treadmill::http
