#pragma once
#include "actors/process/command_line.hpp"

namespace treadmill {

/// Runs a command against a running node, or a store (`verify`), and reports on the standard
/// streams. Returns the exit code: 0, 1 if the command failed, or 2 if it is wrong; the command's
/// own help says more.
/// **Thread**: one; blocks.
int run_command(const command_line& asked);

} // namespace treadmill
