#include "storage/base/base64.hpp"
#include <doctest/doctest.h>
#include <utility>
#include <vector>

using namespace std::string_view_literals;
namespace treadmill {

namespace {

std::string encoded(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

std::string every_byte(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 7);
  return bytes;
}

} // namespace

TEST_CASE("base64 of the test vectors of RFC 4648, both ways") {
  const std::vector<std::pair<std::string_view, std::string_view>> vectors{{"", ""},
                                                                           {"f", "Zg=="},
                                                                           {"fo", "Zm8="},
                                                                           {"foo", "Zm9v"},
                                                                           {"foob", "Zm9vYg=="},
                                                                           {"fooba", "Zm9vYmE="},
                                                                           {"foobar", "Zm9vYmFy"},
                                                                           {"\xff\xfe\xfd", "//79"},
                                                                           {"\xfb\xef\xbe", "++++"},
                                                                           {"\0"sv, "AA=="}};
  for (const auto& [bytes, text] : vectors) {
    CAPTURE(text);
    CHECK(encoded(bytes) == text);
    CHECK(decode_base64(text).value() == bytes);
    CHECK(base64_size(bytes.size()) == text.size());
  }
}

TEST_CASE("base64 in pieces of any size is the same as at once") {
  for (const size_t size : {0, 1, 2, 3, 4, 5, 60, 61, 200'000}) {
    const std::string bytes = every_byte(size);
    const std::string text = encoded(bytes);
    for (const size_t step : {1, 2, 3, 4, 5, 7, 64 * 1024}) {
      if (size > 1000 && step < 7) continue;
      CAPTURE(size);
      CAPTURE(step);
      base64_encoder encoder;
      base64_decoder decoder;
      std::string again;
      std::string back;
      for (size_t at = 0; at < bytes.size(); at += step)
        encoder.take(again, std::string_view(bytes).substr(at, step));
      encoder.end(again);
      for (size_t at = 0; at < text.size(); at += step)
        REQUIRE(decoder.take(back, std::string_view(text).substr(at, step)));
      REQUIRE(decoder.end());
      CHECK(again == text);
      CHECK(back == bytes);
    }
  }
}

TEST_CASE("what is not exactly the base64 of some bytes is refused, in pieces too") {
  for (const auto text :
       {"Z",    "Zg",   "Zg=",    "Zg==Zg==", "Zm9v=",    "====",      "=",
        "Z===", "Zm=v", "Zm9v\n", " Zm9v",    "Zm 9v",    "Zm-_",      "Zm9v\r\nZm9v",
        "Zh==", "Zm9=", "Zm9v-",  "Zg==\n",   "Zm9v====", "Z\xc3\xa9="}) {
    CAPTURE(text);
    const auto whole = decode_base64(text);
    REQUIRE_FALSE(whole);
    CHECK(whole.error().code == ec::bad_encoding);
    base64_decoder decoder;
    std::string out;
    bool taken = true;
    for (const char c : std::string_view(text)) taken = taken && decoder.take(out, {&c, 1});
    CHECK_FALSE((taken && decoder.end()));
  }
  CHECK_FALSE(decode_base64("Zm9v\0Zm9"sv));
}

} // namespace treadmill
