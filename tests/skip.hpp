#pragma once
#include <string_view>

namespace treadmill::test {

/// For a test that this machine cannot run (no right to mount, say): call it with the reason and
/// return from the test. Where nothing fails, the program then ends with 77, which ctest counts as
/// skipped; deploy/test.sh prints the reasons, and with CI=true a skip is a failure.
void skip(std::string_view reason);

} // namespace treadmill::test
