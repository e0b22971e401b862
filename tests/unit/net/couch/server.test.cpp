#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>
#include <set>

using treadmill::tests::couch_node;

TEST_CASE("the root welcomes with a uuid that stays, and another node has another") {
  couch_node node;
  const auto got = node.get("/");
  CHECK(got.status == 200);
  CHECK(got.member("couchdb") == "Welcome");
  CHECK(got.member("uuid").size() == 32);
  CHECK(got.body.find(R"("vendor":{"name":"Treadmill")") != std::string::npos);
  CHECK(got.route == "couch_root");
  CHECK(node.get("/").member("uuid") == got.member("uuid"));
  CHECK(couch_node().get("/").member("uuid") != got.member("uuid"));
  CHECK(node.send("HEAD", "/").status == 200);
}

TEST_CASE("whether the node is up follows whether it takes writes") {
  couch_node node;
  CHECK(node.get("/_up").body == R"({"status":"ok","seeds":{}})");
  node.backend.is_ready = false;
  CHECK(node.get("/_up").status == 503);
}

TEST_CASE("uuids are as many as asked for, different, and 1000 at most") {
  couch_node node;
  CHECK(node.get("/_uuids?count=0").body == R"({"uuids":[]})");
  const std::string three = node.get("/_uuids?count=3").body;
  CHECK(three.size() == std::string(R"({"uuids":[]})").size() + 3 * 34 + 2);
  CHECK(node.get("/_uuids").body != node.get("/_uuids").body);
  CHECK(node.get("/_uuids?count=1000").status == 200);
  for (const std::string wrong : {"1001", "-1", "x", ""}) {
    const auto got = node.get("/_uuids?count=" + wrong);
    CHECK(got.status == 400);
    CHECK(got.code() == "bad_request");
  }
}

TEST_CASE("databases are listed by their own names, in ranges") {
  couch_node node;
  CHECK(node.get("/_all_dbs").body == "[]");
  for (const std::string name : {"b", "a%2Fx", "c%2Bd", "a"})
    CHECK(node.send("PUT", "/" + name).status == 201);
  REQUIRE(node.backend.writer().create_bucket("1native"));
  REQUIRE(node.backend.writer().create_bucket("b.c"));
  CHECK(node.get("/_all_dbs").body == R"(["a","a/x","b","c+d"])");
  CHECK(node.get("/_all_dbs?limit=0").body == "[]");
  CHECK(node.get("/_all_dbs?limit=2&skip=1").body == R"(["a/x","b"])");
  CHECK(node.get("/_all_dbs?descending=true").body == R"(["c+d","b","a/x","a"])");
  CHECK(node.get("/_all_dbs?startkey=%22a%2Fx%22&endkey=%22b%22").body == R"(["a/x","b"])");
  CHECK(node.get("/_all_dbs?start_key=%22a%2Fx%22&end_key=%22b%22&inclusive_end=false").body ==
        R"(["a/x"])");
  CHECK(node.get("/_all_dbs?startkey=%22b%22&endkey=%22a%22&descending=true").body ==
        R"(["b","a/x","a"])");
  CHECK(node.get("/_all_dbs?skip=99").body == "[]");
  for (const std::string wrong : {"limit=x", "limit=-1", "descending=1", "startkey=b", "skip="}) {
    const auto got = node.get("/_all_dbs?" + wrong);
    CHECK_MESSAGE(got.status == 400, wrong);
    CHECK(got.code() == "query_parse_error");
  }
}

TEST_CASE("the facts of many databases come in one answer") {
  couch_node node;
  node.send("PUT", "/a");
  node.send("PUT", "/b%2Fc");
  const auto all = node.get("/_dbs_info?limit=1");
  CHECK(all.body.find(R"([{"key":"a","info":{"db_name":"a",)") == 0);
  CHECK(!all.says("b/c"));
  const auto asked = node.send("POST", "/_dbs_info", R"({"keys":["b/c","none","A"]})");
  CHECK(asked.status == 200);
  CHECK(asked.says(R"([{"key":"b/c","info":{"db_name":"b/c",)"));
  CHECK(asked.says(R"({"key":"none","error":"not_found"},{"key":"A","error":"not_found"}])"));
  for (const std::string_view wrong : {"", "[]", "{}", R"({"keys":1})", R"({"keys":[1]})"})
    CHECK(node.send("POST", "/_dbs_info", wrong).status == 400);
}

