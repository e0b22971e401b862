#include "storage/json/json.hpp"
#include "storage/selector/selector.hpp"
#include "tests/property/seed.hpp"
#include "tests/unit/storage/selector/naive_selector.hpp"
#include <random>

using treadmill::selector;
using treadmill::selector_matcher;

namespace {

/// Random documents and selectors from few names and few values, so that they often meet.
class generator {
public:
  explicit generator(uint64_t seed) : random_(seed) {}

  std::string value(int depth) {
    static constexpr const char* scalars[] = {
        "null", "false", "true",   "0",      "1",      "-3",           "2.5",     "7",
        "14",   R"("")", R"("a")", R"("B")", R"("b")", "\"\xc3\xa4\"", R"("ab")", "\"a\xcc\x88\""};
    const auto kind = depth > 0 ? below(5) : 2;
    if (kind == 0) return list([&] { return value(depth - 1); }, '[', ']');
    if (kind == 1) return object(depth, true);
    return scalars[below(std::size(scalars))];
  }

  /// `inner`: not the document itself, whose `_id` is not a member of its body.
  std::string object(int depth, bool inner) {
    std::string out = "{";
    for (const std::string_view each : {"b", "a", "c.d", "0", "_id"}) {
      if (below(2) == 0 || (each == "_id" && !inner)) continue;
      out += (out.size() > 1 ? ",\"" : "\"") + std::string(each) + "\":" + value(depth - 1);
    }
    return out + "}";
  }

  /// `top`: of the document itself, where a condition needs a field.
  std::string condition(int depth, bool top) {
    if (!top && below(8) == 0) return value(1);
    std::string out = "{";
    const auto members = below(6) == 0 ? 2 + below(2) : 1;
    for (size_t i = 0; i < members; ++i) {
      auto [name, argument] = member(depth, top);
      if (out.find("\"" + name + "\":") != std::string::npos) continue;
      out += (i > 0 ? ",\"" : "\"") + name + "\":" + argument;
    }
    return out + "}";
  }

private:
  size_t below(size_t bound) { return random_() % bound; }

  template<typename Make>
  std::string list(Make make, char open, char close) {
    std::string out(1, open);
    for (size_t size = below(4); size > 0; --size) out += make() + (size > 1 ? "," : "");
    return out + close;
  }

  std::string values() {
    if (below(12) != 0) return list([&] { return value(2); }, '[', ']');
    std::string out = "[";
    for (int i = 0; i < 12; ++i) out += value(1) + ",";
    return out + "null]";
  }

  std::pair<std::string, std::string> member(int depth, bool top) {
    static constexpr const char* fields[] = {"a",         "b",   "c\\\\.d", "a.b", "a.0", "b.a.0",
                                             "b.c\\\\.d", "_id", "a._id",   "0",   "b.1", "_rev"};
    const auto kind = below(top ? 5 : 10);
    if (depth > 0 && kind == 0) {
      static constexpr const char* combining[] = {"$and", "$or", "$nor"};
      return {combining[below(3)], list([&] { return condition(depth - 1, top); }, '[', ']')};
    }
    if (depth > 0 && kind == 1) return {"$not", nonempty(depth - 1, top)};
    if (top || kind < 5) return {fields[below(std::size(fields))], condition(depth - 1, false)};
    return simple(depth);
  }

  /// An object, as `$not` and so on want it.
  std::string nonempty(int depth, bool top) {
    for (;;)
      if (auto made = condition(depth, top); made.starts_with('{')) return made;
  }

  std::pair<std::string, std::string> simple(int depth) {
    static constexpr const char* comparing[] = {"$lt", "$lte", "$eq", "$ne", "$gte", "$gt"};
    static constexpr const char* types[] = {"null",   "boolean", "number",
                                            "string", "array",   "object"};
    static constexpr const char* expressions[] = {"^a", "b$", "", "^$", "a.?b"};
    static constexpr const char* elements[] = {"$elemMatch", "$allMatch", "$keyMapMatch"};
    switch (below(depth > 0 ? 13 : 10)) {
    case 0: return {below(2) == 0 ? "$in" : "$nin", values()};
    case 1: return {"$all", values()};
    case 2: return {"$exists", below(2) == 0 ? "true" : "false"};
    case 3: return {"$type", '"' + std::string(types[below(6)]) + '"'};
    case 4: return {"$size", std::to_string(below(4))};
    case 5:
      return {"$mod", "[" + std::to_string(1 + below(7)) + ',' + std::to_string(below(3)) + ']'};
    case 6: return {"$regex", '"' + std::string(expressions[below(5)]) + '"'};
    case 7: return {"$beginsWith", below(2) == 0 ? R"("a")" : R"("")"};
    case 8:
    case 9: return {comparing[below(6)], value(2)};
    default: return {elements[below(3)], nonempty(depth - 1, false)};
    }
  }

  std::mt19937_64 random_;
};

} // namespace

TEST_CASE("random selectors match the same random documents as a plain second implementation") {
  generator make(property_seed("selector_model"));
  size_t matching = 0;
  size_t answers = 0;
  for (int round = 0; round < 1500; ++round) {
    const auto text = treadmill::stored_form(make.condition(4, true)).value();
    const auto parsed = selector::parse(text);
    if (!parsed && parsed.error().reason.find("missing a field name") != std::string::npos)
      continue;
    REQUIRE_MESSAGE(parsed, text << ": " << parsed.error().reason);
    selector_matcher matcher(*parsed);
    for (int document = 0; document < 8; ++document) {
      const auto stored = treadmill::stored_form(make.object(4, false)).value();
      const std::string id = document % 2 == 0 ? "a" : "B";
      const auto whole = R"({"_id":")" + id + R"(","_rev":"1-abc")" + (stored == "{}" ? "" : ",") +
                         stored.substr(1);
      const auto answer = matcher.matches({stored, id, "1-abc"});
      REQUIRE_MESSAGE(answer, text);
      CAPTURE(text);
      CAPTURE(whole);
      REQUIRE(*answer == naive_selector::matches(text, whole));
      ++answers;
      matching += *answer ? 1 : 0;
    }
  }
  // Neither answer is rare, else little was compared.
  CHECK(matching > answers / 20);
  CHECK(matching < answers - answers / 20);
}
