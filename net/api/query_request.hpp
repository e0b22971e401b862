#pragma once
#include "net/http/url.hpp"
#include "storage/base/result.hpp"
#include "storage/index/index_range.hpp"
#include "storage/json/json.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::api {

/// The parameters of a GET of a query, parsed.
struct query_request {
  range_request range;                           ///< its `term` is not used; see `terms`
  std::optional<std::vector<std::string>> terms; ///< `term` or `terms`, as stored forms, in order
  bool listed = false;                           ///< the request has `terms`, which has no cursor
  std::optional<uint64_t> limit;
  uint64_t skip = 0;
  bool include_docs = false;
  bool stale = false;
  std::optional<bool> reduce; ///< nothing: as the query is defined
  bool group = false;
  std::optional<uint64_t> group_level; ///< 0: as without grouping

  bool grouped() const { return group || group_level.value_or(0) > 0; }
};

/// Reads a value from a URL: JSON, or a plain string (`John Doe`) if the text is not JSON and does
/// not begin with `"`, `[` or `{`. Returns its stored form.
/// Errors: those of stored_form for text that begins like JSON.
result<std::string> read_value(std::string_view text, const json_limits& limits);

/// Reads the parameters of a query's GET, each of which was already checked on its own. `posted`:
/// the value of `terms` if it came as a body. Errors: bad_request (names the parameters that
/// contradict each other, or the one that cannot be read); too_large (number of terms).
result<query_request> read_query_request(const http::query& query, const json_limits& limits,
                                         std::optional<std::string_view> posted = std::nullopt);

/// The ranges of an index that a request reads, one after the other.
class asked_ranges {
public:
  /// Moves the terms out of the request; `terms` stays set there, but empty. Errors: bad_request.
  static result<asked_ranges> make(query_request& asked);
  /// Nothing: there are no more.
  std::optional<index_range> next();

private:
  std::optional<std::vector<std::string>> terms_{};
  range_request shared_{}; ///< common to all terms
  index_range only_{};     ///< the one range, if there are no terms
  size_t next_ = 0;
};

} // namespace treadmill::api
