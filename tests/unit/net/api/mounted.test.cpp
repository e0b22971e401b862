#include "net/api/mounted.hpp"
#include <doctest/doctest.h>

using treadmill::api::below;

TEST_CASE("a request below a prefix has the rest of its path, and keeps its target") {
  treadmill::http::request request;
  const auto path = [&](std::string_view whole) {
    request.path = request.target = whole;
    const auto found = below(request, "/_couch");
    if (found) CHECK(found->target == whole);
    return found ? found->path : std::string_view("none");
  };
  CHECK(path("/_couch") == "/");
  CHECK(path("/_couch/") == "/");
  CHECK(path("/_couch/d/a%2Fb") == "/d/a%2Fb");
  CHECK(path("/_couch//") == "//");
  CHECK(path("/_couchdb/d") == "none");
  CHECK(path("/_Couch/d") == "none");
  CHECK(path("/d/_couch") == "none");
  CHECK(path("*") == "none");
}
