// The fuzzer itself is built in a tree of its own: here its entry runs with samples, and with
// random changes of them.
#define LLVMFuzzerTestOneInput fuzz_multipart // NOLINT
#include "tests/fuzz/fuzz_multipart.cpp"
#include "tests/fuzz/samples.hpp"
#include <doctest/doctest.h>

TEST_CASE("what the fuzzer of multipart requires holds for samples and random changes of them") {
  CHECK(run_samples(fuzz_multipart,
                    {"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Length: "
                     "3\r\n\r\nabc\r\n--b--",
                     "\r\n--b \r\n\r\n\r\n--b\r\nContent-Disposition: attachment; "
                     "filename=\"a\\\"b\"\r\n\r\n\r\r\n--\r\n--b--\r\n",
                     "--b\r\nContent-Type: multipart/related; boundary=\"c "
                     "d\"\r\nContent-Encoding: gzip\r\n\r\n--c d--\r\n--b--",
                     "multipart/mixed; boundary=\"x\"; type=\"application/json\""}) > 1000);
}
