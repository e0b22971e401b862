#include "net/http/error_body.hpp"
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <set>

namespace http = treadmill::http;
using treadmill::ec;

TEST_CASE("every error code has a fitting status") {
  const std::set<int> fitting{400, 403, 404, 405, 408, 409, 411, 412, 413,
                              414, 415, 424, 431, 500, 503, 505, 507};
  for (int value = 1; value <= static_cast<int>(treadmill::last_ec); ++value) {
    CAPTURE(value);
    CHECK(fitting.count(http::status_of(static_cast<ec>(value))) == 1);
  }
  CHECK(http::status_of(ec::none) == 200);
  CHECK(http::status_of(static_cast<ec>(255)) == 500);
}

TEST_CASE("statuses that clients act upon are what the protocol says") {
  CHECK(http::status_of(ec::conflict) == 409);
  CHECK(http::status_of(ec::not_found) == 404);
  CHECK(http::status_of(ec::disk_full) == 507);
  CHECK(http::status_of(ec::overloaded) == 503);
  CHECK(http::status_of(ec::ambiguous) == 500);
  CHECK(http::status_of(ec::deadline_exceeded) == 503);
  CHECK(http::status_of(ec::too_large) == 413);
  CHECK(http::status_of(ec::http_version) == 505);
}

TEST_CASE("an error body is one JSON object with status, code word, reason and what is added") {
  const auto body = http::error_body({ec::conflict, "a \"quoted\"\nreason"}, R"(,"rev":"rev1-ab")");
  CHECK(body ==
        R"({"status":"error","error":"conflict","reason":"a \"quoted\"\nreason","rev":"rev1-ab"})");
  for (int value = 0; value <= static_cast<int>(treadmill::last_ec); ++value) {
    rapidjson::Document parsed;
    parsed.Parse(http::error_body({static_cast<ec>(value), "why"}).c_str());
    REQUIRE_FALSE(parsed.HasParseError());
    CHECK(parsed["status"] == "error");
    CHECK(parsed["error"].GetString() == std::string(to_string(static_cast<ec>(value))));
    CHECK(parsed["reason"] == "why");
  }
}

TEST_CASE("an answer that asks to try again says when") {
  const auto retry_after = [](ec code) {
    for (const auto& [name, value] : http::error_response({code, "why"}).headers)
      if (name == "Retry-After") return value;
    return std::string();
  };
  CHECK(retry_after(ec::overloaded) == "1");
  CHECK(retry_after(ec::shutting_down) == "1");
  CHECK(retry_after(ec::conflict).empty());
  CHECK(http::status_of(ec::unavailable) == 503);
  CHECK(retry_after(ec::unavailable).empty()); // nothing changes by itself
  CHECK(retry_after(ec::ambiguous).empty());
  const auto answer = http::error_response({ec::not_found, "missing"});
  CHECK(answer.status == 404);
  CHECK(answer.content_type == "application/json");
}
