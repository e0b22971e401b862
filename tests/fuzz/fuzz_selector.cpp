#include "storage/json/json.hpp"
#include "storage/selector/selector.hpp"
#include "tests/fuzz/require.hpp"
#include <string>

using treadmill::collation;
using treadmill::step_budget;

namespace {

/// Small enough that a slow step would show as a time-out.
treadmill::selector_limits small() {
  treadmill::selector_limits limits;
  limits.steps = 200'000;
  return limits;
}

/// The order of two stored forms, which must not contradict itself.
int compare(std::string_view a, std::string_view b, collation order) {
  step_budget budget(200'000);
  const int result = treadmill::compare_json(a, b, order, budget);
  const bool exhausted = budget.exhausted();
  step_budget other(200'000);
  const bool equal = treadmill::equal_json(a, b, order, other);
  if (!exhausted && !other.exhausted()) REQUIRE_THAT(equal == (result == 0));
  step_budget back(200'000);
  const int reverse = treadmill::compare_json(b, a, order, back);
  if (!exhausted && !back.exhausted()) REQUIRE_THAT((result < 0) == (reverse > 0));
  return exhausted ? 0 : result;
}

/// Ranges are in order, and do not overlap.
void check_ranges(const treadmill::selector& parsed) {
  for (const auto& field : treadmill::index_ranges(parsed))
    for (size_t i = 1; i < field.ranges.size(); ++i) {
      const auto& before = field.ranges[i - 1];
      const auto& range = field.ranges[i];
      REQUIRE_THAT(before.high && range.low);
      REQUIRE_THAT(compare(*before.high, *range.low, field.order) <= 0);
    }
}

void match(const treadmill::selector& parsed, std::string_view body) {
  treadmill::selector_matcher matcher(parsed);
  const auto answer = matcher.matches({body, "id", "1-a"});
  REQUIRE_THAT(matcher.steps() <= 200'000);
  treadmill::selector_matcher other(parsed);
  const auto again = other.matches({body, "id", "1-a"});
  REQUIRE_THAT(answer.has_value() == again.has_value());
  if (answer) REQUIRE_THAT(*answer == *again);
}

} // namespace

/// A selector and a document, which need not be JSON.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto input = as_text(data, size);
  const auto first = take_first(input);
  const auto text = treadmill::stored_form(first);
  const auto body = treadmill::stored_form(input);
  for (const auto order : {collation::unicode, collation::raw}) {
    step_budget budget(200'000);
    treadmill::compare_json(first, input, order, budget);
    treadmill::equal_json(first, input, order, budget);
    if (text && body) compare(*text, *body, order);
  }
  const auto parsed = treadmill::selector::parse(text ? *text : first, small());
  if (!parsed) {
    REQUIRE_THAT(!parsed.error().reason.empty());
    return 0;
  }
  if (text) check_ranges(*parsed);
  match(*parsed, input);
  if (body) match(*parsed, *body);
  return 0;
}
