#include "net/api/parameters.hpp"
#include "net/http/url.hpp"
#include "net/rest/routes.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <string>

namespace http = treadmill::http;
namespace api = treadmill::api;
namespace rest = treadmill::rest;
using treadmill::ec;

TEST_CASE("values of parameters that cannot be are refused and named") {
  const auto routes = rest::native().routes;
  const auto row = std::find_if(routes.begin(), routes.end(),
                                [](const api::route& one) { return one.name == "query_read"; });
  REQUIRE(row != routes.end());
  for (const char* text :
       {"limit=-1",     "limit=10000001",   "limit=abc",      "limit=",
        "skip=-1",      "skip=1e9",         "group_level=-1", "group_level=x",
        "descending=1", "include_docs=yes", "inclusive_end=", "stale=update_after",
        "stale=",       "stale=true",       "reduce=no",      "group=1",
        "feed=normal",  "feed=longpoll",    "feed=",          "since=-1",
        "since=x",      "heartbeat=-1",     "timeout=x",      "timeout=100000000",
        "key=1",        "startkey=1"}) {
    INFO(text);
    const auto checked = api::check_parameters(http::query::parse(text).value(), row->parameters,
                                               api::unknown::refused, {});
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ec::bad_request);
    const std::string name = std::string(text).substr(0, std::string_view(text).find('='));
    CHECK(checked.error().reason.find(name) != std::string::npos);
  }
}
