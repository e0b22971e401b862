// In one file: the tests of one kind of answer share the documents and queries below.
#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace http = treadmill::http;
using treadmill::ec;
using treadmill::error;
using state = http::body_stream::state;
using treadmill::tests::rest_node;
using treadmill::tests::stream_driver;

namespace {

rapidjson::Document parsed(const std::string& body) {
  rapidjson::Document document;
  document.Parse(body.data(), body.size());
  if (document.HasParseError()) throw std::runtime_error("no JSON: " + body);
  return document;
}

std::string text_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return buffer.GetString();
}

/// "id:term,…" of the rows of an answer; ">" where there is a next page.
std::string rows_of(const std::string& body) {
  const auto document = parsed(body);
  REQUIRE(document.HasMember("rows"));
  std::string text;
  for (const auto& row : document["rows"].GetArray())
    text += row.HasMember("id") ? text_of(row["id"]) + ":" + text_of(row["key"]) + ","
                                : text_of(row["key"]) + ":" + text_of(row["value"]) + ",";
  CHECK(document["count"].GetUint64() == document["rows"].Size());
  if (document.HasMember("next")) text += ">";
  std::erase(text, '"');
  return text;
}

std::string next_of(const std::string& body) {
  const auto document = parsed(body);
  return document.HasMember("next") ? document["next"].GetString() : "";
}

void define(rest_node& node, const std::string& name, const std::string& map,
            const std::string& reduce = {}) {
  std::string body = R"({"map":")" + map + '"';
  if (!reduce.empty()) body += R"(,"reduce":")" + reduce + '"';
  REQUIRE(node.send("POST", "/b/_query/" + name, body + "}").status < 300);
}

void put(rest_node& node, const std::string& id, const std::string& n) {
  REQUIRE(node.send("PUT", "/b/" + id, R"({"n":)" + n + "}").status < 300);
}

/// d1 … d6 with numbers and strings, and one document without a row.
void six(rest_node& node) {
  put(node, "d1", "3");
  put(node, "d2", "1");
  put(node, "d3", "\"ab\"");
  put(node, "d4", "\"abc\"");
  put(node, "d5", "2");
  put(node, "d6", "2");
  REQUIRE(node.send("PUT", "/b/d7", "{}").status == 201);
}

/// Documents that emit [group, n] with the value n: a1 … in two groups.
void emitting(rest_node& node, int count) {
  std::string docs;
  for (int i = 1; i <= count; ++i)
    docs += (i > 1 ? "," : "") + (R"({"id":"d)" + std::to_string(1000 + i)) + R"(","e":[[["g)" +
            std::to_string(i % 3) + "\"," + std::to_string(i % 5) + "]," + std::to_string(i) +
            "]]}";
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
}

} // namespace

TEST_CASE("a query is defined, asked, and dropped") {
  rest_node node;
  const auto made = node.send("POST", "/b/_query/name", R"({"map":"returns"})");
  CHECK(made.status == 201);
  CHECK(made.header("Location") == "/b/_query/name");
  CHECK(made.member("name") == "name");
  CHECK(made.rev().starts_with("rev1-"));
  CHECK(node.backend.last_group->ops.front().id == "_query/name");
  put(node, "d4", "\"Sam\"");
  const auto got = node.get("/b/_query/name");
  CHECK(got.status == 200);
  CHECK(got.body == R"({"rows":[{"key":"d4","value":"Sam","name":"Sam"}],"count":1,"sequence":2})");
  const auto dropped = node.send("DELETE", "/b/_query/name");
  CHECK(dropped.status == 200);
  CHECK(dropped.rev().starts_with("rev2-"));
  CHECK(node.get("/b/_query/name").status == 404);
  CHECK(node.send("DELETE", "/b/_query/name").status == 404);
  CHECK(node.text("/b/_query") == R"({"queries":[],"count":0})");
  CHECK(node.send("POST", "/b/_query/name", R"({"map":"returns"})").status == 201);
  CHECK(rows_of(node.text("/b/_query/name")) == "d4:Sam,");
}

