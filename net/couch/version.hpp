#pragma once
#include "net/node/node_backend.hpp"
#include <string>
#include <string_view>

/// The names under which a node presents itself to CouchDB's clients.
namespace treadmill::couch {

/// The version of CouchDB whose protocol this is: clients choose calls by it.
inline constexpr std::string_view couchdb_version = "3.5.2";

std::string node_uuid(const node_backend& node); ///< 32 hex digits, the same for ever
std::string node_name(const node_backend& node); ///< of `_node/…` and `_membership`
std::string make_id();                           ///< a new document id: 32 hex digits
std::string quoted(std::string_view text);       ///< as a JSON string

} // namespace treadmill::couch
