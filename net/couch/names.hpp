#pragma once
#include "net/api/exchange.hpp"
#include "net/couch/errors.hpp"
#include "storage/engine/store.hpp"
#include <optional>
#include <string>
#include <string_view>

/// Names of databases and documents.
namespace treadmill::couch {

/// The bucket that holds a database. Names of databases may have characters that names of buckets
/// may not: `$ ( ) + /` become `.24 .28 .29 .2b .2f`, and `_` at the front becomes `0.`. Nothing:
/// no database can have this name. The inverse of `database_name`.
std::optional<std::string> bucket_name(std::string_view database);
/// The database that a bucket holds; nothing: its name is none of a database, and the dialect does
/// not show it.
std::optional<std::string> database_name(std::string_view bucket);

/// The databases whose names begin with `_`: `_users`, `_replicator`, `_global_changes`.
bool is_system_database(std::string_view database);
/// The error for a write into a system database; nothing: it is allowed.
std::optional<couch_error> refused_write(std::string_view database);

/// A database of a request, which exists.
struct database {
  bucket_info bucket;
  std::string name;
};
/// The database of the path; if it is missing, answers the request (404) and returns nothing.
std::optional<database> find_database(api::exchange& x);
/// The same for a write into it.
std::optional<database> find_writable(api::exchange& x);

/// Whether the dialect hides a document: the definition of a native query.
bool is_hidden(std::string_view id);
/// Checks the id of a document that is written. Design documents are not kept yet.
outcome<void> check_document_id(std::string_view id);

} // namespace treadmill::couch
