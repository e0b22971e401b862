#include "net/http/byte_buffer.hpp"
#include <cstring>
#include <doctest/doctest.h>

namespace treadmill::http {

TEST_CASE("a buffer that was moved from holds nothing, and says so") {
  byte_buffer first;
  first.grow(64, 0, 0);
  std::memcpy(first.data(), "kept", 4);
  const char* const bytes = first.data();
  byte_buffer second = std::move(first);
  CHECK(second.data() == bytes); // views into it outlive the move
  CHECK(second.capacity() == 64);
  CHECK(first.data() == nullptr);
  CHECK(first.capacity() == 0);
  first = std::move(second);
  CHECK(second.capacity() == 0);
  first.grow(128, 0, 4);
  CHECK(std::memcmp(first.data(), "kept", 4) == 0);
  first.free();
  CHECK(first.capacity() == 0);
}

} // namespace treadmill::http
