#pragma once
#include <string_view>

namespace treadmill::js {

/// A function that is called first in every context. It removes globals that differ between nodes
/// or keep state from one document to the next, and freezes the rest.
extern const std::string_view context_script;

/// Runs once before the sandbox is closed, so that ICU and libc load their data files.
extern const std::string_view warm_up_script;

} // namespace treadmill::js
