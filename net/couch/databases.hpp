#pragma once
#include "net/couch/names.hpp"
#include "net/node/node_backend.hpp"
#include "storage/base/result.hpp"
#include <string>

namespace treadmill::couch {

/// Appends the facts of a database: the answer of `GET /db`.
result<void> append_database(std::string& out, const node_backend& node, const database& asked);

/// The most revisions of a branch that answers show (`_revs_limit`). Errors: those of read_local.
result<uint64_t> revs_limit(const node_backend& node, uint32_t bucket);

} // namespace treadmill::couch
