#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/skip.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <iostream>

namespace {

std::atomic<bool> skipped{false};

} // namespace

void treadmill::test::skip(std::string_view reason) {
  skipped = true;
  std::cout << "SKIPPED: " << reason << std::endl;
}

int main(int argc, char** argv) {
  const int failed = doctest::Context(argc, argv).run();
  return failed != 0 ? failed : skipped ? 77 : 0;
}
