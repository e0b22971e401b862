#pragma once
#include "storage/base/defaults.hpp"
#include "storage/base/json_string.hpp"
#include "storage/base/result.hpp"
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// Limits of an accepted JSON text.
struct json_limits {
  size_t depth = defaults::json_depth;
  size_t document_bytes = defaults::document_bytes;
  size_t items = defaults::list_items; ///< of a bulk request, or of a list of strings
};

/// The stored form of any JSON value, which is parsed and rewritten. No white space; members in
/// their order; shortest string escapes (only `"`, `\` and control characters are escaped, those as
/// \b \t \n \f \r or \u00xx in lower case); integers (numbers without fraction and exponent) of any
/// length digit for digit; any other number as the shortest text of the same double
/// (std::to_chars). Idempotent: the stored form of a stored form is itself (fuzzed). Errors:
/// bad_json (with the byte offset; also an empty text, trailing text, a raw NUL, a byte order mark,
/// a number with fraction or exponent that no double can hold), duplicate_key (unless the text has
/// another fault before the end of that object), too_deep, bad_encoding. Two kinds of numbers are
/// refused although a double can hold them, because RapidJSON considers them too big: a zero with
/// an exponent above 308, and digits that only a negative exponent brings into a double's range.
result<std::string> stored_form(std::string_view text, const json_limits& limits = {});

/// The same for a text in which the last member of a name counts: the others are left out.
result<std::string> stored_form_of_last(std::string_view text, const json_limits& limits = {});

/// The same for a text of a system whose numbers are doubles, such as JavaScript: an integer beyond
/// the int64/uint64 range stands for a double. JavaScript writes such doubles with zeros after
/// their shortest digits (2^64 as 18446744073709552000); they are stored as the shortest text of
/// the double. An integer that no double can hold is refused.
result<std::string> stored_form_of_doubles(std::string_view text, const json_limits& limits = {});

/// A document as a client sends it, split into its parts.
struct client_document {
  /// Stored form without `id`, `rev` and members that begin with `_`, but with the user's own `id`
  /// and `rev`, which a request and an answer have in `_members`.
  std::string body;
  std::optional<std::string> id;  ///< the member `id`; not checked against the rules of ids
  std::optional<std::string> rev; ///< the member `rev`; not parsed
  bool deleted = false;           ///< `"_deleted":true` (only if `take_deleted`)
};

/// Reads a document: a JSON object. `_conflicts` and `_history` are ignored (Treadmill sends them
/// itself), `_deleted` (a boolean) is accepted if `take_deleted`, the members of `_members` (an
/// object of `id` and `rev`) take its place, any other top-level member beginning with `_` is
/// refused. Errors: those of stored_form; not_object; bad_id (`id` is not a string); bad_rev (`rev`
/// is not a string); bad_request (an unknown `_` member, `_deleted` not a boolean, `_members`
/// another value); too_large (the stored form).
result<client_document> parse_document(std::string_view text, bool take_deleted,
                                       const json_limits& limits = {});

/// Reads `{"docs":[…]}`, one document at a time, without keeping the whole text. A fault of the
/// JSON text itself (bad_json, duplicate_key, too_deep, bad_encoding) refuses the whole text; a
/// fault of one document (not_object, bad_id, bad_rev, bad_request, too_large) is that document's
/// result, and reading continues. Members other than `docs` give bad_request. More documents than
/// the limit give too_large at the first one too many; the rest is not read.
result<std::vector<result<client_document>>> parse_bulk(std::string_view text,
                                                        const json_limits& limits = {});

/// The same for NDJSON: one document per line, blank lines skipped; a reason names the line,
/// counted from `first_line`.
result<std::vector<result<client_document>>>
parse_bulk_lines(std::string_view text, const json_limits& limits = {}, size_t first_line = 1);

/// Reads `{"<member>":["…",…]}`: a list of strings and nothing else (`_get`'s ids).
/// Errors: those of stored_form; not_object; bad_request; too_large.
result<std::vector<std::string>> parse_string_list(std::string_view text, std::string_view member,
                                                   const json_limits& limits = {});

/// JSON Merge Patch (RFC 7396) of two stored forms; `target` must be an object, `patch` too. The
/// result is a stored form. Errors: too_large.
result<std::string> merge_patch(std::string_view target, std::string_view patch,
                                const json_limits& limits = {});

/// Whether answers show a member of a body with this name, in quotes, in `_members`: "id" or "rev".
bool is_shown_apart(std::string_view name);

/// A body as answers and functions of queries show it: its own members `id` and `rev`, if it has
/// any, are in a member `_members`, which stands where the first of them was. The result views
/// `body`, or `buffer` if it differs.
std::string_view shown_body(std::string_view body, std::string& buffer);

/// Appends a document as REST shows it: `{"id":…,"rev":…` then `extra` (empty, or `,"member":…`),
/// then the body's members, as shown_body has them.
void append_document(std::string& out, std::string_view id, std::string_view rev,
                     std::string_view body, std::string_view extra = {});

} // namespace treadmill
