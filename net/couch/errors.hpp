#pragma once
#include "net/api/exchange.hpp"
#include "net/http/http.hpp"
#include "storage/base/result.hpp"
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace treadmill::couch {

/// An error as CouchDB's clients know it: `{"error":word,"reason":reason}` with a status. Clients
/// compare words, and some reasons ("missing", "deleted").
struct couch_error {
  int status = 500;
  std::string_view word; ///< of static storage
  std::string reason;
};

template<typename T>
using outcome = tl::expected<T, couch_error>;

inline tl::unexpected<couch_error> fault(couch_error problem) {
  return tl::unexpected<couch_error>(std::move(problem));
}

/// The one place that turns an error of the node into CouchDB's. Covers every `ec` (tested).
couch_error of(const error& problem);

/// The whole answer, with Retry-After if trying again soon may help.
http::response answer_of(const couch_error& problem);
/// As `dialect::error_answer`. `extra`: further members, each behind a comma.
http::response error_answer(const error& problem, std::string_view extra);
void refuse(api::reply& answer, const couch_error& problem);

// Errors that are no `ec` of the node.
couch_error bad_request(std::string reason);
couch_error bad_parameter(std::string reason); ///< query_parse_error
couch_error no_database();
couch_error bad_database_name(std::string_view name);
couch_error database_exists();
couch_error missing(); ///< a document or revision that was never there, or is not kept
couch_error deleted();
couch_error update_conflict();
couch_error bad_document_id(std::string reason);
couch_error bad_revision();
couch_error bad_member(std::string reason); ///< doc_validation
couch_error too_large(std::string reason);  ///< document_too_large
couch_error not_implemented(std::string reason);

} // namespace treadmill::couch
