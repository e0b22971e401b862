#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using treadmill::tests::couch_node;
using treadmill::tests::header_list;

namespace {

struct database_node : couch_node {
  database_node() { send("PUT", "/db"); }
  tests::answer replicas(const std::string& docs) {
    return send("POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[)" + docs + "]}");
  }
};

} // namespace

TEST_CASE("a bulk of revisions is read with one result for each, in order, and nothing else") {
  database_node node;
  node.replicas(R"({"_id":"a","_rev":"2-x","_revisions":{"start":2,"ids":["x","w"]},"n":1},)"
                R"({"_id":"a","_rev":"2-y","_revisions":{"start":2,"ids":["y","w"]},"n":2})");
  const auto got = node.send("POST", "/db/_bulk_get?revs=true",
                             R"({"docs":[{"id":"a","rev":"2-x"},{"id":"none","rev":"1-a"},)"
                             R"({"id":"a","rev":"9-z"}]})");
  CHECK(got.status == 200);
  CHECK(got.body == R"({"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"2-x","n":1,)"
                    R"("_revisions":{"start":2,"ids":["x","w"]}}}]},)"
                    R"({"id":"none","docs":[{"error":{"id":"none","rev":"1-a","error":"not_found",)"
                    R"("reason":"missing"}}]},)"
                    R"({"id":"a","docs":[{"error":{"id":"a","rev":"9-z","error":"not_found",)"
                    R"("reason":"missing"}}]}]})");
  CHECK(node.send("POST", "/db/_bulk_get", R"({"docs":[{"id":"a"}]})").body ==
        R"({"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"2-y","n":2}},)"
        R"({"ok":{"_id":"a","_rev":"2-x","n":1}}]}]})");
  CHECK(node.send("POST", "/db/_bulk_get?latest=true", R"({"docs":[{"id":"a","rev":"1-w"}]})")
            .says(R"("_rev":"2-y")"));
  CHECK(node.send("POST", "/db/_bulk_get", R"({"docs":[]})").body == R"({"results":[]})");
  CHECK(node.send("POST", "/db/_bulk_get", R"({"docs":[{"id":"a","rev":"odd"}]})")
            .says(R"("rev":"odd","error":"not_found")"));
  for (const std::string_view wrong : {"", "{}", R"({"docs":{}})", R"({"docs":[1]})",
                                       R"({"docs":[{}]})", R"({"docs":[{"id":1}]})"})
    CHECK(node.send("POST", "/db/_bulk_get", wrong).status == 400);
}

TEST_CASE("differences name what is missing, and the leaves that may be its ancestors") {
  database_node node;
  node.replicas(R"({"_id":"a","_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]}},)"
                R"({"_id":"a","_rev":"2-x","_revisions":{"start":2,"ids":["x","a"]}})");
  const auto diff = [&](std::string_view body) {
    return node.send("POST", "/db/_revs_diff", body).body;
  };
  CHECK(diff(R"({"a":["1-a","3-c","2-x"]})") == "{}");
  CHECK(diff(R"({"a":["4-d","3-c"],"none":["1-z","2-y"]})") ==
        R"({"a":{"missing":["4-d"],"possible_ancestors":["3-c","2-x"]},)"
        R"("none":{"missing":["1-z","2-y"]}})");
  CHECK(diff(R"({"a":["3-d"]})") == R"({"a":{"missing":["3-d"],"possible_ancestors":["2-x"]}})");
  CHECK(diff(R"({"a":["1-q"]})") == R"({"a":{"missing":["1-q"]}})");
  CHECK(diff("{}") == "{}");
  CHECK(node.send("POST", "/db/_missing_revs", R"({"a":["4-d","1-a"],"b":["1-z"]})").body ==
        R"({"missing_revs":{"a":["4-d"],"b":["1-z"]}})");
  for (const std::string_view wrong : {"", "[]", R"({"a":1})", R"({"a":[1]})", R"({"a":["x"]})"})
    CHECK(node.send("POST", "/db/_revs_diff", wrong).status == 400);
}

TEST_CASE("a document may be asked for a bounded number of revisions") {
  database_node node;
  std::string revs = "\"1-a\"";
  for (int i = 0; i < 20'000; ++i) revs += ",\"1-a\"";
  CHECK(node.send("POST", "/db/_revs_diff", R"({"a":[)" + revs + "]}").status == 400);
}

TEST_CASE("a long list of differences comes in slices") {
  database_node node;
  std::string asked = "{";
  for (int i = 0; i < 3000; ++i) {
    if (i > 0) asked += ',';
    asked += "\"document-" + std::to_string(i) + R"(":["1-0123456789abcdef0123456789abcdef"])";
  }
  auto got = node.send("POST", "/db/_revs_diff", asked + '}');
  REQUIRE(got.stream);
  tests::stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == http::body_stream::state::done);
  CHECK(driver.slices > 2);
  CHECK(driver.largest < 70'000);
  CHECK(driver.text.ends_with(
      R"("document-2999":{"missing":["1-0123456789abcdef0123456789abcdef"]}})"));
}

TEST_CASE("open revisions come in parts where Accept names them") {
  database_node node;
  node.replicas(R"({"_id":"a","_rev":"2-x","_revisions":{"start":2,"ids":["x","w"]},"n":1})");
  const header_list parts{{"Accept", "multipart/mixed"}};
  const auto got = node.get("/db/a?open_revs=[%222-x%22,%229-z%22]&revs=true", parts);
  CHECK(got.status == 200);
  const std::string type = "multipart/mixed; boundary=\"";
  REQUIRE(got.content_type.starts_with(type));
  const std::string boundary =
      got.content_type.substr(type.size(), got.content_type.size() - type.size() - 1);
  CHECK(got.body ==
        "--" + boundary + "\r\nContent-Type: application/json\r\n\r\n" +
            R"({"_id":"a","_rev":"2-x","n":1,"_revisions":{"start":2,"ids":["x","w"]}})" +
            "\r\n--" + boundary + "\r\nContent-Type: application/json; error=\"true\"\r\n\r\n" +
            R"({"missing":"9-z"})" + "\r\n--" + boundary + "--");
  CHECK(node.get("/db/none?open_revs=[]", parts).body.starts_with("--"));
  for (const std::string accept : {"*/*", "application/json", ""})
    CHECK(node.get("/db/a?open_revs=all", {{"Accept", accept}}).content_type == "application/json");
}

TEST_CASE("the latest leaf of a revision's own branch is shown, the best one where it forks") {
  database_node node;
  node.replicas(R"({"_id":"a","_rev":"3-x","_revisions":{"start":3,"ids":["x","b","a"]}},)"
                R"({"_id":"a","_rev":"3-y","_revisions":{"start":3,"ids":["y","b","a"]}},)"
                R"({"_id":"a","_rev":"2-z","_revisions":{"start":2,"ids":["z","a"]}})");
  const auto latest = [&](const std::string& rev) {
    return node.get("/db/a?latest=true&open_revs=[%22" + rev + "%22]").body;
  };
  CHECK(latest("2-b").find("3-y") != std::string::npos);
  CHECK(latest("1-a").find("3-y") != std::string::npos);
  CHECK(latest("2-z").find("2-z") != std::string::npos);
  CHECK(latest("3-x").find("3-x") != std::string::npos);
  CHECK(latest("4-q") == R"([{"missing":"4-q"}])");
}

} // namespace treadmill
