#include "storage/selector/collation.hpp"
#include "storage/json/json.hpp"
#include <atomic>
#include <ctime>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

using treadmill::collation;
using treadmill::step_budget;

namespace {

int sign(int order) { return (order > 0) - (order < 0); }

int compare(std::string_view a, std::string_view b, collation order = collation::unicode) {
  step_budget budget(1'000'000);
  const int result = treadmill::compare_json(a, b, order, budget);
  CHECK(!budget.exhausted());
  step_budget other(1'000'000);
  CHECK(treadmill::equal_json(a, b, order, other) == (result == 0));
  return sign(result);
}

/// Each value is smaller than all that follow it.
void check_ascending(const std::vector<std::string>& values, collation order) {
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = 0; j < values.size(); ++j) {
      CAPTURE(values[i]);
      CAPTURE(values[j]);
      CHECK(compare(values[i], values[j], order) == (i < j ? -1 : i > j ? 1 : 0));
    }
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

} // namespace

TEST_CASE("values sort by type, then by value, as CouchDB sorts the keys of a view") {
  check_ascending({"null",
                   "false",
                   "true",
                   "-2",
                   "0",
                   "0.5",
                   "1",
                   "2",
                   "10",
                   R"("")",
                   R"("a")",
                   R"("A")",
                   R"("aa")",
                   R"("b")",
                   R"("B")",
                   R"("ba")",
                   "[]",
                   R"(["a"])",
                   R"(["b"])",
                   R"(["b","c"])",
                   R"(["b","c","a"])",
                   R"(["b","d"])",
                   "[[]]",
                   "{}",
                   R"({"a":1})",
                   R"({"a":2})",
                   R"({"b":1})",
                   R"({"b":2})",
                   R"({"b":2,"a":1})",
                   R"({"b":2,"c":2})"},
                  collation::unicode);
}

TEST_CASE("the raw order has other ranks of types, and the order of code points") {
  check_ascending({"-1", "1", "false", "null", "true", "{}", R"({"B":1})", R"({"a":"a"})", "[]",
                   R"(["B"])", R"(["a"])", R"("")", R"("B")", R"("a")", "\"\xc3\xa9\"",
                   "\"\xef\xbf\xbf\"", "\"\xf0\x90\x80\x80\""},
                  collation::raw);
}

