#pragma once
#include "actors/command_line.hpp"

namespace treadmill {

/// Does what a command asks of a running node, or of a store (`verify`), and tells about it on the
/// standard streams. Gives the exit code: 0, or 1 where it could not be done; the command's own
/// help says more.
/// **Thread**: one; blocks.
int run_command(const command_line& asked);

} // namespace treadmill
