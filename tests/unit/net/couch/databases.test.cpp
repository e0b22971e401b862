#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>
#include <rapidjson/document.h>

namespace treadmill {
using treadmill::tests::couch_node;

TEST_CASE("a database is made once, whatever parameters come along") {
  couch_node node;
  const auto made = node.send("PUT", "/db?q=1&n=3&unknown=x");
  CHECK(made.status == 201);
  CHECK(made.body == R"({"ok":true})");
  CHECK(made.header("Location") == "/db");
  const auto again = node.send("PUT", "/db/");
  CHECK(again.status == 412);
  CHECK(again.code() == "file_exists");
}

TEST_CASE("a name that no database may have is refused, and nothing is made") {
  couch_node node;
  for (const std::string name : {"Db", "1db", "a.b", "_x", "_", "%C3%A4", "a%20b"}) {
    const auto got = node.send("PUT", "/" + name);
    INFO(name);
    CHECK(got.status == 400);
    CHECK(got.code() == "illegal_database_name");
  }
  CHECK(node.backend.rows().buckets().empty());
}

TEST_CASE(
    "names with slashes and signs are kept as they are, in a bucket that has an escaped one") {
  couch_node node;
  CHECK(node.send("PUT", "/a%2Fb").header("Location") == "/a%2Fb");
  CHECK(node.send("PUT", "/a%2Bb").status == 201);
  CHECK(node.get("/_all_dbs").body == R"(["a+b","a/b"])");
  CHECK(node.get("/a%2Fb").member("db_name") == "a/b");
  CHECK(node.backend.rows().find_bucket("a.2fb"));
  CHECK(node.backend.rows().find_bucket("a.2bb"));
}

TEST_CASE("the facts of a database are complete") {
  couch_node node;
  node.send("PUT", "/db");
  node.wrote("PUT", "/db/a", "{}");
  node.wrote("DELETE", "/db/b?rev=" + node.wrote("PUT", "/db/b", "{}"));
  rapidjson::Document facts;
  const std::string text = node.get("/db/").body;
  CHECK(text == node.get("/db").body);
  facts.Parse(text.data(), text.size());
  REQUIRE(!facts.HasParseError());
  CHECK(std::string(facts["db_name"].GetString()) == "db");
  CHECK(facts["doc_count"].GetUint64() == 1);
  CHECK(facts["doc_del_count"].GetUint64() == 1);
  CHECK(facts["disk_format_version"].IsInt());
  CHECK(!facts["compact_running"].GetBool());
  CHECK(facts["props"].IsObject());
  CHECK(facts["cluster"]["q"].GetInt() == 1);
  for (const auto* size : {"file", "external", "active"}) CHECK(facts["sizes"][size].IsUint64());
  CHECK(facts["purge_seq"].IsString());
  const std::string seq = facts["update_seq"].GetString();
  CHECK(seq.starts_with("3-"));
  CHECK(seq.size() == 2 + 16);
  CHECK(facts["instance_start_time"].IsString());
  const std::string instance = facts["instance_start_time"].GetString();
  CHECK(node.send("POST", "/db/_ensure_full_commit").body ==
        R"({"ok":true,"instance_start_time":")" + instance + "\"}");
  CHECK(node.send("DELETE", "/db").status == 200);
  node.send("PUT", "/db");
  CHECK(node.get("/db").member("instance_start_time") != instance);
}

TEST_CASE("a missing database is 404 for every call, and none is made") {
  couch_node node;
  const std::pair<std::string, std::string> calls[] = {{"GET", "/db"},
                                                       {"HEAD", "/db"},
                                                       {"DELETE", "/db"},
                                                       {"POST", "/db"},
                                                       {"GET", "/db/a"},
                                                       {"PUT", "/db/a"},
                                                       {"DELETE", "/db/a"},
                                                       {"COPY", "/db/a"},
                                                       {"GET", "/db/_security"},
                                                       {"PUT", "/db/_security"},
                                                       {"GET", "/db/_revs_limit"},
                                                       {"POST", "/db/_compact"},
                                                       {"GET", "/Db"},
                                                       {"GET", "/db/_design/a"},
                                                       {"POST", "/db/_ensure_full_commit"},
                                                       {"GET", "/_users"},
                                                       {"GET", "/_unknown"}};
  for (const auto& [method, path] : calls) {
    const auto got = node.send(method, path, "{}", {{"Destination", "b"}});
    INFO(method << ' ' << path);
    CHECK(got.status == 404);
    CHECK(got.body == R"({"error":"not_found","reason":"Database does not exist."})");
  }
  CHECK(node.backend.rows().buckets().empty());
}

