#include "storage/engine/slice_gate.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace treadmill {
namespace {

bool becomes_true(const std::atomic<bool>& flag) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!flag && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return flag;
}

} // namespace

TEST_CASE("close waits for the slice in progress, and new slices wait for open") {
  slice_gate gate;
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  std::atomic<bool> left{false};
  std::atomic<bool> closed{false};
  std::atomic<bool> second{false};
  std::thread first_reader([&] {
    const slice_gate::pass pass(gate);
    inside = true;
    while (!leave) std::this_thread::yield();
    left = true;
  });
  REQUIRE(becomes_true(inside));
  std::thread closer([&] {
    gate.close();
    CHECK(left);
    closed = true;
  });
  CHECK(!closed);
  leave = true;
  REQUIRE(becomes_true(closed));
  closer.join();
  std::thread second_reader([&] {
    const slice_gate::pass pass(gate);
    second = true;
  });
  CHECK(!second);
  gate.open();
  CHECK(becomes_true(second));
  first_reader.join();
  second_reader.join();
}

TEST_CASE("a slice inside a slice of the same thread does not wait for a close") {
  slice_gate gate;
  slice_gate other;
  std::atomic<bool> closing{false};
  std::atomic<bool> closed{false};
  std::thread closer;
  {
    const slice_gate::pass outer(gate);
    closer = std::thread([&] {
      closing = true;
      gate.close();
      closed = true;
    });
    REQUIRE(becomes_true(closing));
    for (int i = 0; i < 100; ++i) { // would wait for ever for a closer that waits for `outer`
      std::this_thread::yield();
      const slice_gate::pass elsewhere(other);
      const slice_gate::pass inner(gate);
      CHECK(!closed);
    }
  }
  CHECK(becomes_true(closed));
  closer.join();
  gate.open();
}

TEST_CASE("nobody is inside while the gate is closed, however many come and go") {
  slice_gate gate;
  std::atomic<bool> is_closed{false};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> slices{0};
  std::vector<std::thread> readers;
  readers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const slice_gate::pass pass(gate);
        if (is_closed) ++wrong;
        const slice_gate::pass nested(gate);
        if (is_closed) ++wrong;
        ++slices;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    gate.close();
    is_closed = true;
    std::this_thread::yield();
    is_closed = false;
    gate.open();
  }
  const uint64_t seen = slices;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (slices == seen && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(slices > seen); // open again
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(wrong == 0);
}

} // namespace treadmill
