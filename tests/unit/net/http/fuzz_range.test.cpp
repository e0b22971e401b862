// The fuzzer itself is built in a tree of its own: here its entry runs with samples, and with
// random changes of them.
#define LLVMFuzzerTestOneInput fuzz_range // NOLINT
#include "tests/fuzz/fuzz_range.cpp"
#include "tests/fuzz/samples.hpp"
#include <doctest/doctest.h>

TEST_CASE("what the fuzzer of range requires holds for samples and random changes of them") {
  CHECK(run_samples(fuzz_range,
                    {"0-", "bytes=0-3", "5-3", "-5", "1-18446744073709551615",
                     "99999999999999999999-", "a; b=c; d=\"e\\\"f\"", "bytes=1-2,4-5"}) > 1000);
}
