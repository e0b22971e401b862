#pragma once
#include "storage/result.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace treadmill {

/// The order-preserving encoding of JSON values ("terms"): memcmp order of encodings is the order
/// of values, which is CouchDB's: null, false, true, numbers, strings (by Unicode code point),
/// arrays (element by element, a prefix first), objects (member by member in their stored order:
/// name, then value; a prefix first). No encoding is a proper prefix of another one, so encodings
/// can be concatenated with what follows them in a key. Numbers: int64/uint64 and doubles compare
/// by their exact mathematical value; 1 and 1.0 have one encoding. The bytes are specified in
/// storage/README.md and never change.

/// Appends the encoding of a stored form. Errors: bad_json, too_deep.
result<void> append_term(std::string& out, std::string_view stored);

/// Reads one encoding from the front of `bytes`, removes it there, and appends the value's stored
/// form to `out`. (A double with an integral value in the int64/uint64 range comes back in its
/// integer spelling.) Errors: corrupt.
result<void> take_term(std::string& out, std::string_view& bytes);

/// How many bytes of the front of `bytes` are one encoding, without looking at what it says; 0
/// where there is none. What it accepts, take_term may still refuse.
size_t term_size(std::string_view bytes);

/// The front of an array's encoding up to and with its first `count` elements (without its end, so
/// that every array that begins with these elements begins with these bytes). Nothing where `term`
/// is no array or has fewer elements. Precondition: `term` is one encoding.
std::optional<std::string_view> first_elements(std::string_view term, size_t count);

} // namespace treadmill