TEST_CASE("an unchanged definition writes nothing, a changed one makes a revision") {
  rest_node node;
  const auto first = node.send("POST", "/b/_query/q", R"({"map":"returns"})");
  const int writes = node.backend.writes;
  const auto again = node.send("POST", "/b/_query/q", R"({ "reduce": null, "map": "returns" })");
  CHECK(again.status == 200);
  CHECK(again.rev() == first.rev());
  CHECK(again.header("Location").empty());
  CHECK(node.backend.writes == writes);
  const auto changed = node.send("POST", "/b/_query/q", R"({"map":"returns","reduce":"_count"})");
  CHECK(changed.status == 201);
  CHECK(changed.rev().starts_with("rev2-"));
  put(node, "d1", "1");
  node.backend.views->suspend(node.backend.rows().find_bucket("b").value(), "q", "document d1: x");
  CHECK(node.send("POST", "/b/_query/q", R"({"map":"returns","reduce":"_count"})").status == 201);
}

TEST_CASE("definitions that cannot be are refused, and nothing is written") {
  rest_node node;
  node.send("PUT", "/b");
  const auto code = [&](const std::string& body, const std::string& path = "/b/_query/q") {
    const auto refused = node.send("POST", path, body);
    INFO(body.substr(0, 60));
    CHECK(refused.status == 400);
    return refused.code();
  };
  CHECK(code("") == "bad_json");
  CHECK(code("{\"map\":") == "bad_json");
  CHECK(code("[]") == "not_object");
  CHECK(code("\"returns\"") == "not_object");
  CHECK(code("{}") == "bad_request");
  CHECK(code(R"({"map":1})") == "bad_request");
  CHECK(code(R"({"map":""})") == "bad_request");
  CHECK(code(R"({"map":"returns","reduce":1})") == "bad_request");
  CHECK(code(R"({"map":"returns","language":"js"})") == "bad_request");
  CHECK(code(R"({"map":"returns","map":"emits"})") == "duplicate_key");
  CHECK(code(R"({"map":"returns","terms":[1]})") == "bad_request");
  CHECK(code(R"({"reduce":"_sum"})") == "bad_request");
  CHECK(code(R"({"terms":1})") == "bad_request");
  CHECK(code(R"({"terms":[1],"limit":1})") == "bad_request");
  CHECK(code(R"({"map":"nonsense("})") == "bad_map");
  CHECK(code(R"({"map":")" + std::string(65537, 'x') + "\"}") == "bad_map");
  CHECK(code(R"({"map":"returns","reduce":")" + std::string(65537, 'x') + "\"}") == "bad_map");
  CHECK(code(R"({"map":"returns"})", "/b/_query/q?limit=1") == "bad_request");
  const auto unknown = node.send("POST", "/b/_query/q", R"({"map":"returns","reduce":"_mean"})");
  CHECK(unknown.code() == "bad_request");
  for (const char* name :
       {"_count", "_sum", "_min", "_max", "_avg", "_stats", "_approx_count_distinct"})
    CHECK(unknown.reason().find(name) != std::string::npos);
  for (const std::string name : {"_q", "%2F", "a%20b", ".q", "%C3%A9"})
    CHECK(code(R"({"map":"returns"})", "/b/_query/" + name) == "bad_query");
  CHECK(code(R"({"map":"returns"})", "/b/_query/" + std::string(129, 'q')) == "bad_query");
  CHECK(code(R"({"map":"returns"})", "/B/_query/q") == "bad_bucket");
  CHECK(node.send("POST", "/b/_query/q", R"({"map":"returns"})", {{"Content-Type", "text/xml"}})
            .status == 415);
  CHECK(node.backend.writes == 0);
  // What begins with _ and is no bare name is JavaScript.
  CHECK(node.send("POST", "/b/_query/q", R"({"map":"returns","reduce":"_ => 1"})").status == 201);
  CHECK(node.send("POST", "/new/_query/" + std::string(128, 'q'), R"({"map":"returns"})").status ==
        201);
}

TEST_CASE("what the backend cannot do is answered") {
  rest_node node;
  put(node, "d1", "1");
  node.backend.refuse_functions = error{ec::overloaded, "no workers"};
  CHECK(node.send("POST", "/b/_query/q", R"({"map":"returns"})").status == 503);
  CHECK(node.send("POST", "/b/_query", R"({"map":"returns"})").status == 503);
  node.backend.refuse_functions.reset();
  node.backend.refuse_writes = error{ec::disk_full, "the store takes no writes now"};
  CHECK(node.send("POST", "/b/_query/q", R"({"map":"returns"})").status == 507);
}

