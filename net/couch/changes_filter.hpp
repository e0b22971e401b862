#pragma once
#include "net/api/exchange.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/names.hpp"
#include "storage/selector/selector.hpp"
#include <optional>
#include <string>
#include <vector>

namespace treadmill::couch {

/// The documents that `_changes` shows.
struct changes_filter {
  std::optional<std::vector<std::string>> ids{}; ///< sorted
  bool designs = false;                          ///< design documents alone
  std::optional<selector> matching{};
};

/// Reads the parameter `filter`, and what its kind needs from the query or the body. Errors:
/// bad_request; missing (its design document); not_implemented (it is a function).
outcome<changes_filter> read_changes_filter(const api::exchange& x, const database& from);

} // namespace treadmill::couch
