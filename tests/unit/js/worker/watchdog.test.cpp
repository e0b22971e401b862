#include "js/worker/watchdog.hpp"
#include "js/worker/source_text.hpp"
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <thread>

namespace js = treadmill::js;
using namespace std::chrono_literals;

TEST_CASE("a piece that uses more CPU time than the limit is interrupted, and only that") {
  std::atomic<int> interrupts = 0;
  js::watchdog dog(20ms, {[&] { ++interrupts; }, [] {}});
  const js::watchdog::shift shift(dog);
  for (int round = 1; round <= 5; ++round) {
    for (int i = 0; i < 1000; ++i) {
      js::watchdog::piece quick(dog);
      REQUIRE(!quick.end());
    }
    js::watchdog::piece endless(dog);
    while (interrupts < round) {
    }
    REQUIRE(endless.end());
    REQUIRE(endless.end()); // its answer stays
  }
  CHECK(interrupts == 5);
}

TEST_CASE("waiting is no CPU time, and rest is no work") {
  std::atomic<int> interrupts = 0;
  js::watchdog dog(20ms, {[&] { ++interrupts; }, [] {}});
  {
    const js::watchdog::shift shift(dog);
    js::watchdog::piece piece(dog);
    std::this_thread::sleep_for(200ms);
    CHECK(!piece.end());
  }
  CHECK(interrupts == 0);
}

TEST_CASE("a piece that nobody ends is over with its scope") {
  std::atomic<int> interrupts = 0;
  js::watchdog dog(20ms, {[&] { ++interrupts; }, [] {}});
  const js::watchdog::shift shift(dog);
  { const js::watchdog::piece left(dog); }
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < 200ms) {
  }
  CHECK(interrupts == 0);
}

TEST_CASE("a piece that goes on after its interrupt is given up") {
  std::atomic<bool> given_up = false;
  js::watchdog dog(10ms, {[] {}, [&] { given_up = true; }});
  const js::watchdog::shift shift(dog);
  js::watchdog::piece piece(dog);
  while (!given_up) {
  }
  CHECK(piece.end());
}

TEST_CASE("white space and comments before a text are skipped") {
  CHECK(js::skip_blank(" \t\r\n// a\n/* b */ x /* c */") == "x /* c */");
  CHECK(js::skip_blank("// all").empty());
  CHECK(js::skip_blank("/* no end") == "/* no end");
  CHECK(js::skip_blank("/*/ x") == "/*/ x");
  CHECK(js::skip_blank("\xef\xbb\xbf x") == "x");
  CHECK(js::skip_blank("/").size() == 1);
  CHECK(js::is_class("class"));
  CHECK(js::is_class("class{}"));
  CHECK(js::is_class("class/**/A {}"));
  CHECK(!js::is_class("classy => 1"));
  CHECK(!js::is_class("clas"));
}
