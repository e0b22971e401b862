#pragma once
#include <string_view>

/// What can be said of a function's text without an engine.
namespace treadmill::js {

/// The text after the white space and the comments that it begins with.
std::string_view skip_blank(std::string_view text);

/// True for a text that begins with the word `class`: whose evaluation would run code of it.
bool is_class(std::string_view text);

} // namespace treadmill::js
