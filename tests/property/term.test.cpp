#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include "tests/property/random_json.hpp"
#include "tests/property/seed.hpp"
#include <string>
#include <vector>

namespace {

int sign(int order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

std::string stored(const json_value& value) {
  std::string text;
  write(text, value);
  return treadmill::stored_form(text).value();
}

std::string term(std::string_view text) {
  std::string out;
  REQUIRE(treadmill::append_term(out, text));
  return out;
}

} // namespace

TEST_CASE("the order of terms is the order of values") {
  std::mt19937_64 random(property_seed("term.order"));
  int equal = 0;
  for (int round = 0; round < 60000; ++round) {
    auto a = random_value(random, 3);
    auto b = random() % 3 == 0 ? changed(random, a) : random_value(random, 3);
    const auto a_text = stored(a);
    const auto b_text = stored(b);
    const auto a_term = term(a_text);
    const auto b_term = term(b_text);
    const int order = compare(a, b);
    INFO(a_text << " and " << b_text);
    REQUIRE(sign(a_term.compare(b_term)) == sign(order));
    if (order != 0) REQUIRE(b_term.substr(0, a_term.size()) != a_term);
    equal += order == 0;
  }
  CHECK(equal > 500);
}

TEST_CASE("the order of terms of long integers and doubles is that of their digits") {
  std::mt19937_64 random(property_seed("term.long_integers"));
  int equal = 0;
  for (int round = 0; round < 60000; ++round) {
    json_value a;
    a.is = json_value::type::number;
    a.of_number = random_number(random);
    auto b = a;
    if (random() % 2 == 0)
      b = changed(random, a);
    else
      b.of_number = random_number(random);
    if (b.is != json_value::type::number) continue;
    const auto a_text = stored(a);
    const auto b_text = stored(b);
    const int order = compare(a, b);
    INFO(a_text << " and " << b_text);
    REQUIRE(sign(term(a_text).compare(term(b_text))) == sign(order));
    equal += order == 0;
  }
  CHECK(equal > 500);
}

TEST_CASE("a value's term gives back that value, and the same term again") {
  std::mt19937_64 random(property_seed("term.round_trip"));
  for (int round = 0; round < 30000; ++round) {
    const auto text = stored(random_value(random, 4));
    auto bytes = term(text);
    const auto size = bytes.size();
    bytes += "more";
    std::string_view in = bytes;
    std::string back;
    REQUIRE(treadmill::take_term(back, in));
    REQUIRE(in == "more");
    INFO(text << " came back as " << back);
    REQUIRE(treadmill::stored_form(back).value() == back);
    REQUIRE(term(back) == bytes.substr(0, size));
  }
}
