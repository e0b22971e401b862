#pragma once
#include "storage/base/result.hpp"
#include "storage/documents/replicated.hpp"
#include "storage/json/json.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// A document with its history (or one leaf with the history of that leaf) as a line of JSON, the
/// format of `_export` and `_import`:
///
///     {"id":"sam","seq":7,"revs":[
///       {"rev":"rev2-…","parent":"rev1-…","document":{"name":"Sam"}},
///       {"rev":"rev1-…"}]}
///
/// `revs` is the revision tree, newest first. Each live leaf has a `document`: its stored form,
/// without id and rev. `"deleted":true` marks a leaf that is a tombstone, `"foreign":true` a hash
/// that was made elsewhere and is not checked (a hash that is not 32 lower-case hex digits needs no
/// mark). A parent may be missing from the list.
namespace treadmill {

/// The prefixes of an export's first line, which describes the export, and of its last line, which
/// counts the other lines.
inline constexpr std::string_view export_first_line = R"({"bucket":)";
inline constexpr std::string_view export_last_line = R"({"count":)";

/// Appends the line, without a line end. It calls `body_of` for each live leaf, and does not keep
/// the returned view.
/// Errors: those of `body_of`; the caller then drops the line.
result<void>
append_document_line(std::string& out, std::string_view id, uint64_t sequence,
                     const revision_tree& tree,
                     const std::function<result<std::string_view>(const revision&)>& body_of);

/// Reads such a line; `seq` is optional and ignored. It checks only the form of the document;
/// check_replicated does the rest.
/// Errors: those of stored_form; not_object; bad_request (another member, or one of the wrong
/// kind); bad_rev (a revision that is invalid, occurs twice, or is not newer than its parent; a
/// tombstone that is not a leaf).
result<replicated_document> parse_document_line(std::string_view line,
                                                const json_limits& limits = {});

} // namespace treadmill
