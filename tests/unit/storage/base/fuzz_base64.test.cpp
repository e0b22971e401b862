// The fuzzer itself is built in a tree of its own: here its entry runs with samples, and with
// random changes of them.
#define LLVMFuzzerTestOneInput fuzz_base64 // NOLINT
#include "tests/fuzz/fuzz_base64.cpp"
#include "tests/fuzz/samples.hpp"
#include <doctest/doctest.h>

TEST_CASE("what the fuzzer of base64 requires holds for samples and random changes of them") {
  CHECK(run_samples(fuzz_base64,
                    {"", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zh==", "Zm9v\r\n", "====+/"}) > 1000);
}
