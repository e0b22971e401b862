#include "net/api/router.hpp"
#include <array>
#include <doctest/doctest.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace api = treadmill::api;
using api::path_variable;
using api::route;
using api::router;
using api::verb;
using treadmill::ec;
using treadmill::error;

namespace {

constexpr std::array variables{
    path_variable{"bucket", true, ec::bad_bucket, "no bucket"},
    path_variable{"id", false, ec::bad_id, "no id"},
    path_variable{"file"},
};

route row(verb method, std::string_view path) {
  route made;
  made.method = method;
  made.path = path;
  return made;
}

error no_route(std::span<const std::string_view>) { return {ec::not_found, "no route"}; }

api::dialect of(std::span<const route> routes) {
  api::dialect rules;
  rules.routes = routes;
  rules.variables = variables;
  rules.no_route = no_route;
  return rules;
}

const std::vector<route> table{
    row(verb::get, "/"),
    row(verb::get, "/_files/{file}"),
    row(verb::get, "/{bucket}"),
    row(verb::put, "/{bucket}"),
    row(verb::post, "/{bucket}/_bulk"),
    row(verb::get, "/{bucket}/{id}"),
    row(verb::get, "/{bucket}/{id}/parts/{file}"),
    row(verb::get, "/{bucket}/{id}/rest/{file...}"),
    row(verb::copy, "/{bucket}/{id}"),
};

/// "path bucket other other…", or the error's code.
std::string found(std::vector<std::string_view> pieces) {
  const api::dialect rules = of(table);
  const router routes(rules);
  const auto match = routes.find(pieces);
  if (!match) return std::string(to_string(match.error().code));
  std::string text(match->where->path);
  if (!match->values.bucket.empty()) text += " bucket=" + std::string(match->values.bucket);
  for (size_t i = 0; i < match->values.count; ++i)
    text += " " + std::string(match->values.others[i]);
  if (!match->values.rest.empty()) text += " rest=" + match->values.rest;
  return text;
}

} // namespace

TEST_CASE("a path leads to its route, and its open pieces are taken out") {
  CHECK(found({}) == "/");
  CHECK(found({"b"}) == "/{bucket} bucket=b");
  CHECK(found({"b", "d"}) == "/{bucket}/{id} bucket=b d");
  CHECK(found({"b", "d", "parts", "_f"}) == "/{bucket}/{id}/parts/{file} bucket=b d _f");
  CHECK(found({"_files", "b"}) == "/_files/{file} b");
}

TEST_CASE("the last variable of a path may take the rest, with its slashes") {
  const std::string path = "/{bucket}/{id}/rest/{file...} bucket=b d f rest=";
  CHECK(found({"b", "d", "rest", "f"}) == path + "f");
  CHECK(found({"b", "d", "rest", "f", "g/h", "_i", "1", "2", "3", "4", "5"}) ==
        path + "f/g/h/_i/1/2/3/4/5");
  CHECK(found({"b", "d", "rest"}) == "not_found");
  CHECK(found({"_b", "d", "rest", "f"}) == "bad_bucket");
}

TEST_CASE("a path says that it may be copied") {
  const api::dialect rules = of(table);
  const router routes(rules);
  const std::vector<std::string_view> pieces{"b", "d"};
  CHECK(routes.find(pieces)->where->allowed_methods() == "GET, HEAD, COPY, OPTIONS");
}

TEST_CASE("a fixed name goes before a variable") {
  CHECK(found({"b", "_bulk"}) == "/{bucket}/_bulk bucket=b");
  CHECK(found({"_bulk", "_bulk"}) == "bad_bucket");
}

TEST_CASE("what a variable reserves is refused with its reason") {
  CHECK(found({"_b"}) == "bad_bucket");
  CHECK(found({"b", "_d"}) == "bad_id");
}

TEST_CASE("a path that no route has is refused") {
  CHECK(found({"_files"}) == "not_found");
  CHECK(found({"_files", "a", "b"}) == "not_found");
  CHECK(found({"b", "d", "parts"}) == "not_found");
  CHECK(found({"b", "d", "others", "f"}) == "not_found");
  CHECK(found({"b", "_bulk", "x"}) == "not_found");
  CHECK(found({"b", "d", "parts", "f", "g", "h", "i", "j", "k", "l"}) == "not_found");
}

TEST_CASE("a place knows its methods") {
  const api::dialect rules = of(table);
  const router routes(rules);
  const std::array<std::string_view, 1> bucket{"b"};
  const auto match = routes.find(bucket);
  REQUIRE(match);
  CHECK(match->where->of(verb::get) == &table[2]);
  CHECK(match->where->of(verb::put) == &table[3]);
  CHECK(match->where->of(verb::remove) == nullptr);
  CHECK(match->where->allowed_methods() == "GET, HEAD, PUT, OPTIONS");
}

TEST_CASE("a table that contradicts itself is refused at once") {
  const std::vector<route> twice{row(verb::get, "/{bucket}"), row(verb::get, "/{bucket}")};
  const api::dialect same = of(twice);
  CHECK_THROWS_AS(router{same}, std::logic_error);
  const std::vector<route> strange{row(verb::get, "/{unknown}")};
  const api::dialect unknown = of(strange);
  CHECK_THROWS_AS(router{unknown}, std::logic_error);
  const std::vector<route> two_names{row(verb::get, "/{bucket}/{id}"),
                                     row(verb::put, "/{bucket}/{file}")};
  const api::dialect mixed = of(two_names);
  CHECK_THROWS_AS(router{mixed}, std::logic_error);
}
