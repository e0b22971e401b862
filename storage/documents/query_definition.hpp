#pragma once
#include "storage/base/result.hpp"
#include "storage/json/json.hpp"
#include <string>
#include <string_view>

namespace treadmill {

/// A query's definition: the source of its map, and its reduction. It is the body of an ordinary
/// document of its bucket, so it has revisions, is logged and replicates.
struct query_definition {
  std::string map{};    ///< JavaScript; not checked here
  std::string reduce{}; ///< the name of a built-in reduction, or JavaScript; empty: none
  friend bool operator==(const query_definition&, const query_definition&) = default;
};

/// Reads `{"map":"…","reduce":"…"}`, where `reduce` may be left out, null or empty. Errors: those
/// of stored_form; not_object; bad_request (a missing or empty map, a member that is not a string,
/// an unknown member, which the reason names); too_large.
result<query_definition> parse_definition(std::string_view json, const json_limits& limits = {});

/// Checks the rules that hold for every definition besides its form, whether it comes from a client
/// or a peer. It does not check that the functions compile. Errors: bad_map (a function above the
/// limit); bad_request (a reduction that is named like a built-in one but is not built in).
result<void> check_definition(const query_definition& definition);

/// The stored form of the definition's document: `map` first, `reduce` only if there is one, so
/// equal definitions are equal bytes.
std::string definition_body(const query_definition& definition);

/// The id of the document that holds a query's definition: `_query/<name>`. Clients cannot use such
/// an id for a document (check_id).
std::string query_document_id(std::string_view name);
bool is_query_document(std::string_view id);
/// Precondition: is_query_document(id).
std::string_view query_name_of(std::string_view id);

} // namespace treadmill