TEST_CASE("what is not there is 404") {
  rest_node node;
  CHECK(node.get("/b/_query").status == 404);
  CHECK(node.get("/b/_query/q").status == 404);
  CHECK(node.send("DELETE", "/b/_query/q").status == 404);
  CHECK(node.send("POST", "/b/_query", R"({"map":"returns"})").status == 404);
  CHECK(node.send("POST", "/b/_query/q", R"({"terms":[1]})").status == 404);
  node.send("PUT", "/b");
  CHECK(node.get("/b/_query/q").code() == "not_found");
  CHECK(node.get("/b/_query/q?stale=ok").code() == "not_found");
  CHECK(node.get("/b/_query/q?feed=continuous").code() == "not_found");
  CHECK(node.get("/b/_query/_q").code() == "bad_query");
  CHECK(node.send("DELETE", "/b/_query/_q").code() == "bad_query");
  CHECK(node.send("POST", "/b/_query/q", R"({"terms":[1]})").status == 404);
  CHECK(node.send("PUT", "/b/_query/q", "{}").status == 405);
  CHECK(node.send("PUT", "/b/_query/q", "{}").header("Allow") ==
        "GET, HEAD, POST, DELETE, OPTIONS");
  CHECK(node.send("DELETE", "/b/_query").header("Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(node.get("/b/_query/q/r").status == 404);
}

TEST_CASE("a definition is no document of the listings") {
  rest_node node;
  define(node, "q", "returns");
  put(node, "d1", "1");
  CHECK(node.text("/b/_documents").find("_query") == std::string::npos);
  CHECK(node.get("/b").says("\"documents\":1,"));
  CHECK(node.get("/b").says("\"queries\":1,"));
  CHECK(node.text("/b/_activity").find("_query/q") != std::string::npos);
  CHECK(rows_of(node.text("/b/_query/q")) == "d1:1,");
  node.send("DELETE", "/b/_query/q");
  CHECK(node.get("/b").says("\"queries\":0,"));
}

TEST_CASE("integers of any length are terms between doubles, and their digits can be asked for") {
  rest_node node;
  const std::string longest(400, '7');
  const auto put_key = [&](const std::string& id, const std::string& key) {
    REQUIRE(node.send("PUT", "/b/" + id, R"({"e":[[)" + key + ",1]]}").status == 201);
  };
  put_key("d1", "1e22");
  put_key("d2", "9999999999999999999999");
  put_key("d3", "10000000000000000000001");
  put_key("d4", longest);
  put_key("d5", "-10000000000000000000001");
  put_key("d6", R"("a")");
  define(node, "q", "emits");
  const auto text = node.text("/b/_query/q");
  for (const std::string& key :
       {std::string("9999999999999999999999"), std::string("10000000000000000000001"),
        std::string("-10000000000000000000001"), std::string("1e+22"), longest})
    CHECK(text.find("\"key\":" + key + ",") != std::string::npos);
  // Not parsed: RapidJSON has no such integers.
  const auto rows = [&](const std::string& asked) {
    const std::string answer = node.text("/b/_query/q?" + asked);
    std::string ids;
    for (size_t at = 0; (at = answer.find("\"id\":\"", at)) != std::string::npos; ++at)
      ids += answer.substr(at + 6, 2);
    return ids;
  };
  CHECK(rows("") == "d5d2d1d3d4d6");
  CHECK(rows("term=10000000000000000000001") == "d3");
  CHECK(rows("term=10000000000000000000000") == "d1");
  CHECK(rows("terms=[" + longest + ",1e22]") == "d4d1");
  CHECK(rows("from=10000000000000000000000&to=10000000000000000000001") == "d1d3");
  CHECK(rows("from=9999999999999999999999&to=1e22&inclusive_end=false") == "d2");
  CHECK(rows("from=10000000000000000000002&to=" + longest) == "d4");
  CHECK(rows("to=-10000000000000000000001") == "d5");
}

TEST_CASE("rows come in the order of their terms, then of their documents") {
  rest_node node;
  six(node);
  define(node, "q", "returns");
  CHECK(rows_of(node.text("/b/_query/q")) == "d2:1,d5:2,d6:2,d1:3,d3:ab,d4:abc,");
  CHECK(rows_of(node.text("/b/_query/q?descending=true")) == "d4:abc,d3:ab,d1:3,d6:2,d5:2,d2:1,");
  CHECK(rows_of(node.text("/b/_query/q?term=2")) == "d5:2,d6:2,");
  CHECK(rows_of(node.text("/b/_query/q?term=ab")) == "d3:ab,");
  CHECK(rows_of(node.text("/b/_query/q?term=%22ab%22")) == "d3:ab,");
  CHECK(rows_of(node.text("/b/_query/q?term=9")).empty());
  CHECK(rows_of(node.text("/b/_query/q?terms=[3,2,9,3]")) == "d1:3,d5:2,d6:2,d1:3,");
  CHECK(rows_of(node.text("/b/_query/q?terms=[2]&descending=true")) == "d6:2,d5:2,");
  CHECK(rows_of(node.text("/b/_query/q?from=2&to=ab")) == "d5:2,d6:2,d1:3,d3:ab,");
  CHECK(rows_of(node.text("/b/_query/q?from=2&to=3&inclusive_end=false")) == "d5:2,d6:2,");
  CHECK(rows_of(node.text("/b/_query/q?from=3&to=2&descending=true")) == "d1:3,d6:2,d5:2,");
  CHECK(rows_of(node.text("/b/_query/q?from=3&to=2")).empty());
  CHECK(rows_of(node.text("/b/_query/q?prefix=ab")) == "d3:ab,d4:abc,");
  CHECK(rows_of(node.text("/b/_query/q?prefix=abc")) == "d4:abc,");
  CHECK(rows_of(node.text("/b/_query/q?skip=4")) == "d3:ab,d4:abc,");
  CHECK(rows_of(node.send("POST", "/b/_query/q", R"({"terms":[3,"ab"]})").body) == "d1:3,d3:ab,");
  CHECK(rows_of(node.send("POST", "/b/_query/q?limit=1", R"({"terms":[3,"ab"]})").body) == "d1:3,");
  CHECK(node.get("/b/_query/q?prefix=1").status == 400);
  CHECK(node.get("/b/_query/q?reduce=true").status == 400);
  CHECK(node.get("/b/_query/q?group=true").status == 400);
  CHECK(rows_of(node.text("/b/_query/q?reduce=false&limit=1")) == "d2:1,>");
}

TEST_CASE("next leads through all rows, in both directions") {
  rest_node node;
  six(node);
  define(node, "q", "returns");
  for (const std::string how : {"", "&descending=true", "&from=2&to=abb", "&term=2", "&prefix=a"}) {
    const std::string whole = rows_of(node.text("/b/_query/q?limit=100" + how));
    for (const std::string limit : {"1", "2", "3"}) {
      std::string all;
      std::string after;
      do {
        const std::string page = node.text("/b/_query/q?limit=" + limit + how +
                                           (after.empty() ? "" : "&after=" + after));
        all += rows_of(page);
        after = next_of(page);
      } while (!after.empty());
      std::erase(all, '>');
      CHECK(all == whole);
    }
  }
  CHECK(rows_of(node.text("/b/_query/q?limit=6")).back() == ',');
  CHECK(rows_of(node.text("/b/_query/q?limit=0")).empty());
  CHECK(next_of(node.text("/b/_query/q?terms=[2]&limit=1")).empty());
}

TEST_CASE("include_docs adds each document, and null for one that is gone") {
  rest_node node;
  six(node);
  define(node, "q", "returns");
  const std::string document = node.get("/b/d2").body;
  CHECK(node.text("/b/_query/q?include_docs=true&limit=1").find("\"document\":" + document) !=
        std::string::npos);
  node.send("DELETE", "/b/d2");
  CHECK(node.text("/b/_query/q?include_docs=true&limit=1").find("\"key\":\"d5\"") !=
        std::string::npos);
  node.send("DELETE", "/b/d5");
  CHECK(node.text("/b/_query/q?include_docs=true&limit=1&stale=ok").find("\"document\":null}") !=
        std::string::npos);
}

TEST_CASE("rows that were emitted have id, key and value") {
  rest_node node;
  node.send("PUT", "/b/d1", R"({"e":[["k",1],["j",{"x":[]}],["k",null]]})");
  define(node, "q", "emits");
  CHECK(node.text("/b/_query/q") ==
        R"({"rows":[{"id":"d1","key":"j","value":{"x":[]}},{"id":"d1","key":"k","value":1},)"
        R"({"id":"d1","key":"k","value":null}],"count":3,"sequence":2})");
  CHECK(rows_of(node.text("/b/_query/q?limit=2")) == "d1:j,d1:k,>");
  const std::string after = next_of(node.text("/b/_query/q?limit=2"));
  CHECK(node.text("/b/_query/q?after=" + after).find("\"value\":null") != std::string::npos);
}

TEST_CASE("an answer covers every write that was acknowledged before it") {
  rest_node node;
  define(node, "q", "returns");
  for (int i = 1; i <= 20; ++i) {
    put(node, "d", std::to_string(i));
    CHECK(rows_of(node.text("/b/_query/q")) == "d:" + std::to_string(i) + ",");
  }
  CHECK(node.backend.views->awaited == 20);
  node.text("/b/_query/q?term=20"); // nothing was written: nobody is asked
  CHECK(node.backend.views->awaited == 20);
}

TEST_CASE("a stale answer is what is there, and says what it covers") {
  rest_node node;
  define(node, "q", "returns");
  put(node, "d1", "1");
  CHECK(node.text("/b/_query/q?stale=ok") == R"({"rows":[],"count":0,"sequence":0})");
  CHECK(node.backend.views->awaited == 0);
  node.text("/b/_query/q");
  put(node, "d1", "2");
  CHECK(node.text("/b/_query/q?stale=ok").find("\"value\":1") != std::string::npos);
  CHECK(node.text("/b/_query/q?stale=ok").ends_with("\"sequence\":2}"));
  CHECK(node.text("/b/_query/q").ends_with("\"sequence\":3}"));
}

TEST_CASE("in the middle of a run the index of before answers who takes it") {
  rest_node node;
  define(node, "q", "returns", "_count");
  put(node, "a", "1");
  CHECK(rows_of(node.text("/b/_query/q?reduce=false")) == "a:1,");
  std::string docs;
  for (int i = 0; i < 1200; ++i) docs += (i > 0 ? "," : "") + std::string(R"({"n":2})");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  node.backend.catch_up("b", "q", 1);
  CHECK(node.text("/b/_query/q?stale=ok&reduce=false").ends_with(R"("count":1,"sequence":2})"));
  CHECK(rows_of(node.text("/b/_query/q?stale=ok")) == "null:1,");
  CHECK(rows_of(node.text("/b/_query/q")) == "null:1201,");
}

TEST_CASE("while a query is redefined the former one answers, and says so") {
  rest_node node;
  six(node);
  define(node, "q", "returns");
  CHECK(rows_of(node.text("/b/_query/q?term=3")) == "d1:3,");
  node.backend.views->holds_builds = true;
  define(node, "q", "returns", "_count");
  const std::string body = node.text("/b/_query/q?term=3");
  CHECK(rows_of(body) == "d1:3,");
  CHECK(body.ends_with("\"redefining\":true}"));
  put(node, "d9", "3");
  CHECK(rows_of(node.text("/b/_query/q?term=3")) == "d1:3,d9:3,");
  CHECK(node.text("/b/_query").find("\"state\":\"redefining\"") != std::string::npos);
  node.backend.views->holds_builds = false;
  node.backend.catch_up("b", "q");
  CHECK(rows_of(node.text("/b/_query/q?term=3")) == "null:2,");
  CHECK(node.text("/b/_query/q").find("redefining") == std::string::npos);
}

TEST_CASE("a build that outlasts the deadline, and a suspended query, are answered") {
  rest_node node;
  put(node, "d1", "1");
  node.backend.views->holds_builds = true;
  define(node, "q", "returns");
  const auto late = node.get("/b/_query/q");
  CHECK(late.status == 503);
  CHECK_FALSE(late.header("Retry-After").empty());
  CHECK(late.reason().find("of 7") != std::string::npos);
  node.backend.views->suspend(node.backend.rows().find_bucket("b").value(), "q",
                              "document d1: ran into the limit of time");
  const auto suspended = node.get("/b/_query/q");
  CHECK(suspended.status == 500);
  CHECK(suspended.code() == "query_suspended");
  CHECK(
      node.get("/_system/metrics").says("treadmill_query_suspended{bucket=\"b\",query=\"q\"} 1\n"));
  CHECK(suspended.reason() == "document d1: ran into the limit of time");
  CHECK(node.get("/b/_query/q?stale=ok").code() == "query_suspended");
  CHECK(node.text("/b/_query").find("\"problem\":\"document d1: ran") != std::string::npos);
}

TEST_CASE("a query that is dropped while its index is ahead is not there") {
  rest_node node;
  put(node, "d1", "1");
  define(node, "q", "returns");
  node.text("/b/_query/q");
  // The view has not heard of it yet.
  const auto shown =
      *node.backend.queries().find(node.backend.rows().find_bucket("b").value().number, "q");
  node.send("DELETE", "/b/_query/q");
  node.backend.queries().show(node.backend.rows().find_bucket("b").value().number, shown);
  CHECK(node.get("/b/_query/q").status == 404);
  CHECK(node.get("/b/_query/q?stale=ok").status == 404);
}

TEST_CASE("long answers come in slices, and none is lost") {
  rest_node node;
  std::string docs;
  for (int i = 0; i < 9000; ++i)
    docs += (i > 0 ? "," : "") + (R"({"id":"d)" + std::to_string(10000 + i)) + R"(","n":)" +
            std::to_string(i % 10) + "}";
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  define(node, "q", "returns");
  for (const std::string how : {"", "?include_docs=true", "?descending=true", "?skip=10",
                                "?terms=[0,1,2,3,4,5,6,7,8,9]", "?from=0&to=9"}) {
    auto got = node.get("/b/_query/q" + how);
    REQUIRE(got.stream);
    stream_driver driver(std::move(got.stream));
    CHECK(driver.run() == state::done);
    CHECK(driver.largest < 200'000);
    const auto document = parsed(driver.text);
    CHECK(document["count"].GetUint64() == (how == "?skip=10" ? 8990 : 9000));
    CHECK(document["rows"].Size() == document["count"].GetUint64());
  }
  std::string many = R"({"terms":[)";
  for (int i = 0; i < 20000; ++i) many += std::to_string(100 + i) + ",";
  auto got = node.send("POST", "/b/_query/q", many + "1]}");
  REQUIRE(got.stream);
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::done);
  CHECK(driver.slices > 4);
  CHECK(parsed(driver.text)["count"].GetUint64() == 900);
}

TEST_CASE("built-in reductions, grouped by term and by elements") {
  rest_node node;
  emitting(node, 30);
  define(node, "q", "emits", "_sum");
  CHECK(rows_of(node.text("/b/_query/q")) == "null:465,");
  CHECK(rows_of(node.text("/b/_query/q?reduce=true")) == "null:465,");
  CHECK(rows_of(node.text("/b/_query/q?group_level=0")) == "null:465,");
  CHECK(rows_of(node.text("/b/_query/q?group_level=1")) == "[g0]:165,[g1]:145,[g2]:155,");
  CHECK(rows_of(node.text("/b/_query/q?group_level=1&descending=true")) ==
        "[g2]:155,[g1]:145,[g0]:165,");
  CHECK(rows_of(node.text("/b/_query/q?group=true&limit=2")) == "[g0,0]:45,[g0,1]:27,>");
  CHECK(rows_of(node.text("/b/_query/q?group=true&prefix=[%22g1%22]&limit=2&skip=1")) ==
        "[g1,1]:17,[g1,2]:29,>");
  CHECK(rows_of(node.text("/b/_query/q?terms=[[%22g0%22,0],[%22g1%22,1]]")) == "null:62,");
  CHECK(rows_of(node.text("/b/_query/q?terms=[[%22g1%22,1],[%22g0%22,0]]&group=true")) ==
        "[g1,1]:17,[g0,0]:45,");
  CHECK(rows_of(node.text("/b/_query/q?term=9")) == "null:0,");
  CHECK(rows_of(node.text("/b/_query/q?terms=[]")) == "null:0,");
  CHECK(rows_of(node.text("/b/_query/q?term=9&group=true")).empty());
  CHECK(rows_of(node.text("/b/_query/q?limit=0")).empty());
  CHECK(rows_of(node.text("/b/_query/q?skip=1")).empty());
  CHECK(rows_of(node.text("/b/_query/q?reduce=false&limit=1")).starts_with("d1015:[g0,0]"));
  CHECK(node.get("/b/_query/q?include_docs=true").status == 400);
  CHECK(node.get("/b/_query/q?include_docs=true&reduce=false&limit=1").status == 200);
  CHECK(node.text("/b/_query/q?stale=ok").ends_with("\"sequence\":31}"));
}

TEST_CASE("next leads through all groups") {
  rest_node node;
  emitting(node, 30);
  for (const std::string reduce : {"_sum", "add"}) {
    define(node, "q", "emits", reduce);
    for (const std::string how :
         {"&group=true", "&group_level=1", "&group=true&descending=true",
          "&group_level=1&descending=true", "&group=true&from=[%22g0%22,3]&to=[%22g2%22,1]"}) {
      const std::string whole = rows_of(node.text("/b/_query/q?limit=100" + how));
      CHECK_FALSE(whole.empty());
      for (const std::string limit : {"1", "2", "5"}) {
        std::string all;
        std::string after;
        do {
          const std::string page = node.text("/b/_query/q?limit=" + limit + how +
                                             (after.empty() ? "" : "&after=" + after));
          all += rows_of(page);
          after = next_of(page);
        } while (!after.empty());
        std::erase(all, '>');
        CHECK(all == whole);
      }
    }
  }
}

TEST_CASE("a built-in reduction that meets what it cannot take says which document") {
  rest_node node;
  emitting(node, 5);
  node.send("PUT", "/b/odd", R"({"e":[["x","text"]]})");
  define(node, "q", "emits", "_sum");
  const auto refused = node.get("/b/_query/q");
  CHECK(refused.status == 500);
  CHECK(refused.code() == "bad_reduce");
  CHECK(refused.reason().find("odd") != std::string::npos);
  CHECK(rows_of(node.text("/b/_query/q?group=true&prefix=[%22g1%22]")) == "[g1,1]:1,[g1,4]:4,");
}

TEST_CASE("a JavaScript reduction runs elsewhere, a bounded number of groups at a time") {
  rest_node node;
  emitting(node, 3000);
  define(node, "q", "emits", "add");
  CHECK(rows_of(node.text("/b/_query/q")) == "null:4501500,");
  node.backend.views->reduced = 0;
  CHECK(rows_of(node.text("/b/_query/q")) == "null:4501500,");
  CHECK(node.backend.views->reduced < 20); // stored partial results do the rest
  CHECK(rows_of(node.text("/b/_query/q?group_level=1")) ==
        "[g0]:1501500,[g1]:1499500,[g2]:1500500,");
  CHECK(rows_of(node.text("/b/_query/q?terms=[[%22g0%22,0],[%22g1%22,1],[%22none%22]]")) ==
        "null:600200,");
  CHECK(rows_of(node.text("/b/_query/q?term=9")) == "null:null,");
  CHECK(rows_of(node.text("/b/_query/q?limit=0")).empty());
  CHECK(rows_of(node.text("/b/_query/q?terms=[]")) == "null:null,");
  define(node, "q", "emits", "fails");
  const auto refused = node.get("/b/_query/q");
  CHECK(refused.code() == "bad_reduce");
  CHECK(refused.reason() == "it always fails");
}

TEST_CASE("the rest of a long JavaScript answer comes as it is made") {
  rest_node node;
  std::string docs;
  for (int i = 0; i < 200; ++i)
    docs += (i > 0 ? "," : "") + (R"({"e":[[)" + std::to_string(i)) + ",1]]}";
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  define(node, "q", "emits", "count");
  node.text("/b/_query/q");
  auto got = node.get("/b/_query/q?group=true");
  REQUIRE(got.stream);
  CHECK_FALSE(got.stream->is_feed());
  stream_driver driver(std::move(got.stream));
  node.backend.hold_reductions = true;
  CHECK(driver.run() == state::wait);
  CHECK(driver.run() == state::wait);
  CHECK(node.backend.reducing.size() == 1);
  node.backend.give_reductions();
  CHECK(driver.wakes == 1);
  CHECK(driver.run() == state::wait);
  node.backend.hold_reductions = false;
  node.backend.give_reductions();
  CHECK(driver.run() == state::done);
  CHECK(parsed(driver.text)["count"].GetUint64() == 200);

  // One whose function goes wrong in the middle is cut; one that is left alone harms nobody.
  got = node.get("/b/_query/q?group=true");
  node.backend.hold_reductions = true;
  {
    stream_driver gone(std::move(got.stream));
    CHECK(gone.run() == state::wait);
  }
  node.backend.give_reductions();
  node.backend.hold_reductions = false;
  node.backend.lose_reductions = true;
  CHECK(node.get("/b/_query/q?group=true").code() == "ambiguous");
}

TEST_CASE("the list shows every query with its state") {
  rest_node node;
  put(node, "d1", "1");
  node.send("PUT", "/b/d2", R"({"bad":"it threw"})");
  define(node, "a", "returns", "_count");
  define(node, "b", "emits");
  node.text("/b/_query/a");
  const auto list = parsed(node.text("/b/_query"));
  CHECK(list["count"].GetUint64() == 2);
  const auto& a = list["queries"][0];
  CHECK(a["name"] == "a");
  CHECK(a["map"] == "returns");
  CHECK(a["reduce"] == "_count");
  CHECK(a["state"] == "ready");
  CHECK(a["sequence"].GetUint64() == 4);
  CHECK(a["rows"].GetUint64() == 1);
  CHECK(a["bytes"].IsUint64());
  CHECK(a["progress"].GetDouble() == 1);
  CHECK(a["errors"].GetUint64() == 1);
  CHECK(a["last_error"]["id"] == "d2");
  CHECK(std::string(a["last_error"]["message"].GetString()) == "\"it threw\"");
  CHECK_FALSE(a.HasMember("rate"));
  const auto& b = list["queries"][1];
  CHECK(b["state"] == "building");
  CHECK(b["reduce"].IsNull());
  CHECK(b["progress"].GetDouble() == 0);
  CHECK(b["last_error"].IsNull());
  CHECK(b["rate"].GetDouble() == 2.5);
  CHECK(b["seconds_left"].GetDouble() == 1.6);

  // One that nobody shows yet is there, too.
  node.backend.queries().remove(node.backend.rows().find_bucket("b").value().number, "a", 0);
  const auto again = parsed(node.text("/b/_query"));
  CHECK(again["queries"][0]["name"] == "a");
  CHECK(again["queries"][0]["map"] == "returns");
  CHECK(again["queries"][0]["state"] == "building");
  CHECK(again["queries"][0]["progress"].GetDouble() == 0);
}

TEST_CASE("a list of many queries is complete") {
  rest_node node;
  for (int i = 0; i < 150; ++i) define(node, "q" + std::to_string(i), "returns");
  CHECK(parsed(node.text("/b/_query"))["count"].GetUint64() == 150);
  CHECK(node.get("/b/_query").stream);
  node.send("DELETE", "/b/_query/q7");
  CHECK(parsed(node.text("/b/_query"))["queries"].Size() == 149);
}

TEST_CASE("a trial maps some documents and stores nothing") {
  rest_node node;
  six(node);
  node.send("PUT", "/b/d8", R"({"bad":"it threw"})");
  node.send("DELETE", "/b/d6");
  define(node, "q", "returns");
  const int writes = node.backend.writes;
  const auto got = node.send("POST", "/b/_query", R"({"map":"returns"})");
  CHECK(got.status == 200);
  CHECK(rows_of(got.body) == "d2:1,d5:2,d1:3,d3:ab,d4:abc,");
  const auto trial = parsed(got.body);
  CHECK(trial["documents"].GetUint64() == 7);
  CHECK(trial["errors"].Size() == 1);
  CHECK(trial["errors"][0]["id"] == "d8");
  CHECK_FALSE(trial.HasMember("reduced"));
  CHECK(node.backend.writes == writes);
  CHECK(node.send("POST", "/b/_query", R"({"map":"returns","reduce":"_count"})")
            .says(R"("reduced":[{"key":null,"value":5}])"));
  CHECK(node.send("POST", "/b/_query", R"({"map":"returns","reduce":"count"})")
            .says(R"("reduced":[{"key":null,"value":5}])"));
  CHECK(node.send("POST", "/b/_query", R"({"map":"emits","reduce":"count"})")
            .says(R"("reduced":[{"key":null,"value":null}])"));
  CHECK(node.send("POST", "/b/_query", R"({"map":"returns","reduce":"_sum"})")
            .says(R"("reduced":null,"reduce_error":")"));
  CHECK(node.send("POST", "/b/_query", R"({"map":"returns","reduce":"fails"})")
            .says(R"("reduced":null,"reduce_error":"it always fails")"));
  CHECK(node.send("POST", "/b/_query", R"({"map":"returns","reduce":"_mean"})").status == 400);
  CHECK(node.send("POST", "/b/_query", R"({"terms":[1]})").status == 400);
  CHECK(node.send("POST", "/b/_query", "{").code() == "bad_json");
  emitting(node, 300);
  CHECK(
      parsed(node.send("POST", "/b/_query", R"({"map":"emits"})").body)["documents"].GetUint64() ==
      100);
}

TEST_CASE("the metrics have each query's rows, sequence and lag") {
  rest_node node;
  define(node, "q.1", "returns");
  put(node, "d1", "1");
  node.text("/b/_query/q.1");
  put(node, "d1", "2");
  const std::string text = node.get("/_system/metrics").body;
  CHECK(text.find("treadmill_query_rows{bucket=\"b\",query=\"q.1\"} 1\n") != std::string::npos);
  CHECK(text.find("treadmill_query_sequence{bucket=\"b\",query=\"q.1\"} 2\n") != std::string::npos);
  CHECK(text.find("treadmill_query_behind{bucket=\"b\",query=\"q.1\"} 1\n") != std::string::npos);
  CHECK(text.find("treadmill_query_suspended{bucket=\"b\",query=\"q.1\"} 0\n") !=
        std::string::npos);
}
