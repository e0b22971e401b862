#include "net/couch/errors.hpp"
#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>
#include <set>

namespace treadmill {

TEST_CASE("every error of the node has a status and a word of CouchDB's clients") {
  std::set<int> statuses;
  for (int code = 1; code <= static_cast<int>(last_ec); ++code) {
    const auto made = couch::of({static_cast<ec>(code), "why"});
    INFO(code);
    CHECK(made.status >= 400);
    CHECK(made.status < 600);
    CHECK(!made.word.empty());
    CHECK(made.word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    CHECK(!made.reason.empty());
    statuses.insert(made.status);
  }
  for (const int status : {400, 403, 404, 405, 409, 412, 413, 415, 500, 503, 507})
    CHECK(statuses.count(status) == 1);
}

TEST_CASE("errors that clients compare have CouchDB's words") {
  const auto shown = [](ec code) { return couch::error_answer({code, "why"}, {}).body; };
  CHECK(shown(ec::conflict) == R"({"error":"conflict","reason":"Document update conflict."})");
  CHECK(shown(ec::bad_rev) == R"({"error":"bad_request","reason":"Invalid rev format"})");
  CHECK(shown(ec::not_found) == R"({"error":"not_found","reason":"why"})");
  CHECK(shown(ec::bad_id) == R"({"error":"illegal_docid","reason":"why"})");
  CHECK(couch::error_answer({ec::conflict, ""}, R"(,"rev":"1-a")").body ==
        R"({"error":"conflict","reason":"Document update conflict.","rev":"1-a"})");
}

TEST_CASE("an error that may pass says when to try again") {
  const auto has_retry = [](ec code) {
    for (const auto& [name, value] : couch::error_answer({code, "why"}, {}).headers)
      if (name == "Retry-After") return true;
    return false;
  };
  CHECK(has_retry(ec::overloaded));
  CHECK(has_retry(ec::shutting_down));
  CHECK(!has_retry(ec::unavailable));
  CHECK(!has_retry(ec::conflict));
}

} // namespace treadmill
