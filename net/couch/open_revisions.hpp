#pragma once
#include "net/api/exchange.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/names.hpp"
#include "net/couch/shown_members.hpp"
#include "net/couch/stored_document.hpp"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::couch {

/// Appends a revision of a document with the members that `shown` asks for. Errors: missing; those
/// of reading.
outcome<void> append_shown(std::string& out, const stored_document& document, const revision& rev,
                           const shown_members& shown, uint64_t revs_limit);

/// All leaves of a document.
outcome<std::vector<revision>> all_leaves(const stored_document& document);

/// Answers a read with `open_revs`: a JSON array, or parts if the header Accept names them.
void answer_open_revisions(api::exchange& x, const database& from, std::string_view id,
                           shown_members shown, std::string_view asked);

} // namespace treadmill::couch
