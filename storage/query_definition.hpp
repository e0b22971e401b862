#pragma once
#include "storage/json.hpp"
#include "storage/result.hpp"
#include <string>
#include <string_view>

namespace treadmill {

/// What a query is: the source of its map, and how its rows are reduced. Kept as the body of an
/// ordinary document of its bucket, so that it has revisions, is logged and replicates.
struct query_definition {
  std::string map{};    ///< JavaScript; not looked at here
  std::string reduce{}; ///< the name of a built-in reduction, or JavaScript; empty: none
  friend bool operator==(const query_definition&, const query_definition&) = default;
};

/// Reads `{"map":"…","reduce":"…"}`, where `reduce` may be left out, null or empty. Errors: those
/// of stored_form; not_object; bad_request (no map or an empty one, a member that is no string, an
/// unknown member, which is named); too_large.
result<query_definition> parse_definition(std::string_view json, const json_limits& limits = {});

/// What a definition must keep besides its form, whoever brings it. Whether its functions compile
/// is not looked at. Errors: bad_map (a function above the limit); bad_request (a reduction that is
/// named like a built-in one, and is none).
result<void> check_definition(const query_definition& definition);

/// The stored form of the definition's document: `map` first, `reduce` only where there is one, so
/// that equal definitions are equal bytes.
std::string definition_body(const query_definition& definition);

/// The id of the document that holds a query's definition: `_query/<name>`. No client can give it
/// to a document of his own (check_id).
std::string query_document_id(std::string_view name);
bool is_query_document(std::string_view id);
/// Precondition: is_query_document(id).
std::string_view query_name_of(std::string_view id);

} // namespace treadmill
