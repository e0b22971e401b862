#pragma once
#include "net/api/dialect.hpp"
#include <string_view>
#include <vector>

namespace treadmill::couch {

/// The dialect of CouchDB's clients, with `/` as its root.
const api::dialect& couchdb();

/// The labels of its routes, for the metrics of another dialect.
std::vector<std::string_view> labels();

} // namespace treadmill::couch
