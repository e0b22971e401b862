#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace {

/// A literal with the NULs that are in it.
template<size_t Size>
std::string raw_bytes(const char (&literal)[Size]) {
  return {literal, Size - 1};
}

std::string term(std::string_view stored) {
  std::string out;
  const auto appended = treadmill::append_term(out, stored);
  return appended ? out : "refused: " + appended.error().reason;
}

std::string value_of(std::string_view bytes) {
  std::string out;
  const auto taken = treadmill::take_term(out, bytes);
  return taken && bytes.empty() ? out : "refused";
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

} // namespace

// Whole, because it is a table.
TEST_CASE("terms are in the order of values") {
  const std::vector<std::string> ordered{"null",
                                         "false",
                                         "true",
                                         "-1.7976931348623157e+308",
                                         "-18446744073709551616",
                                         "-9223372036854777856",
                                         "-9223372036854775808",
                                         "-9223372036854775807",
                                         "-9223372036854774784.5",
                                         "-2",
                                         "-1.5",
                                         "-1",
                                         "-0.5",
                                         "-2.2250738585072014e-308",
                                         "-1e-310",
                                         "-5e-324",
                                         "0",
                                         "5e-324",
                                         "1e-323",
                                         "1e-310",
                                         "2.2250738585072014e-308",
                                         "0.1",
                                         "0.5",
                                         "1",
                                         "1.0000000000000002",
                                         "1.5",
                                         "2",
                                         "9007199254740991",
                                         "9007199254740992",
                                         "9007199254740993",
                                         "9007199254740994",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "9223372036854775809",
                                         "18446744073709551615",
                                         "18446744073709551616",
                                         "1e+300",
                                         R"("")",
                                         R"("\u0000")",
                                         R"("\u0000\u0000")",
                                         R"("\u0000a")",
                                         R"("\u0001")",
                                         R"("\u0001a")",
                                         R"("\u0002")",
                                         R"("A")",
                                         R"("a")",
                                         R"("a\u0000")",
                                         R"("a\u0001")",
                                         R"("aa")",
                                         R"("b")",
                                         "\"\x7f\"",
                                         "\"\xc2\x80\"",
                                         "\"\xef\xbf\xbf\"",
                                         "\"\xf0\x90\x80\x80\"",
                                         "[]",
                                         "[null]",
                                         "[null,null]",
                                         "[1]",
                                         "[1,null]",
                                         "[1,[]]",
                                         "[2]",
                                         R"(["a"])",
                                         "[[]]",
                                         "[[],1]",
                                         "[{}]",
                                         "{}",
                                         R"({"":null})",
                                         R"({"a":null})",
                                         R"({"a":1})",
                                         R"({"a":1,"b":1})",
                                         R"({"a":1,"c":0})",
                                         R"({"a":2})",
                                         R"({"aa":0})",
                                         R"({"b":0})"};
  for (size_t i = 0; i + 1 < ordered.size(); ++i) {
    INFO(ordered[i] << " and " << ordered[i + 1]);
    CHECK(term(ordered[i]) < term(ordered[i + 1]));
  }
}

TEST_CASE("terms come back as the values that they were made of") {
  for (std::string_view stored : {"null",
                                  "false",
                                  "true",
                                  "0",
                                  "1",
                                  "-1",
                                  "127",
                                  "128",
                                  "-9223372036854775808",
                                  "18446744073709551615",
                                  "9007199254740993",
                                  "0.1",
                                  "-2.5",
                                  "1e+300",
                                  "5e-324",
                                  "-1.7976931348623157e+308",
                                  "2.225073858507201e-308",
                                  R"("")",
                                  R"("a\u0000b\u0001c\"\\")",
                                  "\"\xf0\x9f\x98\x80\"",
                                  "[]",
                                  "{}",
                                  R"([1,[2,{"a":[]}],"x"])",
                                  R"({"b":1,"a":{"":null}})"})
    CHECK(value_of(term(stored)) == stored);
}

