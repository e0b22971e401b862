#pragma once
#include "storage/json/json.hpp"
#include "storage/selector/selector.hpp"
#include <doctest/doctest.h>
#include <string>
#include <string_view>

namespace treadmill::test {

/// Whether a document with this body matches, both texts written as a client would.
inline bool matches(std::string_view selector_text, std::string_view body,
                    std::string_view id = "an-id") {
  const auto stored = stored_form(selector_text);
  const auto document = stored_form(body);
  REQUIRE(stored);
  REQUIRE(document);
  const auto parsed = selector::parse(*stored);
  REQUIRE_MESSAGE(parsed, selector_text);
  const auto answer = selector_matcher(*parsed).matches({*document, id, "1-abc"});
  REQUIRE_MESSAGE(answer, answer.error().reason);
  return *answer;
}

/// Whether a document whose member `x` has this value matches `{"x":condition}`.
inline bool holds(std::string_view condition, std::string_view value) {
  return matches(R"({"x":)" + std::string(condition) + '}', R"({"x":)" + std::string(value) + '}');
}

/// Why a selector is refused; empty if it is not.
inline std::string refusal(std::string_view selector_text, const selector_limits& limits = {}) {
  const auto stored = stored_form(selector_text);
  REQUIRE(stored);
  const auto parsed = selector::parse(*stored, limits);
  return parsed ? "" : parsed.error().reason;
}

} // namespace treadmill::test
