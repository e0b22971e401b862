#include "storage/json/json.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <string>

using treadmill::ec;
using treadmill::parse_document;
using treadmill::stored_form;

namespace {

/// A literal with the NULs that are in it.
template<size_t Size>
std::string raw_bytes(const char (&literal)[Size]) {
  return {literal, Size - 1};
}

ec code_of(std::string_view text, const treadmill::json_limits& limits = {}) {
  const auto stored = stored_form(text, limits);
  return stored ? ec::none : stored.error().code;
}

std::string reason_of(std::string_view text) {
  const auto stored = stored_form(text);
  return stored ? "" : stored.error().reason;
}

bool is_stored_as(std::string_view text, std::string_view expected) {
  const auto stored = stored_form(text);
  if (!stored || *stored != expected) {
    MESSAGE("stored as " << (stored ? *stored : stored.error().reason));
    return false;
  }
  return stored_form(expected).value() == expected;
}

ec document_code(std::string_view text, bool take_deleted = true) {
  const auto document = parse_document(text, take_deleted);
  return document ? ec::none : document.error().code;
}

} // namespace

TEST_CASE("white space goes, and everything else stays in its order") {
  CHECK(is_stored_as(" { \"b\" : [ 1 , true,\tfalse\r,\n null , { } , [ ] ] , \"a\" : \"x y\" } ",
                     R"({"b":[1,true,false,null,{},[]],"a":"x y"})"));
  CHECK(is_stored_as("7", "7"));
  CHECK(is_stored_as("\"x\"", "\"x\""));
}

