#include "storage/selector/selector_tree.hpp"
#include "tests/unit/storage/selector/matching.hpp"
#include <ctime>

using treadmill::ec;
using treadmill::selector;
using treadmill::selector_limits;
using treadmill::selector_matcher;
using treadmill::test::matches;
using treadmill::test::refusal;

namespace {

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

/// The error of matching one document, which must come within seconds of computing.
ec failure(std::string_view stored_selector, std::string_view body) {
  const auto parsed = selector::parse(stored_selector);
  REQUIRE_MESSAGE(parsed, parsed.error().reason);
  const std::clock_t begun = std::clock();
  selector_matcher matcher(*parsed);
  const auto answer = matcher.matches({body, "a", "1-b"});
  CHECK(std::clock() - begun < 20 * CLOCKS_PER_SEC);
  if (!answer) CHECK(answer.error().reason.find("steps on one document") != std::string::npos);
  // The next document has a budget of its own.
  CHECK(matcher.matches({"{}", "a", "1-b"}));
  return answer ? ec::none : answer.error().code;
}

} // namespace

TEST_CASE("an invalid selector is refused with the reason") {
  CHECK(refusal("[]") == "Selector must be a JSON object, not: []");
  CHECK(refusal("5") == "Selector must be a JSON object, not: 5");
  CHECK(refusal(R"({"$gt":1})") == "One or more conditions is missing a field name.");
  CHECK(refusal(R"({"":1})") == "One or more conditions is missing a field name.");
  CHECK(refusal(R"({"$not":{"$gt":1}})") == "One or more conditions is missing a field name.");
  CHECK(refusal(R"({"a":{"$foo":1}})") == "Invalid operator: $foo");
  CHECK(refusal(R"({"a":{"$":1}})") == "Invalid operator: $");
  CHECK(refusal(R"({"a":{"$default":1}})") == "Invalid operator: $default");
  CHECK(refusal(R"({"a":{"$where":"x"}})") == "Unsupported operator: $where");
  CHECK(refusal(R"({"$text":"x"})") == "Unsupported operator: $text");
  CHECK(refusal(R"({"a..b":1})") == "Invalid field name: a..b");
  CHECK(refusal(R"({"a":{"":1}})") == "Invalid field name: a.");
  CHECK(refusal(R"({".a":1})") == "Invalid field name: .a");
}

TEST_CASE("an operator refuses arguments of the wrong type") {
  const std::pair<const char*, std::vector<const char*>> wrong[] = {
      {"$and", {"{}", "1"}},
      {"$or", {"{}", "null"}},
      {"$nor", {"\"x\""}},
      {"$not", {"1", "[]"}},
      {"$in", {"1", "{}"}},
      {"$nin", {"\"a\""}},
      {"$all", {"1", "{}"}},
      {"$exists", {"1", "\"true\"", "null"}},
      {"$type", {"1", "null", "[]"}},
      {"$size", {"-1", "1.5", "\"1\"", "null", "1e+30"}},
      {"$mod",
       {"1", "[1]", "[1,2,3]", "[0,0]", "[1.5,0]", "[\"2\",0]", "[2,1.5]",
        "[18446744073709551616,1]", "{}"}},
      {"$elemMatch", {"1", "[]"}},
      {"$allMatch", {"1", "[]"}},
      {"$keyMapMatch", {"1", "[]", "\"a\""}}};
  for (const auto& [name, arguments] : wrong)
    for (const char* argument : arguments) {
      const auto text = R"({"x":{")" + std::string(name) + "\":" + argument + "}}";
      CAPTURE(text);
      CHECK(refusal(text) == "Bad argument for operator " + std::string(name) + ": " + argument);
    }
  CHECK(refusal(R"({"x":{"$beginsWith":1}})") == "Invalid operator: $beginsWith");
  CHECK(refusal(R"({"x":{"$regex":1}})") == "Invalid operator: $regex");
}

