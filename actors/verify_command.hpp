#pragma once
#include "actors/command_line.hpp"

namespace treadmill {

/// `treadmill verify`: has a running node check what it stores, or checks the store of one that
/// does not run (`--data`), bucket by bucket, and prints what is found (storage/verify.hpp). The
/// exit code.
int verify(const command_line& asked);

} // namespace treadmill
