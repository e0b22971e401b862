#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Values of a stored form (json.hpp).
namespace treadmill::couch {

inline bool is_string(std::string_view value) { return value.starts_with('"'); }
/// The text of a string. Precondition: is_string.
std::string unquoted(std::string_view value);
/// The texts of an array of strings; nothing: it is something else, or it has more than `most`.
std::optional<std::vector<std::string>> strings_of(std::string_view value, size_t most);

} // namespace treadmill::couch
