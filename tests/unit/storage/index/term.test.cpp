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

std::string zeros(size_t size) { return std::string(size, '0'); }

/// 2^1024 - 1 and 2^1024.
const std::string last_below =
    "17976931348623159077293051907890247336179769789423065727343008115773267580550096313270847732"
    "24075360211201138798713933576587897688144166224928474306394741243777678934248654852763022196"
    "01246094119453082952085005768838150682342462881473913110540827237163350510684586298239947245"
    "938479716304835356329624224137215";
const std::string beyond_doubles = last_below.substr(0, 308) + "6";

/// The term of an integer of 2^1024 or more, made of any digits.
std::string of_digits(size_t size, std::string digits) {
  std::string bytes = raw_bytes("\x32\x80\x00");
  for (int shift = 28; shift >= 0; shift -= 7)
    bytes += static_cast<char>((size >> shift & 0x7f) << 1 | 1);
  if (digits.size() % 2 != 0) digits += '0';
  for (size_t at = 0; at < digits.size(); at += 2) {
    const int pair = (digits[at] - '0') * 10 + digits[at + 1] - '0';
    bytes += static_cast<char>(pair << 1 | (at + 2 < digits.size() ? 1 : 0));
  }
  return bytes;
}

} // namespace

// Whole, because it is a table.
TEST_CASE("terms are in the order of values") {
  const std::vector<std::string> ordered{"null",
                                         "false",
                                         "true",
                                         "-2" + zeros(400),
                                         "-1" + zeros(400),
                                         "-1" + zeros(309),
                                         "-" + beyond_doubles,
                                         "-1.7976931348623157e+308",
                                         "-10000000000000000000001",
                                         "-1e+22",
                                         "-18446744073709551617",
                                         "-18446744073709551616",
                                         "-18446744073709551615",
                                         "-9223372036854777857",
                                         "-9223372036854777856",
                                         "-9223372036854775809",
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
                                         "18446744073709551617",
                                         "18446744073709555711",
                                         "18446744073709555712",
                                         "18446744073709555713",
                                         "9999999999999999999999",
                                         "1e+22",
                                         "10000000000000000000001",
                                         "1e+300",
                                         "1" + std::string(308, '7'),
                                         "1.7976931348623157e+308",
                                         last_below,
                                         beyond_doubles,
                                         "1" + std::string(308, '9'),
                                         "2" + zeros(308),
                                         "9" + zeros(308),
                                         "1" + zeros(309),
                                         "1" + zeros(308) + "1",
                                         "1" + zeros(307) + "10",
                                         "2" + zeros(309),
                                         "1" + zeros(310),
                                         "9" + zeros(1000),
                                         std::string(1001, '9'),
                                         "1" + zeros(1001),
                                         "1" + zeros(100000),
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
                                  "18446744073709551616",
                                  "18446744073709551617",
                                  "-18446744073709551615",
                                  "-9223372036854775809",
                                  "123456789012345683968",
                                  "12345678901234567890123",
                                  "-10000000000000000000001",
                                  "1e+22",
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
  for (const std::string& digits :
       {"1" + zeros(200) + "1", last_below, beyond_doubles, "1" + zeros(309), "12" + zeros(309),
        std::string(1000, '9'), "1" + zeros(99999) + "7"}) {
    CHECK(value_of(term(digits)) == digits);
    CHECK(value_of(term("[-" + digits + "]")) == "[-" + digits + "]");
  }
}

TEST_CASE("one number has one term, however it is spelled") {
  CHECK(term("1") == term("1.0"));
  CHECK(term("-0") == term("0"));
  CHECK(term("1e+05") == term("100000"));
  CHECK(value_of(term("1e+05")) == "100000");
  CHECK(value_of(term("-0")) == "0");
  CHECK(term("9007199254740993") != term("9007199254740992"));
  CHECK(term("18446744073709551616") == term("1.8446744073709552e19"));
  CHECK(term("10000000000000000000000") == term("1e+22"));
  CHECK(value_of(term("-10000000000000000000000")) == "-1e+22");
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
  CHECK(hex(term("18446744073709551616")) == "32404000");
  CHECK(hex(term("18446744073709551617")) == "324040"
                                             "01010101010101010180");
  CHECK(hex(term(beyond_doubles)).substr(0, 24) == "328000"
                                                   "010101056b"
                                                   "23c38b3f");
  CHECK(hex(term("-" + beyond_doubles)).substr(0, 24) == "307fff"
                                                         "fefefefa94"
                                                         "dc3c74c0");
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
  for (const auto& bytes :
       {raw_bytes(""), raw_bytes("\x00"), raw_bytes("\x11"), raw_bytes("\xff"), raw_bytes("\x50"),
        raw_bytes("\x50\x10"), raw_bytes("\x40"), raw_bytes("\x40\x61"), raw_bytes("\x40\x01\x00"),
        raw_bytes("\x40\x01\x03\x00"), raw_bytes("\x40\xff\x00"), raw_bytes("\x60\x10\x10\x00"),
        raw_bytes("\x60\x40\x61\x00\x00"), raw_bytes("\x32"), raw_bytes("\x32\x40"),
        raw_bytes("\x32\x40\x00"), raw_bytes("\x32\x40\x00\x01"), raw_bytes("\x32\x40\x00\x01\x00"),
        raw_bytes("\x32\xff\xff\x00"), raw_bytes("\x32\x00\x00\x00"),
        raw_bytes("\x32\x40\x3f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        raw_bytes("\x32\x44\x00\x00"), // 2^1024 as if it had an exponent
        raw_bytes("\x32\x7f\xff\x00"), // no exponent, nor the mark of digits
        raw_bytes("\x32\x80\x01\x00"),
        // bits below those of a double, and fractions
        raw_bytes("\x32\x40\x3e\x01\x01\x01\x01\x01\x01\x01\x01\x02"),
        raw_bytes("\x32\x40\x40\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02"),
        // a last group without a 1 bit
        raw_bytes("\x32\x40\x80\x01\x01\x01\x01\x01\x01\x01\x01\x03\x00"),
        // more groups than the longest number has
        raw_bytes("\x32\x43\xff") + std::string(147, '\x01') + '\x02',
        raw_bytes("\x32\x80\x00\x00"), raw_bytes("\x32\x80\x00\x01\x01\x01\x01\x01\x00"),
        "\x32\x80" + raw_bytes("\x00\x01\x01\x01\x05\x6d\x15\x00"), of_digits(309, ""),
        of_digits(309, std::string(308, '1')), of_digits(309, std::string(310, '1')),
        of_digits(309, std::string(311, '1')), of_digits(309, "0" + std::string(308, '1')),
        of_digits(309, last_below), of_digits(308, std::string(308, '9')),
        of_digits(310, "1" + zeros(307) + ":0"), of_digits(311, std::string(311, '1') + "1")}) {
    std::string_view in = bytes;
    std::string out;
    const auto taken = treadmill::take_term(out, in);
    INFO(hex(bytes));
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == treadmill::ec::corrupt);
    CHECK(in.size() == bytes.size());
  }
  for (const auto& digits : {"1" + zeros(309), std::string(309, '9'), std::string(311, '1')})
    CHECK(of_digits(digits.size(), digits) == term(digits)); // what the cases above damage
}
