#pragma once
#include <string_view>

namespace treadmill::js {

/// A function that is called first in every context: takes away what differs from node to node or
/// keeps something from one document to the next, and freezes the rest.
extern const std::string_view context_script;

/// Runs once before the sandbox is closed: makes ICU and libc load what they load at first use.
extern const std::string_view warm_up_script;

} // namespace treadmill::js