TEST_CASE("a regular expression that does not compile is refused with PCRE2's reason and place") {
  CHECK(
      refusal(R"({"x":{"$regex":"a("}})")
          .starts_with(
              R"(Bad argument for operator $regex: "a(" (missing closing parenthesis at byte 2))"));
  CHECK(refusal(R"({"x":{"$regex":"a\\Cb"}})") != "");
  const auto nested = repeated("(", 200) + repeated(")", 200);
  CHECK(refusal(R"({"x":{"$regex":")" + nested + "\"}}") != "");
  CHECK(refusal(R"({"x":{"$regex":")" + repeated("a", 5000) + "\"}}").find("longer than 4096") !=
        std::string::npos);
  CHECK(refusal(R"({"x":{"$regex":"((a{1000}){1000}){1000}"}})") != "");
}

TEST_CASE("a long argument is cut in the reason, between characters") {
  const auto reason = refusal("{\"x\":{\"$size\":\"" + repeated("\xc3\xa9", 1000) + "\"}}");
  CHECK(reason.size() < 200);
  CHECK(treadmill::stored_form('"' + reason.substr(reason.find('"') + 1) + '"'));
}

TEST_CASE("a selector has limits of bytes, depth, names in a path, and conditions") {
  selector_limits limits;
  limits.bytes = 10;
  CHECK(refusal(R"({"a":1})", limits) == "");
  CHECK(refusal(R"({"abcdef":1})", limits) == "the selector is larger than 10 bytes");
  limits = {};
  limits.depth = 10;
  CHECK(refusal(repeated(R"({"a":)", 9) + "1" + repeated("}", 9), limits) == "");
  CHECK(refusal(repeated(R"({"a":)", 10) + "1" + repeated("}", 10), limits) ==
        "the selector is nested deeper than 10");
  CHECK(refusal(repeated(R"({"$not":)", 10) + R"({"a":1})" + repeated("}", 10), limits) ==
        "the selector is nested deeper than 10");
  CHECK(refusal(R"({"a)" + repeated(".a", 10) + "\":1}", limits) ==
        "a field name has more than 10 parts");
  limits = {};
  limits.conditions = 10;
  CHECK(refusal(R"({"$or":[1,2,3,4,5,6,7,8,9]})", limits) == "");
  CHECK(refusal(R"({"$or":[1,2,3,4,5,6,7,8,9,10]})", limits) ==
        "the selector has more than 10 conditions, names and listed values");
  CHECK(refusal(R"({"a":{"$in":[1,2,3,4,5,6,7,8,9]}})", limits) ==
        "the selector has more than 10 conditions, names and listed values");
}

TEST_CASE("regular expressions that are large when compiled count as many conditions") {
  std::string text = R"({"$or":[)";
  for (int i = 0; i < 100; ++i) text += R"({"a":{"$regex":"((a{10}){30}){60}"}},)";
  CHECK(refusal(text + "1]}").starts_with("the selector has more than 20000"));
  text = R"({"$or":[)";
  for (int i = 0; i < 500; ++i) text += R"({"a":{"$regex":"^[a-z]+ (x|y)$"}},)";
  CHECK(refusal(text + "1]}") == "");
}

TEST_CASE("text that is no stored form is refused, whatever it is") {
  for (const char* text :
       {"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{a:1}", "{\"$and\":[", "{]"}) {
    CAPTURE(text);
    CHECK(!selector::parse(text));
  }
}

TEST_CASE("any bytes may be the body of a document") {
  const auto parsed = selector::parse(
      R"({"a":{"$elemMatch":{"b.0":{"$in":[1,"x"]},"c":{"$keyMapMatch":{"$gt":1}}}},"d.e":{"$size":1}})");
  REQUIRE(parsed);
  selector_matcher matcher(*parsed);
  const std::string whole =
      R"({"a":[{"b":[1],"c":{"k":"v"}},{"b":{"0":"x"},"c":{"k":[]}}],"d":{"e":[null]}})";
  CHECK(matcher.matches({whole, "a", "1-b"}).value());
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK(matcher.matches({std::string_view(whole).substr(0, size), "a", "1-b"}));
    std::string broken = whole;
    for (const char c : {'"', '{', '}', '[', ']', ',', '\\', '\0', '\xff'}) {
      broken[size] = c;
      CHECK(matcher.matches({broken, "a", "1-b"}));
    }
  }
}

