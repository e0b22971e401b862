#include "storage/base/coding.hpp"
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

namespace {

/// A literal with the NULs that are in it.
template<size_t Size>
std::string raw_bytes(const char (&literal)[Size]) {
  return {literal, Size - 1};
}

const std::vector<uint64_t> edges{0,
                                  1,
                                  0x7f,
                                  0x80,
                                  0x3fff,
                                  0x4000,
                                  0xffffffff,
                                  uint64_t{1} << 56,
                                  uint64_t{1} << 63,
                                  std::numeric_limits<uint64_t>::max()};

} // namespace

TEST_CASE("fixed integers are big-endian and come back") {
  std::string out;
  treadmill::put_fixed32_be(out, 0x01020304);
  treadmill::put_fixed64_be(out, 0xf1f2f3f4f5f6f7f8);
  CHECK(out == "\x01\x02\x03\x04\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8");
  std::string_view in = out;
  uint32_t small = 0;
  uint64_t large = 0;
  REQUIRE(treadmill::take_fixed32_be(in, small));
  REQUIRE(treadmill::take_fixed64_be(in, large));
  CHECK(small == 0x01020304);
  CHECK(large == 0xf1f2f3f4f5f6f7f8);
  CHECK(in.empty());
}

TEST_CASE("keys with fixed integers sort as the integers do") {
  std::string before;
  for (uint64_t value : edges) {
    std::string key;
    treadmill::put_fixed64_be(key, value);
    CHECK((value == 0 || before < key));
    before = key;
  }
}

TEST_CASE("varints come back and are cut short nowhere unnoticed") {
  for (uint64_t value : edges) {
    std::string out;
    treadmill::put_varint(out, value);
    std::string_view in = out;
    uint64_t read = ~value;
    REQUIRE(treadmill::take_varint(in, read));
    CHECK(read == value);
    CHECK(in.empty());
    for (size_t cut = 0; cut < out.size(); ++cut) {
      std::string_view part = std::string_view(out).substr(0, cut);
      CHECK_FALSE(treadmill::take_varint(part, read));
    }
  }
}

TEST_CASE("a varint that is longer than needed or above 64 bits is refused") {
  uint64_t read = 0;
  for (const auto& bad : {raw_bytes("\x80\x00"), raw_bytes("\x81\x80\x00"),
                          raw_bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
                          raw_bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    std::string_view in = bad;
    CHECK_FALSE(treadmill::take_varint(in, read));
  }
}

TEST_CASE("byte strings and hashes come back, with what follows left alone") {
  std::string out;
  treadmill::put_bytes(out, "");
  treadmill::put_bytes(out, raw_bytes("a\0b"));
  const auto hash = treadmill::hash_parts({"x"});
  treadmill::put_hash(out, hash);
  out += "rest";
  std::string_view in = out;
  std::string_view bytes = "unset";
  REQUIRE(treadmill::take_bytes(in, bytes));
  CHECK(bytes.empty());
  REQUIRE(treadmill::take_bytes(in, bytes));
  CHECK(bytes == raw_bytes("a\0b"));
  treadmill::hash128 read{};
  REQUIRE(treadmill::take_hash(in, read));
  CHECK(read == hash);
  CHECK(in == "rest");
}

TEST_CASE("what is cut short is refused") {
  uint32_t small = 0;
  uint64_t large = 0;
  std::string_view bytes;
  treadmill::hash128 hash{};
  std::string_view in = "abc";
  CHECK_FALSE(treadmill::take_fixed32_be(in, small));
  in = "abcdefg";
  CHECK_FALSE(treadmill::take_fixed64_be(in, large));
  in = "\x04"
       "abc";
  CHECK_FALSE(treadmill::take_bytes(in, bytes));
  in = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
       "abc";
  CHECK_FALSE(treadmill::take_bytes(in, bytes));
  in = "fifteen bytes..";
  CHECK_FALSE(treadmill::take_hash(in, hash));
}
