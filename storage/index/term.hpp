#pragma once
#include "storage/base/result.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace treadmill {

/// The order-preserving encoding of JSON values ("terms"): memcmp order of encodings is the order
/// of values, which is CouchDB's: null, false, true, numbers, strings (by Unicode code point),
/// arrays (element by element, a prefix first), objects (member by member in their stored order:
/// name, then value; a prefix first). No encoding is a proper prefix of another one, so other bytes
/// can follow an encoding in a key. Numbers (integers of any length and doubles) compare by their
/// exact mathematical value; 1 and 1.0 have the same encoding. The bytes are specified in
/// storage/README.md and never change.

/// Appends the encoding of a stored form. Errors: bad_json, too_deep.
result<void> append_term(std::string& out, std::string_view stored);

/// Removes one encoding from the front of `bytes`, and appends the value's stored form to `out`. (A
/// double with an integral value in the int64/uint64 range is written as an integer, and a longer
/// integer that is a double as the shortest text of that double.) Errors: corrupt.
result<void> take_term(std::string& out, std::string_view& bytes);

/// The size of the encoding at the front of `bytes`, without validating its content; 0 if there is
/// none. take_term may still refuse an encoding that this function accepts.
size_t term_size(std::string_view bytes);

/// The front of an array's encoding up to and including its first `count` elements (without the end
/// tag, so every array that begins with these elements begins with these bytes). nullopt if `term`
/// is not an array or has fewer elements. Precondition: `term` is one encoding.
std::optional<std::string_view> first_elements(std::string_view term, size_t count);

} // namespace treadmill
