#pragma once
#include "net/api/exchange.hpp"
#include "net/couch/names.hpp"
#include <string>
#include <string_view>

/// Documents `_local/…`: of this node alone, with one revision, `0-N`. Replicators keep their
/// checkpoints in them.
namespace treadmill::couch {

bool is_local(std::string_view id);

// Answer the calls of such a document. Precondition: is_local(id).
void read_local(api::exchange& x, const database& from, const std::string& id);
void put_local(api::exchange& x, const database& into, const std::string& id);
void delete_local(api::exchange& x, const database& from, const std::string& id);

} // namespace treadmill::couch
