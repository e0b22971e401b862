#include "tests/unit/net/couch/couch_client.hpp"
#include "tests/unit/net/http/gzip_text.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using treadmill::tests::couch_node;
using treadmill::tests::gzip_text;
using treadmill::tests::header_list;

TEST_CASE("a body may be compressed, within the limit of a body") {
  api::api_options options;
  options.request_bytes = 1000;
  couch_node node(options);
  node.send("PUT", "/db");
  const header_list gzip{{"Content-Encoding", "gzip"}};
  CHECK(node.send("PUT", "/db/a", gzip_text(R"({"n":1})"), gzip).status == 201);
  CHECK(node.get("/db/a").says(R"("n":1})"));
  const auto large = node.send("PUT", "/db/b", gzip_text(std::string(1001, ' ')), gzip);
  CHECK(large.status == 413);
  CHECK(large.code() == "too_large");
  const auto damaged = node.send("PUT", "/db/b", "no gzip", gzip);
  CHECK(damaged.status == 400);
  const auto other = node.send("PUT", "/db/b", "{}", {{"Content-Encoding", "br"}});
  CHECK(other.status == 415);
  CHECK(other.code() == "bad_content_type");
  CHECK(node.sequence("db") == 1);
}

TEST_CASE("pages of allowed origins may send credentials, and others may not come") {
  api::api_options options;
  options.cors_origins = {"https://app.example"};
  couch_node node(options);
  node.send("PUT", "/db");
  const header_list from{{"Origin", "https://app.example"}, {"Host", "h"}};
  const auto preflight = node.send("OPTIONS", "/db/a", "", from);
  CHECK(preflight.status == 204);
  CHECK(preflight.header("Access-Control-Allow-Origin") == "https://app.example");
  CHECK(preflight.header("Access-Control-Allow-Credentials") == "true");
  CHECK(preflight.header("Access-Control-Allow-Methods") ==
        "GET, HEAD, PUT, DELETE, COPY, OPTIONS");
  const std::string allowed = preflight.header("Access-Control-Allow-Headers");
  for (const std::string name :
       {"authorization", "accept", "content-type", "origin", "referer", "destination", "if-match"})
    CHECK_MESSAGE((", " + allowed + ",").find(", " + name + ",") != std::string::npos, name);
  const auto got = node.get("/db", from);
  CHECK(got.status == 200);
  CHECK(got.header("Access-Control-Allow-Origin") == "https://app.example");
  CHECK(got.header("Vary") == "Origin");
  const auto refused = node.get("/db/none", from);
  CHECK(refused.status == 404);
  CHECK(refused.header("Access-Control-Allow-Credentials") == "true");
  const auto stranger = node.get("/db", {{"Origin", "https://other.example"}, {"Host", "h"}});
  CHECK(stranger.status == 403);
  CHECK(stranger.header("Access-Control-Allow-Origin").empty());
}

TEST_CASE(
    "where all origins are allowed, each is answered by its name, since * takes no credentials") {
  api::api_options options;
  options.cors_origins = {"*"};
  couch_node node(options);
  const auto got = node.get("/", {{"Origin", "https://any.example"}, {"Host", "h"}});
  CHECK(got.header("Access-Control-Allow-Origin") == "https://any.example");
  CHECK(got.header("Access-Control-Allow-Credentials") == "true");
}

TEST_CASE("below a prefix, places have it too") {
  couch_node node;
  http::request request;
  request.method = "PUT";
  request.target = "/_couch/db?q=1";
  request.path = "/db";
  request.query = "q=1";
  request.deadline = treadmill::clock::time_point::max();
  std::string place;
  node.interface.handle(request, http::responder([&](http::response&& got) {
                          for (const auto& [name, value] : got.headers)
                            if (name == "Location") place = value;
                        }));
  CHECK(place == "/_couch/db");
}

} // namespace treadmill
