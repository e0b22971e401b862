#include "net/http/http_date.hpp"
#include <chrono>
#include <ctime>
#include <doctest/doctest.h>
#include <random>
#include <string>

using treadmill::http::http_date;
using namespace std::chrono_literals;
using at = std::chrono::system_clock;

namespace {

std::string date_of(int64_t unix_seconds) {
  return std::string(http_date(at::time_point(std::chrono::seconds(unix_seconds))));
}

} // namespace

TEST_CASE("a date is written as RFC 9110 writes it") {
  CHECK(date_of(784'111'777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date_of(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date_of(951'782'399) == "Mon, 28 Feb 2000 23:59:59 GMT");
  CHECK(date_of(951'782'400) == "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST_CASE("a date is the one that the C library makes") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const auto when = static_cast<std::time_t>(random() % 8'000'000'000);
    std::tm broken{};
    ::gmtime_r(&when, &broken);
    char text[40];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &broken);
    REQUIRE(date_of(when) == text);
  }
}

TEST_CASE("the date of a second is made once and changes with the next") {
  const at::time_point begin(784'111'777s);
  const auto first = http_date(begin);
  CHECK(http_date(begin + 999ms).data() == first.data());
  CHECK(http_date(begin + 999ms) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(begin + 1s) == "Sun, 06 Nov 1994 08:49:38 GMT");
  CHECK(http_date(begin - 1ms) == "Sun, 06 Nov 1994 08:49:36 GMT");
}
