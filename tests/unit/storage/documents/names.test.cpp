#include "storage/documents/names.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

using treadmill::check_bucket_name;
using treadmill::check_id;
using treadmill::ec;
using treadmill::is_utf8;

namespace {

bool refused(std::string_view id) {
  const auto checked = check_id(id);
  return !checked && checked.error().code == ec::bad_id && !checked.error().reason.empty();
}

} // namespace

TEST_CASE("every error code has a code word of its own") {
  std::set<std::string_view> words;
  for (int code = 0; code <= static_cast<int>(treadmill::last_ec); ++code)
    words.insert(to_string(static_cast<ec>(code)));
  CHECK(words.size() == static_cast<size_t>(treadmill::last_ec) + 1);
  CHECK(to_string(ec::bad_json) == "bad_json");
  CHECK(to_string(ec::internal) == "internal");
}

TEST_CASE("well-formed UTF-8 is told from everything else") {
  for (std::string_view good :
       {"", "a", "plain ascii, longer than eight bytes", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
        "12345678\xc3\xa4"})
    CHECK(is_utf8(good));
  for (std::string_view bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe0\xa0",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "12345678\xc3", "\xe2\x82\x41"})
    CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("ids of 1 to 512 bytes are taken, with any character that is no control character") {
  for (std::string_view good :
       {"a", "a/b", "100%", "a+b c", "..", "\xf0\x9f\x98\x80", "a_b", "\"", "\xc2\xa0", "\xc3\x80"})
    CHECK(check_id(good));
  CHECK(check_id(std::string(512, 'x')));
}

TEST_CASE(
    "an id that is empty, too long, not UTF-8, reserved or has control characters is refused") {
  CHECK(refused(""));
  CHECK(refused(std::string(513, 'x')));
  CHECK(refused("\xc0\xaf"));
  CHECK(refused("a\xed\xa0\x80"));
  CHECK(refused("_design"));
  CHECK(refused(std::string_view("a\0b", 3)));
  CHECK(refused("a\nb"));
  CHECK(refused("\x1f"));
  CHECK(refused("a\x7f"));
  CHECK(refused("\xc2\x80"));
  CHECK(refused("\xc2\x9f"));
}

TEST_CASE("bucket names are held to their pattern") {
  for (std::string_view good : {"a", "0", "people", "a_.-9", "9lives"})
    CHECK(check_bucket_name(good));
  CHECK(check_bucket_name(std::string(128, 'a')));
  for (std::string_view bad :
       {"", "_system", "-a", ".a", "People", "a b", "a/b", "\xc3\xa4", "a%"}) {
    const auto checked = check_bucket_name(bad);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ec::bad_bucket);
  }
  CHECK_FALSE(check_bucket_name(std::string(129, 'a')));
}

TEST_CASE("a UUID of version 7 carries its time, version and variant") {
  const std::array<uint8_t, 10> zeros{};
  std::array<uint8_t, 10> ones{};
  ones.fill(0xff);
  CHECK(treadmill::make_uuid7(0, zeros) == "00000000-0000-7000-8000-000000000000");
  CHECK(treadmill::make_uuid7(0x0123456789ab, ones) == "01234567-89ab-7fff-bfff-ffffffffffff");
  CHECK(treadmill::make_uuid7(0xff0123456789ab, ones) == "01234567-89ab-7fff-bfff-ffffffffffff");
  const std::array<uint8_t, 10> counted{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x40};
  CHECK(treadmill::make_uuid7(1, counted) == "00000000-0001-7123-9159-e26af37bc049");
}

TEST_CASE("UUIDs are ordered by their time, then by their randomness") {
  std::array<uint8_t, 10> low{};
  std::array<uint8_t, 10> high{};
  for (size_t bit = 0; bit < 74; ++bit) { // the highest 74 bits are in the text
    high.fill(0);
    high[bit / 8] = static_cast<uint8_t>(0x80U >> (bit % 8));
    low.fill(0);
    for (size_t below = bit + 1; below < 74; ++below)
      low[below / 8] = static_cast<uint8_t>(low[below / 8] | 0x80U >> (below % 8));
    CHECK(treadmill::make_uuid7(5, low) < treadmill::make_uuid7(5, high));
    CHECK(treadmill::make_uuid7(5, high) < treadmill::make_uuid7(6, low));
  }
}

TEST_CASE("ids that the server makes are valid, unique and each larger than the one before") {
  constexpr size_t threads = 4;
  constexpr size_t each = 20000;
  std::mutex mutex;
  std::vector<std::string> all;
  std::vector<std::thread> running;
  for (size_t t = 0; t < threads; ++t)
    running.emplace_back([&] {
      std::vector<std::string> mine;
      for (size_t i = 0; i < each; ++i) mine.push_back(treadmill::make_document_id());
      const bool ordered = std::is_sorted(mine.begin(), mine.end(), std::less_equal<>());
      std::lock_guard lock(mutex);
      CHECK(ordered);
      all.insert(all.end(), mine.begin(), mine.end());
    });
  for (auto& thread : running) thread.join();
  CHECK(std::all_of(all.begin(), all.end(), [](const auto& id) { return check_id(id); }));
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == threads * each);
}
