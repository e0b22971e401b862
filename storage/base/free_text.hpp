#pragma once
#include <string>

namespace treadmill {

/// Empties a string and frees its memory. Assigning an empty string is not enough: libstdc++ copies
/// a short one into the buffer that is there.
inline void free_text(std::string& text) { std::string().swap(text); }

} // namespace treadmill
