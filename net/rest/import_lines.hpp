#pragma once
#include "net/api/exchange.hpp"
#include "net/api/merged_lines.hpp"
#include "storage/documents/replicated.hpp"

namespace treadmill::rest {

/// How large a document may become by an import: less than a node can hold, unless it restores.
tree_limits trees_of(const api::exchange& x);

/// Reads all lines or none: one invalid line refuses the whole text. Lines are counted from
/// `first_line`.
result<void> read_import_lines(std::string_view text, api::merged_lines& into,
                               size_t first_line = 1);

} // namespace treadmill::rest
