#include "storage/base/back_off.hpp"
#include <chrono>
#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace treadmill {

TEST_CASE("each pause is twice as long as the one before, up to the maximum") {
  back_off<std::chrono::milliseconds> pause{100ms, 500ms};
  CHECK(pause.next() == 100ms);
  CHECK(pause.next() == 200ms);
  CHECK(pause.next() == 400ms);
  CHECK(pause.next() == 500ms);
  CHECK(pause.next() == 500ms);
  pause.reset();
  CHECK(pause.next() == 100ms);
}

TEST_CASE("half of a pause is random") {
  for (uint64_t random = 0; random < 5000; ++random) {
    back_off<std::chrono::microseconds> pause{100ms, 500ms};
    const auto first = pause.next(random);
    CHECK((first >= 50ms && first < 100ms));
    const auto second = pause.next(random);
    CHECK((second >= 100ms && second < 200ms));
  }
  back_off<std::chrono::microseconds> shortest{100ms, 500ms};
  back_off<std::chrono::microseconds> longest{100ms, 500ms};
  CHECK(shortest.next(0) == 50ms);
  CHECK(longest.next(1023) > 99ms);
}

TEST_CASE("a pause can be capped once, and then doubles again") {
  back_off<std::chrono::milliseconds> pause{100ms, 500ms};
  pause.next();
  pause.next();
  pause.cap(150ms);
  CHECK(pause.next() == 150ms);
  CHECK(pause.next() == 300ms);
  pause.reset();
  pause.cap(150ms);
  CHECK(pause.next() == 100ms);
}

} // namespace treadmill