TEST_CASE("work that grows with document times selector is stopped, and is an error") {
  std::string list = "[";
  for (int i = 0; i < 5000; ++i) list += "\"a" + std::to_string(i) + "\",";
  list += "0]";
  const auto array = R"({"x":[)" + repeated(R"("zzzzzzzz",)", 100'000) + "1]}";
  CHECK(failure(R"({"x":{"$all":)" + list + "}}", array) == ec::none); // the first is not there
  CHECK(failure(R"({"x":{"$not":{"$elemMatch":{"$or":)" + list + "}}}}", array) == ec::too_large);
  const auto nested = repeated("[", 2000) + repeated("]", 2000);
  CHECK(failure(R"({"x":{"$elemMatch":{"$elemMatch":{"$elemMatch":{"$eq":1}}}}})",
                R"({"x":[)" + repeated(nested + ",", 1000) + "1]}") == ec::none);
}

TEST_CASE("no regular expression takes long, however it backtracks") {
  const auto body = [](const std::string& text) { return R"({"x":")" + text + "\"}"; };
  const auto fails = [&](std::string_view pattern, const std::string& text) {
    std::string stored = R"({"x":{"$regex":)";
    treadmill::append_json_string(stored, pattern);
    CAPTURE(pattern);
    return failure(stored + "}}", body(text));
  };
  const auto many = repeated("a", 1'000'000);
  CHECK(fails("(a+)+$", repeated("a", 40) + "b") == ec::too_large);
  CHECK(fails("^(a|a)*$", repeated("a", 60) + "b") == ec::too_large);
  CHECK(fails("a*b", many) != ec::internal);
  CHECK(fails("a*?a*?a*?b", many + "c") != ec::internal);
  CHECK(fails("a.*b.*c$", repeated("ab", 300'000) + "cd") == ec::too_large);
  CHECK(fails("a{50000}b", many + "b" + repeated("c", 10)) == ec::too_large);
  CHECK(fails(R"((a*)\1b\1)", many + "bc") != ec::internal);
  CHECK(fails("[ab][^c]*c", many) != ec::internal);
  CHECK(fails("(?:.|\\n)*x", many + "x") == ec::too_large);
  CHECK(fails("(?R)?b", many) != ec::internal);
  CHECK(fails("(?=.*b)(?=.*c)", many + "b") != ec::internal);
  CHECK(fails("^" + repeated("(a?)", 500) + repeated("a", 500) + "$", repeated("a", 500) + "b") ==
        ec::too_large);
}

TEST_CASE("ordinary regular expressions search long texts within the budget") {
  const auto text = R"({"x":")" +
                    repeated("The quick brown fox jumps over the lazy dog. ", 20'000) +
                    R"(Needle 2024-05-17"})";
  CHECK(matches(R"({"x":{"$regex":"Needle \\d{4}-\\d{2}"}})", text));
  CHECK(matches(R"({"x":{"$regex":"(?i)needle"}})", text));
  CHECK(!matches(R"({"x":{"$regex":"^Needle"}})", text));
  CHECK(matches(R"({"x":{"$regex":"17$"}})", text));
  CHECK(matches(R"({"x":{"$regex":"^.*Needle"}})", text));
}

TEST_CASE("a text for which ICU would take too long exhausts the budget of its document") {
  const auto marks = repeated("\xe0\xbd\xb1", 50'000) + repeated("\xcc\x9b", 50'000);
  CHECK(failure("{\"x\":{\"$lt\":\"A\xe0\xbd\xb1\"}}", "{\"x\":\"a" + marks + "\"}") ==
        ec::too_large);
}
