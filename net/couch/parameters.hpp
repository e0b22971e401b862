#pragma once
#include "net/api/exchange.hpp"
#include "net/couch/errors.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Query parameters in CouchDB's forms. Unknown ones are ignored.
namespace treadmill::couch {

/// `true` or `false`; `initial` where it is missing. Errors: query_parse_error.
outcome<bool> read_flag(const api::exchange& x, std::string_view name, bool initial = false);
/// A number of rows. Errors: query_parse_error.
outcome<std::optional<uint64_t>> read_count(const api::exchange& x, std::string_view name);
/// A JSON string. `other`: a second name of the parameter. Errors: query_parse_error.
outcome<std::optional<std::string>> read_key(const api::exchange& x, std::string_view name,
                                             std::string_view other);

} // namespace treadmill::couch
