#pragma once
#include "net/couch/document_text.hpp"
#include "net/couch/errors.hpp"
#include "net/couch/names.hpp"
#include "storage/engine/bucket_core.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::couch {

/// The write of one document as CouchDB means it, from the parts of the request. With
/// `new_edits` false it is a graft. Errors: those of check_document_id and grafted_document.
outcome<write_op> write_of(std::string id, couch_document&& document, bool new_edits);

/// The error of a refused write.
couch_error refusal_of(const write_outcome& outcome);

/// The revision that the request names: in the parameter `rev`, in If-Match, in the body. Errors:
/// bad_request (a wrong form; they differ).
outcome<std::optional<revision>> named_revision(const api::exchange& x,
                                                const std::optional<revision>& in_body);

} // namespace treadmill::couch
