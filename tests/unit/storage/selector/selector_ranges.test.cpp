#include "storage/selector/selector.hpp"
#include "tests/unit/storage/selector/matching.hpp"
#include <algorithm>
#include <random>

using treadmill::collation;
using treadmill::field_range;
using treadmill::index_ranges;
using treadmill::selector;
using treadmill::value_range;

namespace {

/// For example `a.b:[1,5) a:("x",)`.
std::string ranges(std::string_view text) {
  const auto parsed = selector::parse(treadmill::stored_form(text).value());
  REQUIRE(parsed);
  std::string out;
  for (const field_range& field : index_ranges(*parsed)) {
    if (!out.empty()) out += ' ';
    for (const auto& name : field.path) out += (&name == field.path.data() ? "" : ".") + name;
    out += field.order == collation::raw ? "=" : ":";
    for (const value_range& range : field.ranges) {
      out += range.low_included ? '[' : '(';
      out += range.low.value_or("") + ',' + range.high.value_or("");
      out += range.high_included ? ']' : ')';
    }
  }
  return out;
}

} // namespace

TEST_CASE("comparisons of the top-level conjunction are ranges of their fields") {
  CHECK(ranges("{}") == "");
  CHECK(ranges(R"({"a":1})") == "a:[1,1]");
  CHECK(ranges(R"({"a":{"$gt":1,"$lte":"x"}})") == R"(a:(1,"x"])");
  CHECK(ranges(R"({"a":{"$gte":1},"b.c":{"$lt":2}})") == "a:[1,] b.c:[,2)");
  CHECK(ranges(R"({"$and":[{"a":{"$gt":1}},{"$and":[{"a":{"$gt":3}},{"b":2}]}]})") ==
        "a:(3,] b:[2,2]");
  CHECK(ranges(R"({"_id":{"$gt":"m"}})") == R"(_id=("m",])");
  CHECK(ranges(R"({"a\\.b":1})") == "a.b:[1,1]");
}

TEST_CASE("ranges of one field intersect, and may leave nothing") {
  CHECK(ranges(R"({"a":{"$gt":1,"$gte":1}})") == "a:(1,]");
  CHECK(ranges(R"({"a":{"$gte":1,"$gt":1}})") == "a:(1,]");
  CHECK(ranges(R"({"a":{"$lt":1,"$lte":1}})") == "a:[,1)");
  CHECK(ranges(R"({"a":{"$lte":1,"$lt":1}})") == "a:[,1)");
  CHECK(ranges(R"({"$and":[{"a":1},{"a":2}]})") == "a:");
  CHECK(ranges(R"({"a":{"$gt":1,"$lt":1}})") == "a:");
  CHECK(ranges(R"({"a":{"$gte":1,"$lt":1}})") == "a:");
  CHECK(ranges(R"({"a":{"$eq":1,"$gt":0,"$lt":"x"}})") == "a:[1,1]");
}

TEST_CASE("$in is its values and all arrays, since it looks at their elements") {
  CHECK(ranges(R"({"a":{"$in":[3,1,"x",1,{},[5]]}})") == R"(a:[1,1][3,3]["x","x"][[],{})[{},{}])");
  CHECK(ranges(R"({"a":{"$in":[3,1,"x"],"$lt":"a"}})") == "a:[1,1][3,3]");
  CHECK(ranges(R"({"_id":{"$in":["b","B"]}})") == R"(_id=["B","B"]["b","b"])");
  CHECK(ranges(R"({"a":{"$in":[]}})") == "a:[[],{})");
}

TEST_CASE("operators of one type are the range of the type; others only want the field") {
  CHECK(ranges(R"({"a":{"$type":"number"}})") == R"(a:(true,""))");
  CHECK(ranges(R"({"a":{"$type":"string","$gt":"m"}})") == R"(a:("m",[]))");
  CHECK(ranges(R"({"a":{"$type":"none such"}})") == "a:");
  CHECK(ranges(R"({"a":{"$regex":"x"},"b":{"$beginsWith":"y"}})") == R"(a:["",[]) b:["",[]))");
  CHECK(ranges(R"({"a":{"$size":1},"b":{"$elemMatch":{"$eq":1}},"c":{"$all":[1]}})") ==
        "a:[[],{}) b:[[],{}) c:[[],{})");
  CHECK(ranges(R"({"a":{"$keyMapMatch":{"$eq":"x"}},"b":{"$mod":[2,1]}})") ==
        R"(a:[{},] b:(true,""))");
  CHECK(
      ranges(R"({"a":{"$ne":1},"b":{"$exists":true},"c":{"$nin":[1]},"d":{"$not":{"$size":1}}})") ==
      "a:[,] b:[,] c:[,] d:[,]");
}

TEST_CASE("what may be missing, or is one of several, gives no range") {
  CHECK(ranges(R"({"a":{"$exists":false}})") == "");
  CHECK(ranges(R"({"$or":[{"a":1},{"a":2}]})") == "");
  CHECK(ranges(R"({"$nor":[{"a":1}],"b":1})") == "a:[,] b:[1,1]");
  CHECK(ranges(R"({"$not":{"a":{"$lt":1}}})") == "a:[1,]");
  CHECK(ranges(R"({"$gt":1,"$lt":2})") == "");
}

TEST_CASE("a document that matches has its fields in the ranges") {
  const char* values[] = {"null", "false", "true",     "0",      "1",
                          "2.5",  "3",     R"("")",    R"("a")", R"("b")",
                          "[]",   "[1]",   R"(["a"])", "{}",     R"({"k":1})"};
  const char* operators[] = {"$lt", "$lte", "$eq",  "$ne",   "$gte",
                             "$gt", "$in",  "$nin", "$size", "$type"};
  std::mt19937 random(1444);
  const auto value = [&] { return std::string(values[random() % std::size(values)]); };
  for (int round = 0; round < 3000; ++round) {
    std::string text = R"({"a":{)";
    for (const char* name : operators) {
      if (random() % 4 != 0) continue;
      if (text.back() != '{') text += ',';
      text += '"' + std::string(name) + "\":";
      const bool list = name == std::string("$in") || name == std::string("$nin");
      if (list)
        text += '[' + value() + ',' + value() + ',' + value() + ']';
      else if (name == std::string("$size"))
        text += std::to_string(random() % 3);
      else if (name == std::string("$type"))
        text += random() % 2 == 0 ? R"("number")" : R"("array")";
      else
        text += value();
    }
    text += random() % 2 == 0 ? R"(},"b":1})" : "}}";
    const auto parsed = selector::parse(text);
    REQUIRE_MESSAGE(parsed, text);
    const auto found = index_ranges(*parsed);
    treadmill::selector_matcher matcher(*parsed);
    for (const char* each : values) {
      const std::string body = R"({"a":)" + std::string(each) + R"(,"b":1})";
      if (!matcher.matches({body, "a", "1-b"}).value()) continue;
      CAPTURE(text);
      CAPTURE(body);
      for (const field_range& field : found) {
        if (field.path.front() != "a") continue;
        treadmill::step_budget budget(100'000);
        const auto order = [&](const std::string& bound) {
          return treadmill::compare_json(each, bound, field.order, budget);
        };
        CHECK(std::any_of(field.ranges.begin(), field.ranges.end(), [&](const value_range& range) {
          if (range.low && order(*range.low) < (range.low_included ? 0 : 1)) return false;
          return !range.high || order(*range.high) < (range.high_included ? 1 : 0);
        }));
      }
    }
  }
}
