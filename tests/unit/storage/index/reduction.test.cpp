#include "storage/base/coding.hpp"
#include "storage/index/block_tree.hpp"
#include "storage/index/partial_result.hpp"
#include "tests/unit/storage/index/local_index.hpp"
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

using namespace std::string_literals;

namespace treadmill {
namespace {

constexpr reduction all_built_in[] = {reduction::count,
                                      reduction::sum,
                                      reduction::min,
                                      reduction::max,
                                      reduction::avg,
                                      reduction::stats,
                                      reduction::approx_count_distinct};

void add(partial_result& partial, const std::string& id, std::string_view value,
         std::string_view key = "1") {
  const std::string term = tests::term_of(key);
  const std::string suffix = row_suffix(term, id, 0);
  REQUIRE(partial.add(*index_row::decode(suffix, value)));
}

std::string json(const partial_result& partial) {
  std::string text;
  const auto done = partial.append_json(text);
  return done ? text : to_string(done.error().code).data();
}

std::string reduced(reduction how, const std::vector<std::string>& values) {
  partial_result partial(how);
  for (const std::string& value : values) add(partial, "d", value);
  const auto again = partial_result::decode(how, partial.encode());
  REQUIRE(again);
  CHECK(json(*again) == json(partial));
  return json(partial);
}

} // namespace

TEST_CASE("built-in reductions have their names; any other text is a function") {
  CHECK(builtin_reduction("_sum") == reduction::sum);
  CHECK(builtin_reduction("_approx_count_distinct") == reduction::approx_count_distinct);
  CHECK(!builtin_reduction("_median"));
  CHECK(!builtin_reduction(""));
  CHECK(reduction_of("") == reduction::none);
  CHECK(reduction_of("_stats") == reduction::stats);
  CHECK(reduction_of("(k, v, r) => 1") == reduction::javascript);
}

TEST_CASE("no rows reduce to zeros and nulls") {
  CHECK(reduced(reduction::count, {}) == "0");
  CHECK(reduced(reduction::sum, {}) == "0");
  CHECK(reduced(reduction::min, {}) == "null");
  CHECK(reduced(reduction::max, {}) == "null");
  CHECK(reduced(reduction::avg, {}) == "null");
  CHECK(reduced(reduction::stats, {}) == R"({"sum":0,"count":0,"min":null,"max":null,"sumsqr":0})");
  CHECK(reduced(reduction::approx_count_distinct, {}) == "0");
}

TEST_CASE("numbers are added, and shown as integers where they are") {
  CHECK(reduced(reduction::sum, {"100000", "-1", "0.5", "0.5"}) == "100000");
  CHECK(reduced(reduction::sum, {"9007199254740991", "1"}) == "9007199254740992");
  CHECK(reduced(reduction::sum, {"0.1", "0.2"}) == "0.30000000000000004");
  CHECK(reduced(reduction::sum, {"1e+300", "1"}) == "1e+300");
  CHECK(reduced(reduction::sum, {"1.7e+308", "1.7e+308"}) == "null");
  CHECK(reduced(reduction::sum, {"-0"}) == "0");
  CHECK(reduced(reduction::avg, {"1", "2"}) == "1.5");
  CHECK(reduced(reduction::stats, {"2", "-3", "1"}) ==
        R"({"sum":0,"count":3,"min":-3,"max":2,"sumsqr":14})");
  CHECK(reduced(reduction::count, {"null", "[]", "7"}) == "3");
}

TEST_CASE("the least and the greatest are of any values, in the order of terms") {
  CHECK(reduced(reduction::min, {"3", "-1.5", "7"}) == "-1.5");
  CHECK(reduced(reduction::max, {"3", "18446744073709551615", "7"}) == "18446744073709551615");
  CHECK(reduced(reduction::max, {"3", R"("a")", R"([1,{"b":null}])"}) == R"([1,{"b":null}])");
  CHECK(reduced(reduction::min, {"3", R"("a")", "null"}) == "null");
}

TEST_CASE("a value that is no number is told with the first document that has one") {
  for (const reduction how : {reduction::sum, reduction::avg, reduction::stats}) {
    partial_result partial(how);
    add(partial, "good", "1");
    partial_result next(how);
    add(next, "bad", R"("1")");
    add(next, "worse", "null");
    add(next, "fine", "1");
    partial.merge(next);
    partial_result last(how);
    add(last, "late", "[1]");
    partial.merge(last);
    CHECK(partial.offender() == "bad");
    CHECK(json(partial) == "bad_reduce");
    const auto again = partial_result::decode(how, partial.encode());
    REQUIRE(again);
    CHECK(again->offender() == "bad");
    std::string text;
    CHECK(partial.append_json(text).error().reason.find("the document bad has") !=
          std::string::npos);
  }
}

TEST_CASE("the value of a returning map is its term") {
  partial_result sum(reduction::sum);
  add(sum, "a", "", "2.5");
  add(sum, "b", "", "-1");
  CHECK(json(sum) == "1.5");
  partial_result max(reduction::max);
  add(max, "a", "", R"("x")");
  add(max, "b", "", "1");
  CHECK(json(max) == R"("x")");
}

TEST_CASE("distinct keys are counted to a few percent, in any order and division") {
  for (const int distinct : {1, 10, 100, 1000, 5000, 20'000, 100'000}) {
    partial_result whole(reduction::approx_count_distinct);
    partial_result odd(reduction::approx_count_distinct);
    partial_result even(reduction::approx_count_distinct);
    for (int i = distinct; i-- > 0;) {
      const std::string key = std::to_string(i);
      add(whole, "d", "null", key);
      add(i % 2 == 0 ? even : odd, "d", "null", key);
    }
    even.merge(odd);
    even.merge(whole);
    CHECK(json(even) == json(whole));
    const double shown = std::stod(json(whole));
    CAPTURE(distinct);
    CAPTURE(shown);
    CHECK(std::fabs(shown - distinct) <= distinct * 3 * 0.023 + 0.5);
    CHECK(json(partial_result::decode(reduction::approx_count_distinct, whole.encode()).value()) ==
          json(whole));
  }
}

TEST_CASE("any bytes are a partial result or corrupt") {
  for (const reduction how : all_built_in) {
    partial_result partial(how);
    add(partial, "d", "7");
    const std::string bytes = partial.encode();
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto cut = partial_result::decode(how, std::string_view(bytes).substr(0, size));
      if (!cut) CHECK(cut.error().code == ec::corrupt);
    }
    CHECK(!partial_result::decode(how, bytes + "\x7f"));
    CHECK(!partial_result::decode(how, ""));
  }
  CHECK(!partial_result::decode(reduction::sum, "\2"s + "\1"));
  CHECK(!partial_result::decode(reduction::approx_count_distinct, "\1"s + "\2"));
  CHECK(!partial_result::decode(reduction::approx_count_distinct, "\1"s + '\0' + "\1\x37"));
}

TEST_CASE("the hash that divides blocks never changes") {
  CHECK(block_tree::hash("") == 0xefd01f60ba992926U);
  CHECK(block_tree::hash("a") == 0x82a2a958a9bece5bU);
}

} // namespace treadmill
