#pragma once
#include "net/couch/errors.hpp"
#include "storage/documents/replicated.hpp"
#include "storage/documents/revision.hpp"
#include "storage/json/json.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Documents as CouchDB's clients write and read them.
namespace treadmill::couch {

/// A document of a request, split into its parts.
struct couch_document {
  std::string body{}; ///< stored form, without the members that begin with `_`
  std::optional<std::string> id{};
  std::optional<revision> rev{};
  std::vector<revision> history{}; ///< `_revisions`: newest first, without gaps; empty: not there
  bool deleted = false;
};

/// The body of a request as a stored form. Of members with one name the last one counts. Errors:
/// bad_request (no JSON), too_large.
outcome<std::string> read_json(std::string_view text, const json_limits& limits);

/// Splits a document. `stored`: a stored form. Errors: bad_request (no object; `_id`, `_rev`),
/// doc_validation (another wrong member that begins with `_`), document_too_large; not_implemented
/// (what this store does not keep yet: attachments, tombstones with members, members `id` and
/// `rev`).
outcome<couch_document> split_document(std::string_view stored, const json_limits& limits);

/// The document and the revision that a replica names.
struct replica_name {
  std::string id;
  revision rev{};
};
/// Errors: bad_request (it names none, or in a wrong form).
outcome<replica_name> name_of(const couch_document& document);
/// The same of a document that cannot be kept. `stored`: a stored form.
outcome<replica_name> name_of(std::string_view stored);

/// The document of a write with `new_edits=false`, ready to be grafted: all of its revisions are
/// foreign; the store finds out whether the last one is Treadmill's own. Errors: bad_request (it
/// has no revision, or `_rev` is not the first of `_revisions`). The result would pass
/// check_replicated: it is not called, since it would read the body once more. Precondition: the id
/// passed check_document_id, and `document` comes from split_document.
outcome<replicated_document> grafted_document(std::string_view id, couch_document&& document);

/// Appends `{"_id":…,"_rev":…` with `"_deleted":true` for a tombstone, the body's members, then
/// `extra` (empty, or members that begin with a comma).
void append_document(std::string& out, std::string_view id, const revision& rev, bool is_tombstone,
                     std::string_view body, std::string_view extra = {});

} // namespace treadmill::couch
