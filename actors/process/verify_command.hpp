#pragma once
#include "actors/process/command_line.hpp"

namespace treadmill {

/// `treadmill verify`: makes a running node check its store, or checks the store of a stopped node
/// (`--data`), bucket by bucket, and prints the findings (storage/verify/verify.hpp). Returns the
/// exit code.
int verify(const command_line& asked);

} // namespace treadmill
