#pragma once
#include "actors/command_line.hpp"

namespace treadmill {

/// `treadmill verify`: checks the store of a node that does not run, bucket by bucket, and prints
/// what it finds (storage/verify.hpp). The exit code.
int verify_store(const command_line& asked);

} // namespace treadmill
