#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>

using treadmill::api::api_options;
using treadmill::tests::header_list;
using treadmill::tests::rest_node;

TEST_CASE("every known path says which methods it takes") {
  rest_node node;
  const std::vector<std::pair<std::string, std::string>> paths{
      {"/", "GET, HEAD, OPTIONS"},
      {"/_system", "GET, HEAD, OPTIONS"},
      {"/_system/buckets", "GET, HEAD, OPTIONS"},
      {"/_system/health", "GET, HEAD, OPTIONS"},
      {"/_system/ready", "GET, HEAD, OPTIONS"},
      {"/_system/metrics", "GET, HEAD, OPTIONS"},
      {"/_system/openapi.json", "GET, HEAD, OPTIONS"},
      {"/_system/compact", "GET, HEAD, POST, OPTIONS"},
      {"/_console", "GET, HEAD, OPTIONS"},
      {"/_console/console.css", "GET, HEAD, OPTIONS"},
      {"/b", "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
      {"/b/", "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
      {"/b/_bulk", "POST, OPTIONS"},
      {"/b/_get", "POST, OPTIONS"},
      {"/b/_documents", "GET, HEAD, OPTIONS"},
      {"/b/_conflicts", "GET, HEAD, OPTIONS"},
      {"/b/_activity", "GET, HEAD, OPTIONS"},
      {"/b/_query", "GET, HEAD, POST, OPTIONS"},
      {"/b/_query/q", "GET, HEAD, POST, DELETE, OPTIONS"},
      {"/b/d", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"}};
  for (const auto& row : paths) {
    const auto& path = row.first;
    const auto& methods = row.second;
    INFO(path);
    const auto options = node.send("OPTIONS", path);
    CHECK(options.status == 204);
    CHECK(options.body.empty());
    CHECK(options.header("Allow") == methods);
    CHECK(options.route == "options");
    for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get"}) {
      if ((", " + methods + ",").find(", " + method + ",") != std::string::npos) continue;
      if (path == "/_system" && (method == "POST" || method == "PUT" || method == "DELETE"))
        continue; // a reserved name, tested below
      const auto refused = node.send(method, path);
      CHECK(refused.status == 405);
      CHECK(refused.code() == "method_not_allowed");
      CHECK(refused.header("Allow") == methods);
      CHECK(refused.route == "other");
    }
  }
}

TEST_CASE("OPTIONS of the whole server is answered, with all methods, and of nothing else") {
  rest_node node;
  const auto answer = node.send("OPTIONS", "*");
  CHECK(answer.status == 204);
  CHECK(answer.body.empty());
  CHECK(answer.header("Allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  CHECK(answer.route == "options");
}

TEST_CASE("calls that need a body say what is wrong with an empty one, and those that need none do "
          "without") {
  rest_node node;
  CHECK(node.send("PUT", "/b").status == 201);
  CHECK(node.send("POST", "/_system/compact").status == 200);
  const std::pair<std::string, std::string> calls[] = {
      {"POST", "/b"},          {"PUT", "/b/d"},           {"PATCH", "/b/d"},
      {"POST", "/b/_bulk"},    {"POST", "/b/_get"},       {"POST", "/b/_query"},
      {"POST", "/b/_query/q"}, {"POST", "/_system/peers"}};
  for (const auto& [method, path] : calls) {
    INFO(method << ' ' << path);
    const auto refused = node.send(method, path);
    CHECK(refused.status == 400);
    CHECK(refused.code() == "bad_json");
  }
}

TEST_CASE("paths that name nothing are 404 and say so in JSON") {
  rest_node node;
  for (const std::string path : {"/_system/nothing", "/_system/peers/box2/x", "/_console/a/b",
                                 "/b/_query/name/x", "/b/_queries/x", "/b/a/b", "/a/b/c/d/e/f"}) {
    INFO(path);
    for (const std::string method : {"GET", "POST", "OPTIONS"}) {
      const auto refused = node.send(method, path);
      CHECK(refused.status == 404);
      CHECK(refused.code() == "not_found");
      CHECK(refused.content_type == "application/json");
    }
  }
}

TEST_CASE("reserved and malformed names of buckets are refused") {
  rest_node node;
  for (const std::string name : {"_system", "_x", "A", "a%20b", "%C3%A9", "-a", "a%2Fb", "%00"}) {
    INFO(name);
    CHECK(node.send("PUT", "/" + name).code() == "bad_bucket");
    CHECK(node.send("POST", "/" + name, "{}").code() == "bad_bucket");
  }
  CHECK(node.send("PUT", "/" + std::string(129, 'a')).code() == "bad_bucket");
  CHECK(node.send("PUT", "/" + std::string(128, 'a')).status == 201);
  CHECK(node.send("PUT", "/A/d", "{}").code() == "bad_bucket");
  CHECK(node.get("/A/d").code() == "bad_bucket");
  CHECK(node.get("/A").code() == "bad_bucket");
  CHECK(node.send("POST", "/A/_bulk", R"({"docs":[]})").code() == "bad_bucket");
  CHECK(node.send("DELETE", "/_system").code() == "bad_bucket");
}

TEST_CASE("paths are split before they are decoded, and bad ones are refused") {
  rest_node node;
  CHECK(node.send("PUT", "/b/a%2Fb", "{}").status == 201);
  CHECK(node.get("/b/a/b").status == 404);
  CHECK(node.get("/%62/a%2Fb").status == 200);
  for (const std::string path : {"/b/%zz%f", "/b/d%", "//d", "/b//", "/b/d/", "b", ""}) {
    INFO(path);
    const auto refused = node.get(path);
    CHECK(refused.status == 400);
    CHECK(refused.code() == "bad_request");
  }
}

TEST_CASE("a body is read as JSON by its content type, or refused with 415") {
  rest_node node;
  const auto put = [&](const std::string& type) {
    return node.send("PUT", "/b/d", R"({"n":1})", {{"content-type", type}}).status;
  };
  for (const std::string type :
       {"application/json", "APPLICATION/JSON ; charset=UTF-8",
        "application/json;charset=\"utf-8\"", "application/ld+json",
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8",
        "application/json; odata=x"}) {
    INFO(type);
    CHECK(put(type) < 300);
  }
  for (const std::string type :
       {"text/plain", "text/json", "application/xml", "multipart/form-data; boundary=x",
        "application/x-ndjson", "application/json; charset=latin1", "application/+json", "json",
        "application/jsonp", ";", "application/octet-stream"}) {
    INFO(type);
    CHECK(put(type) == 415);
  }
  CHECK(node.send("PUT", "/b/d", "{}", {{"Content-Type", "text/plain"}}).code() ==
        "unsupported_media_type");
  CHECK(
      node.send("PATCH", "/b/d", "{}", {{"Content-Type", "application/merge-patch+json"}}).status ==
      200);
  CHECK(node.send("POST", "/b/_get", R"({"ids":[]})", {{"Content-Type", "text/plain"}}).status ==
        415);
  // What takes no body does not care, as long as there is none.
  CHECK(node.send("DELETE", "/b/d", {}, {{"Content-Type", "text/plain"}}).status == 200);
}

TEST_CASE("what curl -d sends is read as JSON and never as a form") {
  rest_node node;
  const header_list form{{"Content-Type", "application/x-www-form-urlencoded"}};
  CHECK(node.send("POST", "/b", R"({"id":"d","a":"x&y=z%41+"})", form).status == 201);
  CHECK(node.get("/b/d").says(R"("a":"x&y=z%41+")"));
  CHECK(node.send("POST", "/b", "a=1&b=2", form).code() == "bad_json");
}

TEST_CASE("a call that takes no body refuses one") {
  rest_node node;
  CHECK(node.send("PUT", "/b", R"({"name":"Oslo"})").status == 400);
  CHECK_FALSE(node.backend.rows().find_bucket("b"));
}

TEST_CASE("unknown query parameters are named, all of them") {
  rest_node node;
  node.send("PUT", "/b/d", "{}");
  const auto refused = node.get("/b/d?rev=rev1-aa&colour=red&%22x=1");
  CHECK(refused.status == 400);
  CHECK(refused.code() == "bad_request");
  CHECK(refused.says(R"("reason":"unknown query parameters: colour, \"x")"));
  CHECK(node.get("/b/d?%FF=1").code() == "bad_encoding");
  CHECK(node.get("/b/_documents?skip=1").says("skip"));
  CHECK(node.get("/_system/health?pretty=true").status == 400);
  CHECK(node.send("PUT", "/b/d?batch=ok", "{}").status == 400);
  CHECK(node.send("POST", "/b/_bulk?new_edits=false", R"({"docs":[]})").status == 400);
}

TEST_CASE("wrong values of parameters are refused") {
  rest_node node;
  node.send("PUT", "/b/d", "{}");
  for (const std::string target :
       {"/b/_documents?limit=-1", "/b/_documents?limit=abc", "/b/_documents?limit=1e9",
        "/b/_documents?limit=1000000000", "/b/_documents?limit=+1",
        "/b/_documents?limit=", "/b/_documents?limit=1&limit=2", "/b/_documents?descending=1",
        "/b/_documents?descending", "/b/_documents?include_docs=TRUE", "/b/d?conflicts=yes",
        "/b/d?history=", "/b/_conflicts?limit=x", "/b/_documents?from=%zz"}) {
    INFO(target);
    const auto refused = node.get(target);
    CHECK(refused.status == 400);
    CHECK(refused.code() == "bad_request");
  }
  CHECK(node.get("/b/_documents?from=%FF").code() == "bad_encoding");
  CHECK(node.get("/b/d?rev=rev1-aa%00").code() == "bad_rev");
  CHECK(node.send("POST", "/b/_bulk?atomic=1", R"({"docs":[]})").status == 400);
  CHECK(node.send("PUT", "/b/d?rev=1", "{}").code() == "bad_rev");
}

TEST_CASE("a page of another origin is refused with every method, this node's own is not") {
  rest_node node;
  node.send("PUT", "/b/d", "{}");
  const header_list foreign{{"Host", "box1:1444"}, {"Origin", "http://evil.example"}};
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    INFO(method);
    const auto refused = node.send(method, "/b/d", {}, foreign);
    CHECK(refused.status == 403);
    CHECK(refused.code() == "forbidden");
    CHECK(refused.header("Access-Control-Allow-Origin").empty());
  }
  for (const std::string origin :
       {"null", "http://box1", "http://box1:1445", "box1:1444", "http://"})
    CHECK(node.get("/b/d", {{"Host", "box1:1444"}, {"Origin", origin}}).status == 403);
  const auto own = node.get("/b/d", {{"Host", "box1:1444"}, {"Origin", "http://box1:1444"}});
  CHECK(own.status == 200);
  CHECK(own.header("Access-Control-Allow-Origin").empty());
  CHECK(node.get("/b/d", {{"Host", "box1:1444"}, {"Origin", "https://box1:1444"}}).status == 200);
  CHECK(node.get("/b/d", {{"Origin", "http://"}}).status == 403);
}

TEST_CASE("pages of allowed origins get the headers that they need, with errors too") {
  api_options options;
  options.cors_origins = {"https://app.example", "http://localhost:3000"};
  rest_node node(options);
  const header_list allowed{{"Host", "box1:1444"}, {"Origin", "http://localhost:3000"}};
  const auto made = node.send("PUT", "/b/d", "{}", allowed);
  CHECK(made.status == 201);
  CHECK(made.header("Access-Control-Allow-Origin") == "http://localhost:3000");
  CHECK(made.header("Vary") == "Origin");
  CHECK(made.header("Access-Control-Expose-Headers").find("ETag") != std::string::npos);
  CHECK(node.get("/b/none", allowed).header("Access-Control-Allow-Origin") ==
        "http://localhost:3000");
  CHECK(node.get("/b/d", {{"Host", "box1:1444"}, {"Origin", "http://localhost:3001"}}).status ==
        403);
  const auto preflight = node.send("OPTIONS", "/b/d", {},
                                   {{"Host", "box1:1444"},
                                    {"Origin", "https://app.example"},
                                    {"Access-Control-Request-Method", "PUT"}});
  CHECK(preflight.status == 204);
  CHECK(preflight.header("Access-Control-Allow-Origin") == "https://app.example");
  CHECK(preflight.header("Access-Control-Allow-Methods").find("PUT") != std::string::npos);
  CHECK(preflight.header("Access-Control-Allow-Headers").find("If-Match") != std::string::npos);
}

TEST_CASE("a star allows the pages of all origins") {
  api_options options;
  options.cors_origins = {"*"};
  rest_node node(options);
  const auto made = node.send("PUT", "/b/d", "{}", {{"Host", "h"}, {"Origin", "null"}});
  CHECK(made.status == 201);
  CHECK(made.header("Access-Control-Allow-Origin") == "*");
  CHECK(made.header("Vary").empty());
}
