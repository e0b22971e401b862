#pragma once
#include <chrono>

namespace treadmill {

/// The clock of deadlines.
using clock = std::chrono::steady_clock;

} // namespace treadmill
