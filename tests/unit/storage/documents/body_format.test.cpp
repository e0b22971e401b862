#include "storage/documents/body_format.hpp"
#include "storage/documents/features.hpp"
#include "storage/json/json.hpp"
#include <doctest/doctest.h>
#include <string>

using treadmill::features_of;
namespace feature = treadmill::feature;

TEST_CASE("bodies that format 1 could hold have no features") {
  for (const std::string_view body :
       {R"({})", R"({"a":1})", R"({"n":18446744073709551615,"m":-9223372036854775808})",
        // Doubles, as format 1 wrote them.
        R"({"n":18446744073709551616,"m":-9223372036854775808})",
        R"({"n":123456789012345683968,"m":[-1234567890123456774144,1180591620717411303424]})",
        R"({"n":1e+22,"m":-1.2345678901234568e+22,"f":0.30000000000000004})",
        R"({"f":-2.2250738585072014e-308,"g":123456789012345.6,"h":-0})",
        // Digits and names in strings.
        R"({"a":"12345678901234567890123","b":"\"id\":1,\"rev\":2"})",
        R"({"a":["id","rev"],"b":"id","c":"rev"})", R"({"a":{"id":1,"rev":2},"b":[{"id":1}]})",
        R"({"a":[[],{}],"ids":1,"revs":{},"ID":1,"i":"d"})", R"({"a\"":"id","b\\":"rev"})"}) {
    INFO(body);
    CHECK(treadmill::stored_form(body).value() == body);
    CHECK(features_of(body) == 0);
  }
}

TEST_CASE("bodies with integers that format 1 rounded, or members id or rev, have features") {
  const std::string digits(400, '9');
  for (const std::string& body :
       {std::string(R"({"n":18446744073709551617})"), std::string(R"({"n":-9223372036854775809})"),
        std::string(R"({"n":10000000000000000000000})"),
        std::string(R"({"n":123456789012345678901})"),
        std::string(R"({"n":-12345678901234567890})"),
        std::string(R"({"a":[1,{"b":[[12345678901234567890123]]}]})"), R"({"n":)" + digits + "}",
        R"({"n":-)" + digits + R"(,"m":1})", std::string(R"({"id":1})"),
        std::string(R"({"rev":null})"), std::string(R"({"a":[{}],"id":"x"})"),
        std::string(R"({"a":{"b":[1]},"b":"id","rev":{"a":1}})")}) {
    INFO(body);
    CHECK(treadmill::stored_form(body).value() == body);
    const bool member = body.find("\"id\":") != body.npos || body.find("\"rev\":") != body.npos;
    CHECK(features_of(body) == (member ? feature::own_members : feature::long_integers));
  }
}

TEST_CASE("a text that is no stored form is answered too") {
  for (const std::string_view text :
       {"", "{", "}", "]]]{\"id\"", "\"", "{\"", "-", "{\"a\":-", "123456789012345678901x",
        "{\"a\":12345678901234567890x}", "[-------------------------]",
        "{\"n\":0000000000000000000000}"})
    features_of(text);
}

TEST_CASE("a body can have both features, and neither depends on where it stands") {
  const std::string digits = "1234567890123456789012345";
  CHECK(features_of(R"({"n":)" + digits + R"(,"id":1})") ==
        (feature::own_members | feature::long_integers));
  for (size_t pad = 0; pad < 60; ++pad) {
    const std::string text = R"({"p":")" + std::string(pad, 'x') + "\",";
    CHECK(features_of(text + R"("n":)" + digits + "}") == feature::long_integers);
    CHECK(features_of(text + R"("n":12345678901234567891})") == 0);
    CHECK(features_of(text + R"("n":18446744073709551617})") == feature::long_integers);
    CHECK(features_of(text + R"("rev":1})") == feature::own_members);
    CHECK(features_of(text + R"("a":{"rev":1}})") == 0);
  }
}