TEST_CASE("strings have the shortest escapes") {
  CHECK(is_stored_as(R"("\u0041\/\u00e4\u20ac\ud83d\ude00")",
                     "\"A/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""));
  CHECK(is_stored_as(R"("\"\\\b\f\n\r\t")", R"("\"\\\b\f\n\r\t")"));
  CHECK(is_stored_as(R"("\u0022\u005C\u0008\u000c\u000A\u000d\u0009")", R"("\"\\\b\f\n\r\t")"));
  CHECK(is_stored_as(R"("\u0000\u001F\u007f")", "\"\\u0000\\u001f\x7f\""));
  CHECK(is_stored_as(R"({"\u0061\n":1})", R"({"a\n":1})"));
  CHECK(is_stored_as("\"long enough for words of eight \xc3\xa4, and on\\u0041\"",
                     "\"long enough for words of eight \xc3\xa4, and onA\""));
}

TEST_CASE("integers of 64 bits stay digit for digit") {
  for (std::string_view number :
       {"0", "-0", "1", "-1", "9007199254740993", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "18446744073709551615", "999999999999999999"})
    CHECK(is_stored_as(number, number));
}

TEST_CASE("longer integers stay digit for digit too") {
  for (const char* const sign : {"", "-"}) {
    for (const std::string_view digits :
         {"9223372036854775809", "10000000000000000000", "18446744073709551616",
          "18446744073709551617", "123456789012345678901", "1180591620717411303425",
          "10000000000000000000000", "12345678901234567890123", "123456789012345678901234567890"}) {
      const std::string number = sign + std::string(digits);
      CHECK(is_stored_as(number, number));
    }
    // Around the lengths at which RapidJSON and doubles end, and far above them.
    for (const size_t size : {298, 299, 300, 301, 302, 307, 308, 309, 310, 400, 5000, 1000000}) {
      for (const char last : {'0', '7'}) {
        std::string number = sign + std::string(size, '1');
        number.back() = last;
        INFO(size);
        CHECK(is_stored_as(number, number));
        CHECK(is_stored_as(" [ " + number + " ,-" + std::string(size, '9') + ", 1.50, 1e2 ] ",
                           "[" + number + ",-" + std::string(size, '9') + ",1.5,100]"));
        CHECK(is_stored_as("{\"a\":" + number + ",\"b\":{\"a\":" + number + "}}",
                           "{\"a\":" + number + ",\"b\":{\"a\":" + number + "}}"));
      }
    }
  }
}

TEST_CASE("a text around a long integer is refused with the place, as around any other") {
  const std::string digits(400, '1');
  const auto place = [&](const std::string& before, const std::string& after) {
    const std::string text = before + digits + after;
    const auto reason = reason_of(text);
    const size_t at = reason.rfind(' ');
    REQUIRE_MESSAGE(at != std::string::npos, text);
    return std::stol(reason.substr(at + 1));
  };
  CHECK(place("{", ":1}") == 1);
  CHECK(place("{\"a\" ", "}") == 5);
  CHECK(place("[1 ", "]") == 3);
  CHECK(place("{\"a\":1 -", "}") == 7);
  CHECK(place("1 ", "") == 2);
  CHECK(place("[", "x]") == 401);
  CHECK(place("[", " 1]") == 402);
  CHECK(place("[0", "]") == 2);
  CHECK(place("[-0", "]") == 3);
  CHECK(place("[", ".]") == 1);
  CHECK(place("[", "e]") == 1);
}

TEST_CASE("a long number with a fraction or an exponent is a double, or refused") {
  CHECK(is_stored_as("12345678901234567890123.0", "1.2345678901234568e+22"));
  CHECK(is_stored_as("1e22", "1e+22"));
  CHECK(is_stored_as("10000000000000000000000e0", "1e+22"));
  CHECK(is_stored_as("123456789012345678901.0", "123456789012345683968"));
  CHECK(is_stored_as("1e30", "1e+30"));
  CHECK(is_stored_as("1" + std::string(300, '0') + ".5", "1e+300"));
  CHECK(is_stored_as("1" + std::string(300, '0') + "e-300", "1"));
  CHECK(code_of(std::string(400, '1') + ".5") == ec::bad_json);
  CHECK(code_of(std::string(400, '1') + "e1") == ec::bad_json);
}

TEST_CASE("what a double of the past was stored as is still stored as that") {
  for (const std::string_view text :
       {"1e+22", "1.2345678901234568e+22", "1e+19", "-1e+19", "18446744073709551616",
        "-9223372036854775808", "123456789012345683968", "1234567890123456774144",
        "-1234567890123456774144", "1180591620717411303424", "1.7976931348623157e+308"})
    CHECK(is_stored_as(text, text));
}

TEST_CASE("what JavaScript wrote is read as doubles beyond 64 bits") {
  const auto read = [](std::string_view text) {
    const auto stored = treadmill::stored_form_of_doubles(text);
    return stored ? *stored : stored.error().reason;
  };
  CHECK(read(" [ 1 , 1.50 ] ") == "[1,1.5]");
  CHECK(read("18446744073709551615") == "18446744073709551615");
  CHECK(read("12345678901234567000") == "12345678901234567000");
  CHECK(read("18446744073709552000") == "18446744073709551616"); // as V8 writes 2^64
  CHECK(read("-9223372036854775809") == "-9223372036854775808");
  CHECK(read("123456789012345680000") == "123456789012345683968");
  CHECK(read("12345678901234567890123") == "1.2345678901234568e+22");
  CHECK(read("[1, 1" + std::string(309, '0') + "]") ==
        "number too big to be stored in double at byte 4");
  CHECK(read("[1, -1" + std::string(400, '0') + "]") ==
        "number too big to be stored in double at byte 4");
}

TEST_CASE("other numbers become the shortest text of the same double") {
  CHECK(is_stored_as("1.50", "1.5"));
  CHECK(is_stored_as("1.0", "1"));
  CHECK(is_stored_as("-0.0", "-0"));
  CHECK(is_stored_as("-0e7", "-0"));
  CHECK(is_stored_as("0e308", "0"));
  CHECK(is_stored_as("1E2", "100"));
  CHECK(is_stored_as("1e5", "1e+05"));
  CHECK(is_stored_as("100000.0", "1e+05"));
  CHECK(is_stored_as("0.30000000000000004", "0.30000000000000004"));
  CHECK(is_stored_as("0.1", "0.1"));
  CHECK(is_stored_as("0.0001", "1e-04"));
  CHECK(is_stored_as("0.00012", "0.00012"));
  CHECK(is_stored_as("123456789012345.6", "123456789012345.6"));
  CHECK(is_stored_as("1.7976931348623157e308", "1.7976931348623157e+308"));
  CHECK(is_stored_as("1.7976931348623158e308", "1.7976931348623157e+308"));
  CHECK(is_stored_as("5e-324", "5e-324"));
  CHECK(is_stored_as("2.2250738585072011e-308", "2.225073858507201e-308"));
  CHECK(is_stored_as("0.1e-99999999999999999999", "0"));
  CHECK(is_stored_as("-1e-400", "-0"));
  CHECK(is_stored_as("0." + std::string(1000, '0') + "1e10", "0"));
  CHECK(is_stored_as("9.232762829599804",
                     "9.232762829599803")); // 16 digits are not always the shortest
  CHECK(is_stored_as("0." + std::string(400, '0') + "1e401", "1"));
  CHECK(is_stored_as("1" + std::string(307, '0') + "e-307", "1"));
  CHECK(
      is_stored_as("17976931348623157" + std::string(292, '0') + ".0", "1.7976931348623157e+308"));
}

TEST_CASE("numbers that become longer are written in full, however many there are") {
  std::string text = "[";
  std::string expected = "[";
  for (int i = 0; i < 10000; ++i) {
    text += "1e9,";
    expected += "1e+09,";
  }
  text.back() = ']';
  expected.back() = ']';
  CHECK(is_stored_as(text, expected));
  CHECK(is_stored_as("[1e5]", "[1e+05]"));
}

TEST_CASE("what is not JSON is refused with the place") {
  CHECK(code_of("") == ec::bad_json);
  CHECK(code_of(" \n") == ec::bad_json);
  for (std::string_view bad :
       {"{",     "}",        "[",        "]",           "[1",        "[1,",        "[1,]",
        "[,]",   "{\"a\"",   "{\"a\":",  "{\"a\":1",    "{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}",
        "{a:1}", "{1:1}",    "{,}",      "[1 2]",       "[1}",       "{\"a\":1]",  "\"",
        "\"\\",  "\"\\u",    "\"\\u12",  "\"\\u12g4\"", "\"\\x\"",   "\"\\",       "tru",
        "True",  "nul",      "falsey",   "nulll",       "NaN",       "Infinity",   "-Infinity",
        "-",     "+1",       "01",       "-01",         ".5",        "5.",         "1.e1",
        "1e",    "1e+",      "0x1",      "1_0",         "'a'",       "// x\n1",    "/* */1",
        "1;",    "\"a\nb\"", "\"a\tb\"", "\"\x1f\"",    "undefined"}) {
    INFO(bad);
    CHECK(code_of(bad) == ec::bad_json);
    CHECK(reason_of(bad).find("at byte ") != std::string::npos);
  }
  CHECK(reason_of("{\"a\":1,}") == "missing a name for object member at byte 7");
  CHECK(reason_of("[1]]") == "the document root must not be followed by other values at byte 3");
  CHECK(reason_of("[\"\\x\"]") == "invalid escape character in string at byte 2");
  CHECK(reason_of("[1, 1e309]") == "number too big to be stored in double at byte 4");
}

TEST_CASE("text after the value, a raw NUL and a byte order mark are refused") {
  CHECK(code_of("{} x") == ec::bad_json);
  CHECK(code_of("{}{}") == ec::bad_json);
  CHECK(code_of("1 1") == ec::bad_json);
  CHECK(code_of(raw_bytes("{}\0garbage")) == ec::bad_json);
  CHECK(code_of(raw_bytes("{}\0")) == ec::bad_json);
  CHECK(code_of(raw_bytes("\0")) == ec::bad_json);
  CHECK(code_of(raw_bytes("[\0]")) == ec::bad_json);
  CHECK(code_of(raw_bytes("[1,\0")) == ec::bad_json);
  CHECK(code_of(raw_bytes("\"a\0b\"")) == ec::bad_json);
  CHECK(code_of(raw_bytes("\"\\\0\"")) == ec::bad_json);
  CHECK(reason_of(raw_bytes("{}\0garbage")).find("at byte 2") != std::string::npos);
  CHECK(code_of("\xef\xbb\xbf{}") == ec::bad_json);
}

TEST_CASE("a number that no double can hold is refused") {
  for (std::string_view bad : {"1e309", "-1e309", "1.7976931348623159e308",
                               "1e99999999999999999999", "0.001e99999999999", "[2e308]"})
    CHECK(code_of(bad) == ec::bad_json);
  CHECK(code_of("1" + std::string(309, '0') + ".0") == ec::bad_json);
  CHECK(code_of("1" + std::string(1000, '0') + "e-10") == ec::bad_json);
  for (std::string_view refused : {"1e309", "-17976931348623159e292"})
    CHECK(reason_of(refused) == "number too big to be stored in double at byte 0");
}

TEST_CASE("a zero with a large exponent, and digits that are too big before their exponent, are "
          "refused though a double holds them") {
  CHECK(code_of("0e309") == ec::bad_json);
  CHECK(code_of("0.0e999") == ec::bad_json);
  CHECK(code_of("1" + std::string(400, '0') + "e-400") == ec::bad_json);
}

TEST_CASE("a member that is named twice is refused, however it is escaped and wherever it is") {
  CHECK(code_of(R"({"a":1,"a":1})") == ec::duplicate_key);
  CHECK(code_of(R"({"a":1,"\u0061":2})") == ec::duplicate_key);
  CHECK(code_of(R"({"/":1,"\/":2})") == ec::duplicate_key);
  CHECK(code_of(R"({"\n":1,"\u000a":2})") == ec::duplicate_key);
  CHECK(code_of(R"({"":1,"":2})") == ec::duplicate_key);
  CHECK(code_of(R"([{"x":{"b":1,"a":{},"b":2}}])") == ec::duplicate_key);
  CHECK(code_of(R"({"id":"x","id":"y"})") == ec::duplicate_key);
  // The place is that of the second one, in the text as it came.
  const auto place_of = [](std::string_view text) {
    const auto read = stored_form(text);
    REQUIRE_FALSE(read);
    return read.error().reason.substr(read.error().reason.rfind(' ') + 1);
  };
  CHECK(place_of(R"({"a":1,"a":1})") == "7");
  CHECK(place_of(R"({ "a" : 1 , "b":{"a":2}, "\u0061":3, "a":4})") == "25");
  CHECK(place_of(R"([{"y":1}, {"x":{"b":1,"a":{},"b":2}}])") == "29");
  CHECK(place_of(R"({"b":1,"b":1,"a":1,"a":1})") == "19"); // of several the first in their order
  CHECK(code_of(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]})") == ec::none);
  CHECK(code_of(R"({"a":1,"A":1,"ab":1,"b":1,"":1,"abcdefgh":1,"abcdefgi":1})") == ec::none);
  CHECK(reason_of(R"({"a":1, "a":1})") == "an object names a member twice at byte 8");
}

TEST_CASE("members that are named twice are found among many, also around nested objects") {
  const auto many = [](int count, std::string_view inner) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) {
      text += "\"name" + std::to_string(i) + "\":";
      text += i == count / 2 ? inner : "1";
      text += ',';
    }
    return text;
  };
  for (int count : {1, 15, 16, 17, 31, 64, 1000}) {
    const std::string inner = many(20, "[]") + "\"end\":0}";
    CHECK(code_of(many(count, inner) + "\"end\":0}") == ec::none);
    CHECK(code_of(many(count, inner) + "\"name0\":0}") == ec::duplicate_key);
    CHECK(code_of(many(count, inner) + "\"name" + std::to_string(count - 1) + "\":0}") ==
          ec::duplicate_key);
    CHECK(code_of(many(count, many(20, "[]") + "\"name19\":0}") + "\"end\":0}") ==
          ec::duplicate_key);
  }
}

TEST_CASE(
    "an object that is large before and after a large one within it still knows its members") {
  const auto members = [](const std::string& prefix) {
    std::string text;
    for (int i = 0; i < 30; ++i) text += "\"" + prefix + std::to_string(i) + "\":1,";
    return text;
  };
  const std::string inner = "{" + members("i") + "\"end\":1}";
  const std::string outer = "{" + members("o") + "\"inner\":" + inner;
  CHECK(code_of(outer + "}") == ec::none);
  CHECK(code_of(outer + ",\"o0\":1}") == ec::duplicate_key);
  CHECK(code_of(outer + ",\"i0\":1}") == ec::none);
  CHECK(code_of("[" + outer + ",\"i0\":1}," + outer + ",\"o1\":1}]") == ec::duplicate_key);
}

TEST_CASE("an object with very many members is read in nearly linear time") {
  const auto seconds = [](int count) {
    std::string text = "{\"x\":0";
    for (int i = 0; i < count; ++i) text += ",\"member " + std::to_string(i) + "\":1";
    text += '}';
    const auto start = std::chrono::steady_clock::now();
    CHECK(code_of(text) == ec::none);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  // Quadratic, the larger one would take a hundred times as long as the smaller one and minutes.
  const double small = seconds(50'000);
  CHECK(seconds(500'000) < 40 * small + 1);
}

TEST_CASE("arrays and objects nest as deep as the limit and no deeper") {
  const auto nested = [](size_t depth, const char* open, const char* close) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += open;
    text += "1";
    for (size_t i = 0; i < depth; ++i) text += close;
    return text;
  };
  CHECK(code_of(nested(100, "[", "]")) == ec::none);
  CHECK(code_of(nested(101, "[", "]")) == ec::too_deep);
  CHECK(code_of(nested(100, "{\"a\":", "}")) == ec::none);
  CHECK(code_of(nested(101, "{\"a\":", "}")) == ec::too_deep);
  CHECK(code_of(std::string(1'000'000, '[')) == ec::too_deep);
  CHECK(reason_of(std::string(1'000'000, '[')) == "arrays and objects nest too deep at byte 100");
  // The largest limit that the settings take, and that of a document in a bulk.
  CHECK(code_of(nested(1002, "{\"a\":[", "]}"), {.depth = 2004}) == ec::none);
  CHECK(code_of("[[]]", {.depth = 1}) == ec::too_deep);
  CHECK(code_of("[]", {.depth = 1}) == ec::none);
  CHECK(code_of("[[],[],{},[[]]]", {.depth = 3}) == ec::none);
}

TEST_CASE("what is not UTF-8 and half of a surrogate pair is refused") {
  for (std::string_view bad :
       {"\"\x80\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\xff\"", "\"\xc3\"", "\"\xe2\x82\"", "\"\xc3", R"("\ud800")", R"("\udc00")",
        R"("\ud800x")", R"("\ud800\u0041")", R"("\ud800\ud800")", R"("\udc00\ud800")",
        R"("\udc00\udc00")", R"("\ud800\n")", R"({"\ud800":1})"}) {
    INFO(bad);
    CHECK(code_of(bad) == ec::bad_encoding);
  }
  CHECK(code_of("[\xff]") == ec::bad_json);
  CHECK(reason_of(R"({"a":"x\udc00y"})") == "the surrogate pair in string is invalid at byte 7");
  CHECK(reason_of("[\"\xff\"]") == "invalid encoding in string at byte 2");
}

TEST_CASE("names that mean something to JavaScript are stored as data") {
  CHECK(is_stored_as(R"({"__proto__":{"x":1},"constructor":2})",
                     R"({"__proto__":{"x":1},"constructor":2})"));
  CHECK(parse_document(R"({"a":{"__proto__":1}})", false)->body == R"({"a":{"__proto__":1}})");
}

TEST_CASE("a document is taken apart into id, rev and body") {
  const auto document = parse_document(
      R"({ "a": 1, "id": "x\u00e4\n\"", "b": {"id": 2, "_c": 3}, "rev": "rev1-a" })", false);
  REQUIRE(document);
  CHECK(document->body == R"({"a":1,"b":{"id":2,"_c":3}})");
  CHECK(document->id == "x\xc3\xa4\n\"");
  CHECK(document->rev == "rev1-a");
  CHECK_FALSE(document->deleted);
}

TEST_CASE("the body is right wherever the members lie that are not the user's") {
  for (std::string_view text :
       {R"({"id":"x","a":1,"b":2})", R"({"a":1,"id":"x","b":2})", R"({"a":1,"b":2,"id":"x"})",
        R"({"id":"x","rev":"r","a":1,"b":2})", R"({"id":"x","a":1,"rev":"r","b":2,"_history":[]})",
        R"({"_conflicts":[{"id":1}],"a":1,"b":2,"rev":"r","id":"x"})",
        R"({"\u0069d":"x","a":1,"b":2})"}) {
    const auto document = parse_document(text, false);
    REQUIRE(document);
    CHECK(document->body == R"({"a":1,"b":2})");
    CHECK(document->id == "x");
  }
  CHECK(parse_document(R"({"id":"x","rev":"y"})", false)->body == "{}");
  CHECK(parse_document("{}", false)->body == "{}");
  CHECK_FALSE(parse_document("{}", false)->id);
  CHECK_FALSE(parse_document("{}", false)->rev);
}

TEST_CASE("the document's own members id and rev come in _members, and take its place") {
  const auto body_of = [](std::string_view text) {
    const auto document = parse_document(text, false);
    return document ? document->body : document.error().reason;
  };
  CHECK(body_of(R"({"_members":{"id":7}})") == R"({"id":7})");
  CHECK(body_of(R"({"_members":{"rev":[1],"id":"x"},"id":"d"})") == R"({"rev":[1],"id":"x"})");
  CHECK(body_of(R"({"a":1,"_members":{"id":{"id":{}}},"b":2})") ==
        R"({"a":1,"id":{"id":{}},"b":2})");
  CHECK(body_of(R"({"id":"d","a":1,"rev":"r","_members":{"id":1, "\u0072ev" : 1.50}})") ==
        R"({"a":1,"id":1,"rev":1.5})");
  CHECK(body_of(R"({"_members":{},"a":1})") == R"({"a":1})");
  CHECK(body_of(R"({"a":1,"_members":{ }})") == R"({"a":1})");
  CHECK(body_of(R"({"_members":{}})") == "{}");
  CHECK(parse_document(R"({"_members":{"id":7},"id":"d"})", false)->id == "d");
  CHECK_FALSE(parse_document(R"({"_members":{"id":"x"}})", false)->id);
  for (std::string_view bad : {R"({"_members":null})", R"({"_members":[]})", R"({"_members":"id"})",
                               R"({"_members":{"a":1}})", R"({"_members":{"id":1,"a":1}})",
                               R"({"_members":{"_id":1}})", R"({"_members":{"":1}})"})
    CHECK(document_code(bad) == ec::bad_request);
  CHECK(document_code(R"({"_members":{"id":1,"id":2}})") == ec::duplicate_key);
  CHECK(document_code(R"({"_members":{},"_members":{}})") == ec::duplicate_key);
  treadmill::json_limits small;
  small.document_bytes = 8;
  CHECK(parse_document(R"({"_members":{"id":7}})", false, small));
  CHECK_FALSE(parse_document(R"({"_members":{"id":77}})", false, small));
}

TEST_CASE(
    "members that begin with an underscore are refused, save those that are sent by Treadmill") {
  CHECK(document_code(R"({"_conflicts":["a"],"_history":3})") == ec::none);
  CHECK(document_code(R"({"_id":1})") == ec::bad_request);
  CHECK(document_code(R"({"a":1,"_":1})") == ec::bad_request);
  CHECK(document_code(R"({"\u005fx":1})") == ec::bad_request);
  CHECK(document_code(R"({"a":{"_x":1}})") == ec::none);
}

TEST_CASE("_deleted is a boolean, and taken only where it is asked for") {
  CHECK(parse_document(R"({"_deleted":true})", true)->deleted);
  CHECK(parse_document(R"({"_deleted":true,"a":1})", true)->body == R"({"a":1})");
  CHECK_FALSE(parse_document(R"({"_deleted":false})", true)->deleted);
  CHECK(document_code(R"({"_deleted":1})") == ec::bad_request);
  CHECK(document_code(R"({"_deleted":true})", false) == ec::bad_request);
}

TEST_CASE("a document that is no object, or whose id or rev is no string, is refused") {
  for (std::string_view text : {"[]", "[{}]", "\"a\"", "1", "null", "true", "[[[{\"id\":1}]]]"})
    CHECK(document_code(text) == ec::not_object);
  CHECK(document_code(R"({"id":1})") == ec::bad_id);
  CHECK(document_code(R"({"id":null})") == ec::bad_id);
  CHECK(document_code(R"({"id":{"a":[1]}})") == ec::bad_id);
  CHECK(document_code(R"({"rev":1})") == ec::bad_rev);
  CHECK(document_code(R"({"rev":["rev1-a"]})") == ec::bad_rev);
  CHECK(document_code(R"({"id":1,"rev":2})") == ec::bad_id);
  CHECK(document_code(R"({"rev":1,"id":2,"_x":3})") == ec::bad_rev);
  CHECK(document_code(R"({"id":1)") == ec::bad_json);
  CHECK(document_code("[1") == ec::bad_json);
}

TEST_CASE("the limit of a document counts its stored form without id and rev") {
  const std::string text = R"({ "id": "a long id, a long id", "a": "12345" })";
  const auto limits = [](size_t bytes) { return treadmill::json_limits{.document_bytes = bytes}; };
  CHECK(parse_document(text, false, limits(13)));
  const auto refused = parse_document(text, false, limits(12));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ec::too_large);
}

TEST_CASE("a list of strings is read, and nothing else") {
  const auto code = [](std::string_view text) {
    const auto list = treadmill::parse_string_list(text, "ids");
    return list ? ec::none : list.error().code;
  };
  CHECK(treadmill::parse_string_list(R"({"ids":["a","\u00e4\n",""]})", "ids").value() ==
        std::vector<std::string>{"a", "\xc3\xa4\n", ""});
  CHECK(treadmill::parse_string_list(R"({"ids":[]})", "ids")->empty());
  CHECK(code("[]") == ec::not_object);
  CHECK(code("{}") == ec::bad_request);
  CHECK(code(R"({"ids":"a"})") == ec::bad_request);
  CHECK(code(R"({"ids":["a",1]})") == ec::bad_request);
  CHECK(code(R"({"ids":[["a"]]})") == ec::bad_request);
  CHECK(code(R"({"ids":["a"],"x":1})") == ec::bad_request);
  CHECK(code(R"({"x":1,"ids":["a"]})") == ec::bad_request);
  CHECK(code(R"({"keys":["a"]})") == ec::bad_request);
  CHECK(code(R"({"ids":["a")") == ec::bad_json);
  CHECK(code(R"({"ids":["a"],"ids":[]})") == ec::duplicate_key);
  const auto long_list =
      treadmill::parse_string_list(R"({"ids":["a","b","c"]})", "ids", {.items = 2});
  REQUIRE_FALSE(long_list);
  CHECK(long_list.error().code == ec::too_large);
}

TEST_CASE("strings are written in the stored form's escapes") {
  std::string out = "x";
  treadmill::append_json_string(out, raw_bytes("a\"b\\c\n\x01\x1f\x7f/\xc3\xa4\0"));
  CHECK(out == "x\"a\\\"b\\\\c\\n\\u0001\\u001f\x7f/\xc3\xa4\\u0000\"");
  CHECK(stored_form(out.substr(1)).value() == out.substr(1));
}

TEST_CASE(
    "the document's own members id and rev are shown in _members, where the first of them is") {
  const auto shown = [](std::string_view body) {
    std::string buffer;
    return std::string(treadmill::shown_body(body, buffer));
  };
  for (std::string_view same : {R"({})", R"({"a":1})", R"({"a":{"id":1},"b":[{"rev":2}]})",
                                R"({"a":"\"id\":1"})", R"({"ids":1,"a":"id","b":"rev"})"})
    CHECK(shown(same) == same);
  CHECK(shown(R"({"id":7})") == R"({"_members":{"id":7}})");
  CHECK(shown(R"({"a":1,"rev":{"id":1},"b":2})") == R"({"a":1,"_members":{"rev":{"id":1}},"b":2})");
  CHECK(shown(R"({"id":7,"a":1,"rev":"b"})") == R"({"_members":{"id":7,"rev":"b"},"a":1})");
  CHECK(shown(R"({"a":{"id":1},"rev":1,"id":2})") ==
        R"({"a":{"id":1},"_members":{"rev":1,"id":2}})");
  std::string out;
  treadmill::append_document(out, "d", "rev1-x", R"({"b":1,"id":7})", R"(,"_conflicts":[])");
  CHECK(out == R"({"id":"d","rev":"rev1-x","_conflicts":[],"b":1,"_members":{"id":7}})");
  const auto back = parse_document(out, false);
  REQUIRE(back);
  CHECK(back->body == R"({"b":1,"id":7})");
  CHECK(back->id == "d");
}

TEST_CASE("a document is shown with id, rev and what is extra before the body's members") {
  std::string out;
  treadmill::append_document(out, "a\"", "rev1-x", R"({"b":1})");
  CHECK(out == R"({"id":"a\"","rev":"rev1-x","b":1})");
  out.clear();
  treadmill::append_document(out, "a", "rev1-x", "{}");
  CHECK(out == R"({"id":"a","rev":"rev1-x"})");
  out.clear();
  treadmill::append_document(out, "a", "rev1-x", R"({"b":1})", R"(,"_conflicts":[])");
  CHECK(out == R"({"id":"a","rev":"rev1-x","_conflicts":[],"b":1})");
}

TEST_CASE("of members with one name the last one counts where that is asked for") {
  const auto last = [](std::string_view text) {
    return treadmill::stored_form_of_last(text).value_or("refused");
  };
  CHECK(last(R"({"a":1,"a":2})") == R"({"a":2})");
  CHECK(last(R"({"a":1,"b":{"c":[1,2]},"\u0061":2,"c":3})") == R"({"b":{"c":[1,2]},"a":2,"c":3})");
  CHECK(last(R"({"a":{},"a":[],"a":"x","b":0,"b":1})") == R"({"a":"x","b":1})");
  CHECK(last(R"([{"x":{"b":1,"a":{},"b":2}},{"x":1,"x":{"y":1,"y":2}}])") ==
        R"([{"x":{"a":{},"b":2}},{"x":{"y":2}}])");
  CHECK(last(R"({"":1,"":2})") == R"({"":2})");
  CHECK(last(R"({"a":1, "b":2})") == R"({"a":1,"b":2})");
  CHECK(last(R"({"a":1,"a":)") == "refused");
}
