#include "storage/json/json.hpp"
#include <doctest/doctest.h>
#include <string>

using treadmill::merge_patch;

namespace {

std::string merged(std::string_view target, std::string_view patch) {
  const auto result = merge_patch(target, patch);
  return result ? *result : result.error().reason;
}

} // namespace

TEST_CASE("the examples of RFC 7396 that are objects come out as printed there") {
  CHECK(merged(R"({"a":"b"})", R"({"a":"c"})") == R"({"a":"c"})");
  CHECK(merged(R"({"a":"b"})", R"({"b":"c"})") == R"({"a":"b","b":"c"})");
  CHECK(merged(R"({"a":"b"})", R"({"a":null})") == "{}");
  CHECK(merged(R"({"a":"b","b":"c"})", R"({"a":null})") == R"({"b":"c"})");
  CHECK(merged(R"({"a":["b"]})", R"({"a":"c"})") == R"({"a":"c"})");
  CHECK(merged(R"({"a":"c"})", R"({"a":["b"]})") == R"({"a":["b"]})");
  CHECK(merged(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})") == R"({"a":{"b":"d"}})");
  CHECK(merged(R"({"a":[{"b":"c"}]})", R"({"a":[1]})") == R"({"a":[1]})");
  CHECK(merged(R"({"e":null})", R"({"a":1})") == R"({"e":null,"a":1})");
  CHECK(merged("{}", R"({"a":{"bb":{"ccc":null}}})") == R"({"a":{"bb":{}}})");
  CHECK(
      merged(
          R"({"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"})",
          R"({"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]})") ==
      R"({"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged","phoneNumber":"+01-123-456-7890"})");
}

TEST_CASE("a patch keeps the target's order and appends what is new in the patch's order") {
  CHECK(merged(R"({"z":1,"a":2,"m":3})", R"({"x":4,"m":5,"b":6})") ==
        R"({"z":1,"a":2,"m":5,"x":4,"b":6})");
}

TEST_CASE("what a patch leaves alone stays to the byte: nulls, numbers, escapes") {
  const std::string target =
      R"({"n":null,"big":9007199254740993,"d":1e+21,"m":-0,"s":"\u0001\"{[","o":{"n":null},"l":[null,{"a":null}]})";
  CHECK(merged(target, "{}") == target);
  CHECK(merged(target, R"({"new":1})") == target.substr(0, target.size() - 1) + R"(,"new":1})");
}

TEST_CASE("objects that are new drop their nulls, lists keep them") {
  CHECK(merged("{}", R"({"a":{"b":null,"c":{"d":null,"e":1}},"l":[null,{"x":null}]})") ==
        R"({"a":{"c":{"e":1}},"l":[null,{"x":null}]})");
  CHECK(merged(R"({"a":1})", R"({"a":{"b":null}})") == R"({"a":{}})");
  CHECK(merged(R"({"a":[1]})", R"({"a":{"b":1}})") == R"({"a":{"b":1}})");
  CHECK(merged(R"({"a":{"k":null}})", R"({"a":{"x":1}})") == R"({"a":{"k":null,"x":1}})");
}

TEST_CASE("removing what is not there changes nothing") {
  CHECK(merged(R"({"a":1})", R"({"b":null})") == R"({"a":1})");
  CHECK(merged("{}", R"({"b":null})") == "{}");
}

TEST_CASE("names are compared as they are, with escapes and brackets in them") {
  CHECK(merged(R"({"a\"}":1,"b\\":2})", R"({"a\"}":null,"b\\":{"x":"}]"}})") ==
        R"({"b\\":{"x":"}]"}})");
}

TEST_CASE("a patched document that is too large is refused") {
  const auto refused = merge_patch(R"({"a":"12345"})", R"({"b":"12345"})", {.document_bytes = 24});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == treadmill::ec::too_large);
  CHECK(merge_patch(R"({"a":"12345"})", R"({"b":"12345"})", {.document_bytes = 25}));
  CHECK(merge_patch(R"({"a":"12345"})", R"({"a":null,"b":"12345"})", {.document_bytes = 13}));
}

TEST_CASE("a patch as deep as the limit is applied, and one with many members quickly") {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  const std::string close(100, '}');
  CHECK(merged(deep + "1" + close, deep + "2" + close) == deep + "2" + close);
  std::string many = "{";
  for (int i = 0; i < 100'000; ++i) many += "\"m" + std::to_string(i) + "\":1,";
  many.back() = '}';
  CHECK(merged(many, many) == many);
}
