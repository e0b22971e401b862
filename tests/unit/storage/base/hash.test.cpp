#include "storage/base/hash.hpp"
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <thread>
#include <vector>

using treadmill::add;
using treadmill::hash128;
using treadmill::hash_parts;
using treadmill::subtract;
using treadmill::to_hex;

namespace {

hash128 number(uint64_t high, uint64_t low) {
  hash128 bytes{};
  for (size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>(high >> (8 * (7 - i)));
    bytes[8 + i] = static_cast<uint8_t>(low >> (8 * (7 - i)));
  }
  return bytes;
}

} // namespace

TEST_CASE("hashes are the first half of SHA-256 over the parts with their lengths") {
  // Independently: printf '' | sha256sum, and the parts "abc", "" with eight bytes of length each.
  CHECK(to_hex(hash_parts({})) == "e3b0c44298fc1c149afbf4c8996fb924");
  CHECK(to_hex(hash_parts({"abc", ""})) == "3e2f8940c3a0e0fd6f6e07bbf07f015d");
}

TEST_CASE("moving bytes from one part to another gives another hash") {
  std::set<hash128> hashes{hash_parts({"ab", "c"}), hash_parts({"a", "bc"}),    hash_parts({"abc"}),
                           hash_parts({"abc", ""}), hash_parts({"", "abc"}),    hash_parts({}),
                           hash_parts({""}),        hash_parts({"ab", "c", ""})};
  CHECK(hashes.size() == 8);
}

TEST_CASE("threads hash independently of each other") {
  const auto expected = hash_parts({"document", "1"});
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, -1);
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      wrong[t] = 0;
      for (int i = 0; i < 2000; ++i) wrong[t] += hash_parts({"document", "1"}) != expected;
    });
  for (auto& thread : threads) thread.join();
  for (int count : wrong) CHECK(count == 0);
}

TEST_CASE("sums carry over all 128 bits and differences undo them") {
  const uint64_t ones = ~uint64_t{0};
  CHECK(add(number(0, ones), number(0, 1)) == number(1, 0));
  CHECK(add(number(ones, ones), number(0, 1)) == number(0, 0));
  CHECK(subtract(number(0, 0), number(0, 1)) == number(ones, ones));
  CHECK(subtract(number(1, 0), number(0, 1)) == number(0, ones));
  const auto a = hash_parts({"a"});
  const auto b = hash_parts({"b"});
  CHECK(add(a, b) == add(b, a));
  CHECK(subtract(add(a, b), b) == a);
  CHECK(add(subtract(a, b), b) == a);
}
