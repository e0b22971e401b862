#pragma once
#include <string_view>

/// Checks of a function's text that need no engine.
namespace treadmill::js {

/// The text without leading white space and comments.
std::string_view skip_blank(std::string_view text);

/// True for a text that begins with the word `class`: evaluating a class runs code in it.
bool is_class(std::string_view text);

} // namespace treadmill::js
