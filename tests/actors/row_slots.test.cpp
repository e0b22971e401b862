#include "actors/row_slots.hpp"
#include <doctest/doctest.h>
#include <vector>

using treadmill::row_slots;

TEST_CASE("slots are bounded, and who waits is called in turn") {
  const auto slots = std::make_shared<row_slots>(2);
  CHECK(slots->count() == 2);
  std::vector<int> called;
  const auto take = [&](int who) {
    return slots->take(static_cast<uint64_t>(who), [&, who] { called.push_back(who); });
  };
  auto first = take(1);
  auto second = take(1);
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(take(2));
  CHECK_FALSE(take(3));
  CHECK_FALSE(take(2)); // waits once
  first.reset();
  CHECK(called == std::vector<int>{2});
  CHECK_FALSE(take(1)); // it is kept for 2
  auto third = take(2);
  REQUIRE(third);
  second.reset();
  CHECK(called == std::vector<int>{2, 3});
  slots->leave(3); // what was kept for it goes on
  CHECK(called == std::vector<int>{2, 3, 1});
  slots->leave(1);
  CHECK(slots->free() == 1);
  third.reset();
  CHECK(slots->free() == 2);
}
