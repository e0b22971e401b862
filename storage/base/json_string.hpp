#pragma once
#include <string>
#include <string_view>

namespace treadmill {

/// Appends the stored form's escape of a quote, a backslash or a control character.
void append_escaped(std::string& out, char c);

/// Appends `text` (valid UTF-8) as a JSON string with its quotes, in the stored form's escapes.
void append_json_string(std::string& out, std::string_view text);

} // namespace treadmill
