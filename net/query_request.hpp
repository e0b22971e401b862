#pragma once
#include "net/url.hpp"
#include "storage/index_range.hpp"
#include "storage/json.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::rest {

/// What a GET of a query asks for.
struct query_request {
  range_request range;                           ///< its `term` is not used: `terms` has it
  std::optional<std::vector<std::string>> terms; ///< `term` or `terms`, as stored forms, in order
  bool listed = false;                           ///< they are `terms`, which have no cursor
  std::optional<uint64_t> limit;
  uint64_t skip = 0;
  bool include_docs = false;
  bool stale = false;
  std::optional<bool> reduce; ///< nothing: as the query is defined
  bool group = false;
  std::optional<uint64_t> group_level; ///< 0: as without grouping

  bool grouped() const { return group || group_level.value_or(0) > 0; }
};

/// A value as a client writes it into a URL: JSON, or, where it is none and does not begin with
/// `"`, `[` or `{`, a string as it stands (`John Doe`). The answer is its stored form.
/// Errors: those of stored_form for what begins like JSON.
result<std::string> read_value(std::string_view text, const json_limits& limits);

/// The parameters of a query's GET, each already checked for itself. `posted`: the value of `terms`
/// where it came as a body. Errors: bad_request that names the parameters which contradict each
/// other, or the one that cannot be read; too_large (number of terms).
result<query_request> read_query_request(const http::query& query, const json_limits& limits,
                                         std::optional<std::string_view> posted = std::nullopt);

/// The parts of an index that a question is about, one after the other.
class asked_ranges {
public:
  /// Moves the terms out of the request, which keeps only that there were some. Errors:
  /// bad_request.
  static result<asked_ranges> make(query_request& asked);
  /// Nothing: there are no more.
  std::optional<index_range> next();

private:
  std::optional<std::vector<std::string>> terms_{};
  range_request shared_{}; ///< of all terms
  index_range only_{};     ///< where there are no terms
  size_t next_ = 0;
};

} // namespace treadmill::rest
