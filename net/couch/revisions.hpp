#pragma once
#include "net/couch/errors.hpp"
#include "storage/documents/revision.hpp"
#include "storage/documents/revision_tree.hpp"
#include "storage/engine/rows.hpp"
#include "storage/engine/store.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Revisions and sequences as CouchDB's clients see them: `N-hash` stands for `revN-hash`.
namespace treadmill::couch {

/// A hash of 32 hex digits may come in upper case: it means the lower case. Errors: bad_revision.
outcome<revision> parse_revision(std::string_view text);
std::string to_text(const revision& rev); ///< "3-0123…"
void append_revision(std::string& out, const revision& rev);
/// `["2-…","1-…"]`
void append_revisions(std::string& out, std::span<const revision> revisions);
std::string etag_of(const revision& rev); ///< quoted

/// The leaf of the best rank that descends from `rev`, or is it; empty: `rev` is not in the tree.
revision latest_of(const revision_tree& tree, const revision& rev);

/// `"N-…"` with quotes: an opaque position in a bucket's log. It names the log and the entry, so a
/// client that comes back to another log, or to one that was cut, begins at 0.
void append_sequence(std::string& out, const bucket_info& bucket, uint64_t sequence,
                     const hash128& chain);
/// The time at which an instance of a database began, as CouchDB's clients compare it: a text that
/// is made of the log's id.
std::string instance_of(const bucket_info& bucket);

} // namespace treadmill::couch
