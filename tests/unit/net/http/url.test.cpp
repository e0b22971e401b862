#include "net/http/url.hpp"
#include <doctest/doctest.h>

using namespace std::string_view_literals;
namespace http = treadmill::http;
using treadmill::ec;
using pieces = std::vector<std::string>;

TEST_CASE("percent decoding gives every byte, NUL and non-ASCII included") {
  CHECK(http::percent_decode("a%2Fb%00%c3%A9", false).value() == "a/b\0\xc3\xa9"sv);
  CHECK(http::percent_decode("", false).value().empty());
}

TEST_CASE("a plus is a space in queries and itself in paths") {
  CHECK(http::percent_decode("a+b%2B", true).value() == "a b+");
  CHECK(http::percent_decode("a+b%2B", false).value() == "a+b+");
}

TEST_CASE("a percent sign without two hex digits is refused") {
  for (const auto text : {"%", "a%", "%1", "a%1", "%zz", "%1g", "%g1", "%%41", "% 1", "%-1"}) {
    CAPTURE(text);
    const auto decoded = http::percent_decode(text, false);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == ec::bad_request);
  }
}

TEST_CASE("encoding leaves unreserved characters alone and decodes to what it was") {
  CHECK(http::percent_encode("aZ09-._~") == "aZ09-._~");
  CHECK(http::percent_encode("a/b c+%\xc3\xa9\r\n") == "a%2Fb%20c%2B%25%C3%A9%0D%0A");
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  CHECK(http::percent_decode(http::percent_encode(every_byte), false).value() == every_byte);
  CHECK(http::percent_decode(http::percent_encode(every_byte), true).value() == every_byte);
}

TEST_CASE("a path is split at its slashes before its pieces are decoded") {
  CHECK(http::split_path("/", http::trailing_slash::after_first).value().empty());
  CHECK(http::split_path("/b", http::trailing_slash::after_first).value() == pieces{"b"});
  CHECK(http::split_path("/b/a%2Fb", http::trailing_slash::after_first).value() ==
        pieces{"b", "a/b"});
  CHECK(http::split_path("/b/a+b/%2e%2e/..", http::trailing_slash::after_first).value() ==
        pieces{"b", "a+b", "..", ".."});
}

TEST_CASE("one slash after the first piece is ignored, any other empty piece is refused") {
  CHECK(http::split_path("/b/", http::trailing_slash::after_first).value() == pieces{"b"});
  for (const auto path : {"", "b", "//", "//b", "/b//", "/b//c", "/b/c/", "*", "%2Fb"}) {
    CAPTURE(path);
    const auto split = http::split_path(path, http::trailing_slash::after_first);
    REQUIRE_FALSE(split);
    CHECK(split.error().code == ec::bad_request);
  }
  CHECK_FALSE(http::split_path("/b/%zz", http::trailing_slash::after_first));
}

TEST_CASE("a query gives its parameters decoded, in order") {
  const auto query = http::query::parse("a=1&b=x%26y+z&&c&d=&e=1=2").value();
  const std::vector<std::pair<std::string, std::string>> expected{
      {"a", "1"}, {"b", "x&y z"}, {"c", ""}, {"d", ""}, {"e", "1=2"}};
  CHECK(query.all() == expected);
  CHECK(query.find("b") == "x&y z");
  CHECK_FALSE(query.find("z").has_value());
  CHECK(http::query::parse("").value().all().empty());
  const auto twice = http::query::parse("a=1&b=2&a=3", http::repeated::last_counts).value();
  CHECK(twice.find("a") == "3");
  CHECK(twice.all().size() == 2);
}

TEST_CASE("a query with a bad percent or a name given twice is refused") {
  for (const auto text : {"a=%", "%4=1", "a=1&a=2", "a=1&%61=2", "a&a"}) {
    CAPTURE(text);
    const auto query = http::query::parse(text);
    REQUIRE_FALSE(query);
    CHECK(query.error().code == ec::bad_request);
  }
}