TEST_CASE("the node is an admin party of one") {
  couch_node node;
  const auto session = node.get("/_session");
  CHECK(session.says(R"("userCtx":{"name":null,"roles":["_admin"]})"));
  const auto login = node.send("POST", "/_session", R"({"name":"a","password":"b"})");
  CHECK(login.status == 401);
  CHECK(login.code() == "unauthorized");
  const auto logout = node.send("DELETE", "/_session");
  CHECK(logout.status == 200);
  CHECK(logout.header("Set-Cookie").starts_with("AuthSession=;"));
  CHECK(node.get("/_membership").body ==
        R"({"all_nodes":["treadmill@box1"],"cluster_nodes":["treadmill@box1"]})");
  CHECK(node.get("/_active_tasks").body == "[]");
}

TEST_CASE("a node has statistics and a configuration under its name and _local, and no other") {
  treadmill::api::api_options options;
  options.cors_origins = {"app://obsidian.md", "capacitor://localhost"};
  couch_node node(options);
  CHECK(node.get("/_node/_local").body == R"({"name":"treadmill@box1"})");
  CHECK(node.get("/_node/_local/_stats").says(R"("open_databases":{"value":0)"));
  CHECK(node.get("/_node/treadmill@box1/_system").says(R"({"uptime":1,)"));
  CHECK(node.get("/_node/other/_system").status == 404);
  const auto all = node.get("/_node/_local/_config");
  CHECK(all.says(R"("cors":{"origins":"app://obsidian.md,capacitor://localhost",)"));
  CHECK(all.says(R"("max_http_request_size":"16777216")"));
  CHECK(node.get("/_node/_local/_config/cors").says(R"("credentials":"true")"));
  CHECK(node.get("/_node/_local/_config/none").body == "{}");
  CHECK(node.get("/_node/_local/_config/couchdb/max_document_size").body == R"("8388608")");
  CHECK(node.get("/_node/_local/_config/couchdb/none").status == 404);
}

TEST_CASE("the configuration is read-only, and a refusal names the setting of the node") {
  couch_node node;
  const auto origins = node.send("PUT", "/_node/_local/_config/cors/origins", "\"*\"");
  CHECK(origins.status == 405);
  CHECK(origins.code() == "method_not_allowed");
  CHECK(origins.says("--cors-origins"));
  CHECK(origins.header("Allow") == "GET, HEAD, OPTIONS");
  CHECK(node.send("PUT", "/_node/_local/_config/none/none", "\"1\"").status == 405);
  CHECK(node.send("DELETE", "/_node/_local/_config/cors/origins").status == 405);
}

TEST_CASE("calls that a node does not do say so") {
  couch_node node;
  node.send("PUT", "/d");
  CHECK(node.get("/_utils").says("/_console"));
  CHECK(node.get("/_utils/index.html").status == 404);
  for (const std::string path :
       {"/_replicate", "/_scheduler/jobs", "/_db_updates", "/d/_find", "/d/_index", "/d/_explain",
        "/d/_index/_design/a/json/b", "/d/_design/x/_view/y", "/d/_design/x/_view/y/queries",
        "/d/_purge", "/d/_purged_infos", "/d/_shards", "/d/_partition/p/_all_docs",
        "/_cluster_setup", "/_reshard", "/d/_design/x/_search/y", "/d/_design/x/_show/y/z",
        "/d/_design/x/_rewrite/a/b/c", "/_search_analyze"}) {
    const auto got = node.send("POST", path, "{}");
    CHECK_MESSAGE(got.status == 501, path);
    CHECK(got.code() == "not_implemented");
  }
  CHECK(node.send("POST", "/d/_view_cleanup").status == 202);
  const auto unknown = node.get("/d/_design");
  CHECK(unknown.status == 404);
  CHECK(unknown.code() == "not_found");
}
