#pragma once
#include "storage/json.hpp"
#include "storage/replicated.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// A document with its past (or one leaf of it with that leaf's) as a line of JSON, as `_export`
/// gives and `_import` takes it:
///
///     {"id":"sam","seq":7,"revs":[
///       {"rev":"rev2-…","parent":"rev1-…","document":{"name":"Sam"}},
///       {"rev":"rev1-…"}]}
///
/// `revs` is the revision tree, newest first. Each live leaf has its `document`: the stored form,
/// without id and rev. `"deleted":true` marks a leaf that is a tombstone, `"foreign":true` a hash
/// that was made elsewhere and is not checked (one that is not 32 lower-case hex digits needs no
/// mark). A parent need not be in the list itself.
namespace treadmill {

/// How the first line of an export, which says what it is, and the last one, which counts the
/// others, begin.
inline constexpr std::string_view export_first_line = R"({"bucket":)";
inline constexpr std::string_view export_last_line = R"({"count":)";

/// Appends the line, without a line end. `body_of` is asked for each live leaf; its view is used at
/// once.
/// Errors: those of `body_of`; the line is then to be dropped.
result<void>
append_document_line(std::string& out, std::string_view id, uint64_t sequence,
                     const revision_tree& tree,
                     const std::function<result<std::string_view>(const revision&)>& body_of);

/// Reads such a line; `seq` is not needed and not used. The document is checked as far as its form
/// goes: check_replicated does the rest.
/// Errors: those of stored_form; not_object; bad_request (another member, or one of the wrong
/// kind); bad_rev (a revision that is none, or is there twice, or is not younger than its parent; a
/// tombstone that is no leaf).
result<replicated_document> parse_document_line(std::string_view line,
                                                const json_limits& limits = {});

} // namespace treadmill