TEST_CASE("one number has one term, however it is spelled") {
  CHECK(term("1") == term("1.0"));
  CHECK(term("-0") == term("0"));
  CHECK(term("1e+05") == term("100000"));
  CHECK(value_of(term("1e+05")) == "100000");
  CHECK(value_of(term("-0")) == "0");
  CHECK(term("9007199254740993") != term("9007199254740992"));
  CHECK(term("18446744073709551616") == term("1.8446744073709552e19"));
}

TEST_CASE("the bytes of terms are those that are specified") {
  CHECK(hex(term("null")) == "10");
  CHECK(hex(term("false")) == "20");
  CHECK(hex(term("true")) == "21");
  CHECK(hex(term("0")) == "31");
  CHECK(hex(term("1")) == "32400000");
  CHECK(hex(term("2")) == "32400100");
  CHECK(hex(term("3")) == "32400180");
  CHECK(hex(term("0.5")) == "323fff00");
  CHECK(hex(term("-1")) == "30bfffff");
  CHECK(hex(term("255")) == "324007fe");
  CHECK(hex(term("257")) == "324008"
                            "0180");
  CHECK(hex(term("18446744073709551615")) == "32403f"
                                             "fffffffffffffffffe");
  CHECK(hex(term(R"("a\u0000\u0001")")) == "406101010102"
                                           "00");
  CHECK(hex(term(R"([1,"a"])")) == "50"
                                   "32400000"
                                   "406100"
                                   "00");
  CHECK(hex(term(R"({"a":null})")) == "60"
                                      "406100"
                                      "10"
                                      "00");
}

TEST_CASE("what follows a term is left alone") {
  const std::string bytes = term(R"(["a"])") + "rest";
  std::string_view in = bytes;
  std::string out = "before ";
  REQUIRE(treadmill::take_term(out, in));
  CHECK(in == "rest");
  CHECK(out == R"(before ["a"])");
}

TEST_CASE("what is not a stored form is refused") {
  for (std::string_view bad :
       {"",      "x",  "[",       "[1",        "[1,", "[1 ]", "{\"a\"}", "{\"a\":}",
        "{1:1}", "\"", "\"\\x\"", "\"\\u00\"", "1 ",  "01",   "1e999",   "nul",
        "[1}",   "1,", "[]]",     "{}{}",      ",",   "[,]"}) {
    std::string out;
    const auto appended = treadmill::append_term(out, bad);
    INFO(bad);
    REQUIRE_FALSE(appended);
    CHECK(appended.error().code == treadmill::ec::bad_json);
  }
}

TEST_CASE("terms nest as deep as documents and no deeper") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(value_of(term(nested(100))) == nested(100));
  std::string out;
  const auto deep = treadmill::append_term(out, nested(101));
  REQUIRE_FALSE(deep);
  CHECK(deep.error().code == treadmill::ec::too_deep);
  CHECK(value_of(std::string(101, '\x50') + std::string(101, '\0')) == "refused");
}

TEST_CASE("damaged terms are refused and nothing is taken") {
  for (const auto& bytes : {raw_bytes(""),
                            raw_bytes("\x00"),
                            raw_bytes("\x11"),
                            raw_bytes("\xff"),
                            raw_bytes("\x50"),
                            raw_bytes("\x50\x10"),
                            raw_bytes("\x40"),
                            raw_bytes("\x40\x61"),
                            raw_bytes("\x40\x01\x00"),
                            raw_bytes("\x40\x01\x03\x00"),
                            raw_bytes("\x40\xff\x00"),
                            raw_bytes("\x60\x10\x10\x00"),
                            raw_bytes("\x60\x40\x61\x00\x00"),
                            raw_bytes("\x32"),
                            raw_bytes("\x32\x40"),
                            raw_bytes("\x32\x40\x00"),
                            raw_bytes("\x32\x40\x00\x01"),
                            raw_bytes("\x32\x40\x00\x01\x00"),
                            raw_bytes("\x32\xff\xff\x00"),
                            raw_bytes("\x32\x00\x00\x00"),
                            raw_bytes("\x32\x40\x3f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                            raw_bytes("\x30\xbf\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x01")}) {
    std::string_view in = bytes;
    std::string out;
    const auto taken = treadmill::take_term(out, in);
    INFO(hex(bytes));
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == treadmill::ec::corrupt);
    CHECK(in.size() == bytes.size());
  }
}