TEST_CASE("a database is dropped without a revision, and only then") {
  couch_node node;
  node.send("PUT", "/db");
  CHECK(node.send("DELETE", "/db?rev=1-a").status == 400);
  CHECK(node.get("/db").status == 200);
  CHECK(node.send("DELETE", "/db").body == R"({"ok":true})");
  CHECK(node.get("/db").status == 404);
}

TEST_CASE("accounts and replications are refused with a reason") {
  couch_node node;
  for (const std::string path : {"/_users", "/_users/org.couchdb.user:a", "/_replicator/r"}) {
    const auto got = node.send("PUT", path, "{}");
    INFO(path);
    CHECK(got.status == 403);
    CHECK(got.code() == "forbidden");
  }
  CHECK(node.send("POST", "/_users", "{}").status == 403);
  CHECK(node.backend.rows().buckets().empty());
}

TEST_CASE("a full commit waits until what was answered is on disk") {
  couch_node node;
  node.send("PUT", "/db");
  node.backend.sync_writes = false;
  node.wrote("PUT", "/db/a", "{}");
  http::request request;
  request.method = "POST";
  request.path = request.target = "/db/_ensure_full_commit";
  std::optional<http::response> got;
  node.interface.handle(request,
                        http::responder([&](http::response&& answer) { got = std::move(answer); }));
  CHECK(!got);
  CHECK(node.backend.followers() == 1);
  node.backend.sync();
  REQUIRE(got);
  CHECK(got->status == 201);
  CHECK(node.backend.followers() == 0);
}

TEST_CASE("compaction is started, and says so") {
  couch_node node;
  node.send("PUT", "/db");
  CHECK(node.send("POST", "/db/_compact").status == 202);
  CHECK(node.get("/_active_tasks").says(R"("type":"database_compaction")"));
  CHECK(node.get("/db").says(R"("compact_running":true)"));
  CHECK(node.send("POST", "/db/_compact/ddoc").status == 202);
}

TEST_CASE("security and limits are kept, and end with their database") {
  couch_node node;
  node.send("PUT", "/db");
  CHECK(node.get("/db/_security").body == "{}");
  const std::string security = R"({"admins":{"names":["a"],"roles":[]},"other":1})";
  CHECK(node.send("PUT", "/db/_security", security).body == R"({"ok":true})");
  CHECK(node.get("/db/_security").body == security);
  CHECK(node.get("/db/_revs_limit").body == "1000");
  CHECK(node.send("PUT", "/db/_revs_limit", "50").status == 200);
  CHECK(node.get("/db/_revs_limit").body == "50");
  CHECK(node.get("/db/_purged_infos_limit").body == "1000");
  CHECK(node.send("PUT", "/db/_purged_infos_limit", "7").status == 200);
  CHECK(node.get("/db/_purged_infos_limit").body == "7");
  for (const std::string_view wrong : {"", "0", "-1", "1.5", "\"1\"", "x", "{}", "null"}) {
    CHECK(node.send("PUT", "/db/_revs_limit", wrong).status == 400);
    CHECK(node.send("PUT", "/db/_purged_infos_limit", wrong).status == 400);
  }
  for (const std::string_view wrong :
       {"", "[]", R"({"admins":1})", R"({"members":{"names":"a"}})", R"({"admins":{"roles":[1]}})"})
    CHECK(node.send("PUT", "/db/_security", wrong).status == 400);
  CHECK(node.get("/db/_security").body == security);
  node.send("DELETE", "/db");
  node.send("PUT", "/db");
  CHECK(node.get("/db/_security").body == "{}");
  CHECK(node.get("/db/_revs_limit").body == "1000");
}

} // namespace treadmill