TEST_CASE("strings compare by ICU's root collation") {
  check_ascending({R"("_")", R"("-")", R"("@")", R"("`")", R"("^")", R"("1")", R"("a")", R"("A")",
                   "\"\xc3\xa1\"", R"("az")", "\"\xc3\xa1z\"", R"("B")", R"("o")", "\"\xc3\xb6\"",
                   R"("z")", "\"\xd0\xb6\"", "\"\xef\xbf\xbf\""},
                  collation::unicode);
}

TEST_CASE("strings that ICU considers equal are equal, their raw order tells them apart") {
  const std::string composed = "\"\xc3\xa9\"";    // é
  const std::string decomposed = "\"e\xcc\x81\""; // e and an accent
  CHECK(compare(composed, decomposed) == 0);
  CHECK(compare(composed, decomposed, collation::raw) == 1);
  CHECK(compare(R"("a\u0000")", R"("a")") == 0);
  CHECK(compare(R"("a\u0000")", R"("a")", collation::raw) == 1);
  CHECK(compare("\"a\x7f\"", R"("a")") == 0);
}

TEST_CASE("escapes are compared as the characters that they are") {
  CHECK(compare(R"("\"")", R"("a")") == -1);
  CHECK(compare(R"("\n")", R"("!")") == -1);
  CHECK(compare(R"("a\\")", R"("a")") == 1);
  CHECK(compare(R"("\u001f")", R"(" ")", collation::raw) == -1);
  CHECK(compare(R"({"\n":1})", R"({"a":1})") == -1);
}

TEST_CASE("printable ASCII strings are equal under ICU only if their bytes are") {
  for (char a = ' '; a < '\x7f'; ++a)
    for (char b = ' '; b < '\x7f'; ++b) {
      const auto stored = [](char c) {
        const std::string json = c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
        return "\"x" + json + "y\"";
      };
      CHECK((compare(stored(a), stored(b)) == 0) == (a == b));
    }
}

TEST_CASE("numbers compare by their exact values, however they are written and however long") {
  check_ascending({"-1e+400",
                   "-100000000000000000000000000000000000000001",
                   "-100000000000000000000000000000000000000000",
                   "-9223372036854775809",
                   "-9223372036854775808",
                   "-1.5",
                   "-1",
                   "0",
                   "5e-324",
                   "0.1",
                   "1",
                   "1e+05",
                   "9007199254740992",
                   "9007199254740993",
                   "9007199254740994",
                   "18446744073709551615",
                   "18446744073709551616",
                   "18446744073709551617",
                   "1e+22",
                   "10000000000000000000001",
                   "1.7976931348623157e+308",
                   std::string("2") + repeated("0", 308),
                   std::string("2") + repeated("0", 307) + "12",
                   std::string("1") + repeated("0", 5000)},
                  collation::unicode);
  CHECK(compare("0", "-0") == 0);
  CHECK(compare("1e+05", "100000") == 0);
  CHECK(compare("1e+22", "10000000000000000000000") == 0);
  CHECK(compare("1.8446744073709552e+19", "18446744073709551616") == 0);
}

TEST_CASE("bytes that are no stored form have an order, and comparing them ends") {
  const std::vector<std::string> texts{"",       "{",       "[",        "}",         "]",
                                       ",",      ":",       "\"",       "[[[",       "[1",
                                       "{\"a\"", "{\"a\":", "-",        "1e",        "\"\\",
                                       "[,]",    "{:1}",    "{\"a\"}",  "[\"a\":1]", "x",
                                       "1 2",    "\"a\":1", "\"\xff\"", "[1}",       "{\"a\":1]"};
  for (const auto& a : texts)
    for (const auto& b : texts) {
      step_budget budget(10'000);
      const int order = treadmill::compare_json(a, b, collation::unicode, budget);
      step_budget again(10'000);
      CHECK(sign(order) == -sign(treadmill::compare_json(b, a, collation::unicode, again)));
      CHECK(!budget.exhausted());
    }
}

TEST_CASE("values nested a million deep are compared without recursion") {
  const auto a = repeated("[", 1'000'000) + "1" + repeated("]", 1'000'000);
  const auto b = repeated("[", 1'000'000) + "2" + repeated("]", 1'000'000);
  step_budget budget(10'000'000);
  CHECK(treadmill::compare_json(a, b, collation::unicode, budget) < 0);
}

TEST_CASE("a comparison stops once its budget is exhausted") {
  const auto a = "[" + repeated("1,", 10'000) + "1]";
  const auto b = "[" + repeated("1,", 10'000) + "2]";
  step_budget budget(1000);
  CHECK(treadmill::compare_json(a, b, collation::unicode, budget) == 0);
  CHECK(budget.exhausted());
}

TEST_CASE("long runs of combining marks, for which ICU takes the square of their length, cost it") {
  // U+0F71 begins contractions, and ICU looks for their rest behind all marks that follow.
  const auto marks = repeated("\xe0\xbd\xb1", 100'000) + repeated("\xcc\x9b", 100'000);
  step_budget budget(10'000'000);
  const std::clock_t begun = std::clock();
  treadmill::compare_json("\"a" + marks + "\"", "\"A" + marks + "\"", collation::unicode, budget);
  CHECK(budget.exhausted());
  CHECK(std::clock() - begun < 10 * CLOCKS_PER_SEC);
  step_budget other(10'000'000);
  const auto word = repeated("a\xcc\x81", 10'000); // ordinary text with accents is cheap
  CHECK(treadmill::compare_json("\"" + word + "\"", "\"" + word + "b\"", collation::unicode,
                                other) < 0);
  CHECK(!other.exhausted());
}

TEST_CASE("threads compare at the same time") {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&wrong] {
      for (int round = 0; round < 2000; ++round) {
        step_budget budget(1'000'000);
        if (treadmill::compare_json("\"\xc3\xa9t\xc3\xa9\"", R"("etez")", collation::unicode,
                                    budget) >= 0)
          ++wrong;
        if (treadmill::compare_json("\"\xe0\xb9\x80\xe0\xb8\x81\"", "\"\xe0\xb8\x82\"",
                                    collation::unicode, budget) >= 0)
          ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("the version names ICU and its collation") {
  CHECK(treadmill::collation_version().find(' ') != std::string::npos);
}
