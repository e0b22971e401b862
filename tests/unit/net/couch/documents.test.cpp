#include "storage/documents/revision.hpp"
#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using treadmill::tests::couch_node;
using treadmill::tests::hash_of;

namespace {

/// A node with the database `db`.
struct database_node : couch_node {
  database_node() { send("PUT", "/db"); }
};

void check_conflict(const tests::answer& got) {
  CHECK(got.status == 409);
  CHECK(got.body == R"({"error":"conflict","reason":"Document update conflict."})");
}

} // namespace

TEST_CASE("a new document is created, and read with its revision as the ETag") {
  database_node node;
  const auto made = node.send("PUT", "/db/a", R"({"n":1,"s":"x"})");
  CHECK(made.status == 201);
  const std::string rev = made.rev();
  CHECK(made.body == R"({"ok":true,"id":"a","rev":")" + rev + "\"}");
  CHECK(made.header("ETag") == '"' + rev + '"');
  CHECK(made.header("Location") == "/db/a");
  CHECK("rev" + rev == make_revision({}, false, R"({"n":1,"s":"x"})").text());
  const auto got = node.get("/db/a");
  CHECK(got.status == 200);
  CHECK(got.body == R"({"_id":"a","_rev":")" + rev + R"(","n":1,"s":"x"})");
  CHECK(got.header("ETag") == '"' + rev + '"');
  CHECK(got.header("Cache-Control") == "must-revalidate");
  CHECK(node.send("HEAD", "/db/a").header("ETag") == '"' + rev + '"');
  CHECK(node.get("/db/a", {{"If-None-Match", '"' + rev + '"'}}).status == 304);
  CHECK(node.get("/db/a", {{"If-None-Match", "\"1-x\""}}).status == 200);
}

TEST_CASE("a live document is written with its current revision alone") {
  database_node node;
  const std::string first = node.wrote("PUT", "/db/a", "{}");
  check_conflict(node.send("PUT", "/db/a", "{}"));
  check_conflict(node.send("PUT", "/db/a", R"({"_rev":"1-abc"})"));
  check_conflict(node.send("POST", "/db", R"({"_id":"a"})"));
  const std::string second = node.wrote("PUT", "/db/a", R"({"_rev":")" + first + R"(","n":2})");
  CHECK(second.starts_with("2-"));
  check_conflict(node.send("PUT", "/db/a", R"({"_rev":")" + first + R"(","n":2})"));
  const std::string third = node.wrote("PUT", "/db/a?rev=" + second, "{}");
  const std::string fourth = node.wrote("PUT", "/db/a", "{}", {{"If-Match", '"' + third + '"'}});
  CHECK(fourth.starts_with("4-"));
  CHECK(node.wrote("PUT", "/db/a?rev=" + fourth, R"({"_rev":")" + fourth + "\"}",
                   {{"If-Match", fourth}})
            .starts_with("5-"));
  check_conflict(node.send("PUT", "/db/new?rev=1-a", "{}"));
  CHECK(node.sequence("db") == 5);
}

TEST_CASE("revisions of one request that differ are refused") {
  database_node node;
  const std::string rev = node.wrote("PUT", "/db/a", "{}");
  const std::string body = R"({"_rev":")" + rev + "\"}";
  CHECK(node.send("PUT", "/db/a?rev=1-b", body).status == 400);
  CHECK(node.send("PUT", "/db/a", body, {{"If-Match", "\"1-b\""}}).status == 400);
  CHECK(node.send("PUT", "/db/a?rev=" + rev, "{}", {{"If-Match", "\"1-b\""}}).status == 400);
  CHECK(node.send("DELETE", "/db/a?rev=" + rev, "", {{"If-Match", "\"1-b\""}}).status == 400);
  for (const auto& [target, text] :
       {std::pair<std::string, std::string>{"/db/a", R"({"_rev":"bad"})"},
        {"/db/a?rev=bad", "{}"}}) {
    const auto got = node.send("PUT", target, text);
    CHECK(got.status == 400);
    CHECK(got.body == R"({"error":"bad_request","reason":"Invalid rev format"})");
  }
  CHECK(node.sequence("db") == 1);
}

TEST_CASE("a deleted document is gone, and its tombstone can be read and written on") {
  database_node node;
  const std::string first = node.wrote("PUT", "/db/a", R"({"n":1})");
  check_conflict(node.send("DELETE", "/db/a"));
  check_conflict(node.send("DELETE", "/db/a?rev=1-b"));
  const auto gone = node.send("DELETE", "/db/a?rev=" + first);
  CHECK(gone.status == 200);
  CHECK(gone.rev().starts_with("2-"));
  const auto read = node.get("/db/a");
  CHECK(read.status == 404);
  CHECK(read.body == R"({"error":"not_found","reason":"deleted"})");
  CHECK(node.get("/db/a?rev=" + gone.rev()).body ==
        R"({"_id":"a","_rev":")" + gone.rev() + R"(","_deleted":true})");
  CHECK(node.send("DELETE", "/db/a").reason() == "deleted");
  CHECK(node.send("DELETE", "/db/none").reason() == "missing");
  const std::string back = node.wrote("PUT", "/db/a", R"({"n":2})");
  CHECK(back.starts_with("3-"));
  const std::string ended = node.wrote("DELETE", "/db/a", "{}", {{"If-Match", back}});
  CHECK(node.wrote("PUT", "/db/a?rev=" + ended, "{}").starts_with("5-"));
}

TEST_CASE("a document is deleted by a PUT too") {
  database_node node;
  const std::string rev = node.wrote("PUT", "/db/a", "{}");
  CHECK(node.wrote("PUT", "/db/a?rev=" + rev, R"({"_deleted":true})").starts_with("2-"));
  CHECK(node.get("/db/a").reason() == "deleted");
  CHECK(node.wrote("PUT", "/db/never", R"({"_deleted":true})").starts_with("1-"));
}

TEST_CASE("a POST makes an id where the document has none") {
  database_node node;
  const auto made = node.send("POST", "/db", R"({"n":1})");
  CHECK(made.status == 201);
  CHECK(made.member("id").size() == 32);
  CHECK(made.header("Location") == "/db/" + made.member("id"));
  CHECK(node.get("/db/" + made.member("id")).says(R"("n":1})"));
  CHECK(node.send("POST", "/db/", R"({"_id":"x/y"})").header("Location") == "/db/x%2Fy");
  CHECK(node.get("/db/x%2Fy").status == 200);
  CHECK(node.send("POST", "/db?batch=ok", R"({"_id":"z"})").status == 201);
}

TEST_CASE("a copy takes the winner or the revision that is named") {
  database_node node;
  const std::string first = node.wrote("PUT", "/db/a", R"({"n":1})");
  const auto copied = node.send("COPY", "/db/a", "", {{"Destination", "b%2Fc"}});
  CHECK(copied.status == 201);
  CHECK(copied.member("id") == "b/c");
  CHECK(node.get("/db/b%2Fc").says(R"("n":1})"));
  check_conflict(node.send("COPY", "/db/a", "", {{"Destination", "b%2Fc"}}));
  CHECK(node.wrote("COPY", "/db/a?rev=" + first, "", {{"Destination", "b%2Fc?rev=" + copied.rev()}})
            .starts_with("2-"));
  CHECK(node.send("COPY", "/db/none", "", {{"Destination", "d"}}).status == 404);
  CHECK(node.send("COPY", "/db/a?rev=1-b", "", {{"Destination", "d"}}).status == 404);
  for (const std::string wrong : {"", "http://h/db/d", "_d", "d?rev=x", "%"}) {
    const auto got = node.send("COPY", "/db/a", "", {{"Destination", wrong}});
    CHECK_MESSAGE(got.status == 400, wrong);
  }
  CHECK(node.sequence("db") == 3);
}

TEST_CASE("a conflict shows in the members that are asked for, and each leaf can be deleted") {
  database_node node;
  const std::string first = node.wrote("PUT", "/db/a", R"({"n":1})");
  const std::string second = node.wrote("PUT", "/db/a?rev=" + first, R"({"n":2})");
  CHECK(node.wrote("PUT", "/db/a?new_edits=false", R"({"_rev":"1-b","n":3})") == "1-b");
  CHECK(node.get("/db/a").says(second));
  CHECK(!node.get("/db/a").says("_conflicts"));
  CHECK(node.get("/db/a?conflicts=true").says(R"(,"_conflicts":["1-b"]})"));
  CHECK(node.get("/db/a?rev=1-b").body == R"({"_id":"a","_rev":"1-b","n":3})");
  const std::string gone = node.wrote("DELETE", "/db/a?rev=1-b");
  CHECK(!node.get("/db/a?conflicts=true").says("_conflicts"));
  CHECK(
      node.get("/db/a?deleted_conflicts=true").says(R"(,"_deleted_conflicts":[")" + gone + "\"]}"));
  const auto meta = node.get("/db/a?meta=true");
  CHECK(meta.says("_deleted_conflicts"));
  CHECK(meta.says(R"("_revs_info":[{"rev":")" + second + R"(","status":"available"},{"rev":")" +
                  first + R"(","status":"missing"}])"));
}

TEST_CASE("the past of a revision is shown, as far as the limit of the database") {
  database_node node;
  const std::string first = node.wrote("PUT", "/db/a", "{}");
  const std::string second = node.wrote("PUT", "/db/a?rev=" + first, R"({"n":2})");
  const auto got = node.get("/db/a?revs=true&local_seq=true");
  CHECK(got.says(R"("_revisions":{"start":2,"ids":[")" + hash_of(second) + "\",\"" +
                 hash_of(first) + "\"]}"));
  CHECK(got.says(R"("_local_seq":2})"));
  CHECK(got.header("ETag").empty());
  const auto old = node.get("/db/a?rev=" + first);
  CHECK(old.status == 404);
  CHECK(old.reason() == "missing");
  CHECK(node.get("/db/a?rev=9-x").reason() == "missing");
  node.send("PUT", "/db/_revs_limit", "1");
  CHECK(node.get("/db/a?revs=true").says(R"("ids":[")" + hash_of(second) + "\"]}"));
}

TEST_CASE("the latest revision of a branch is the leaf of that branch") {
  database_node node;
  const std::string first = node.wrote("PUT", "/db/a", R"({"n":1})");
  const std::string second = node.wrote("PUT", "/db/a?rev=" + first, R"({"n":2})");
  node.wrote("PUT", "/db/a?new_edits=false", R"({"_revisions":{"start":2,"ids":["y","x"]},"n":3})");
  CHECK(node.get("/db/a?latest=true&rev=" + first).says(second));
  CHECK(node.get("/db/a?latest=true&rev=1-x").says(R"("_rev":"2-y","n":3})"));
  CHECK(node.get("/db/a?latest=true&rev=1-z").status == 404);
}

TEST_CASE("open revisions are all leaves, or those that are named") {
  database_node node;
  const std::string first = node.wrote("PUT", "/db/a", R"({"n":1})");
  node.wrote("PUT", "/db/a?new_edits=false", R"({"_rev":"1-0"})");
  const std::string gone = node.wrote("DELETE", "/db/a?rev=1-0");
  const treadmill::tests::header_list json{{"Accept", "application/json"}};
  CHECK(node.get("/db/a?open_revs=all", json).body == R"([{"ok":{"_id":"a","_rev":")" + first +
                                                          R"(","n":1}},{"ok":{"_id":"a","_rev":")" +
                                                          gone + R"(","_deleted":true}}])");
  CHECK(node.get("/db/a?open_revs=[%229-x%22]", json).body == R"([{"missing":"9-x"}])");
  CHECK(node.get("/db/a?open_revs=[%221-0%22]&latest=true&revs=true").body ==
        R"([{"ok":{"_id":"a","_rev":")" + gone +
            R"(","_deleted":true,"_revisions":{"start":2,"ids":[")" + hash_of(gone) +
            R"(","0"]}}}])");
  CHECK(node.get("/db/a?open_revs=[%221-0%22,%221-0%22]").body == R"([{"missing":"1-0"}])");
  CHECK(node.get("/db/none?open_revs=all").reason() == "missing");
  CHECK(node.get("/db/none?open_revs=[%221-a%22]").body == R"([{"missing":"1-a"}])");
  for (const std::string wrong : {"[%22keys%22]", "x", "{}", "[1]", "%22all%22", "["}) {
    CHECK_MESSAGE(node.get("/db/a?open_revs=" + wrong).status == 400, wrong);
    CHECK_MESSAGE(node.get("/db/none?open_revs=" + wrong).status == 400, wrong);
  }
}

TEST_CASE(
    "a replica keeps its revisions, changes nothing twice, and 32 hex digits are lower case") {
  database_node node;
  const std::string body = R"({"_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]},"n":1})";
  const auto made = node.send("PUT", "/db/a?new_edits=false", body);
  CHECK(made.status == 201);
  CHECK(made.body == R"({"ok":true,"id":"a","rev":"3-c"})");
  CHECK(node.send("PUT", "/db/a?new_edits=false", body).status == 201);
  CHECK(node.sequence("db") == 1);
  CHECK(node.get("/db/a?revs=true").says(R"("_revisions":{"start":3,"ids":["c","b","a"]}})"));
  CHECK(node.wrote("PUT", "/db/b?new_edits=false",
                   R"({"_rev":"1-ABCDEF0123456789ABCDEF0123456789"})") ==
        "1-abcdef0123456789abcdef0123456789");
  CHECK(node.wrote("POST", "/db?new_edits=false", R"({"_id":"c","_rev":"2-x","_deleted":true})") ==
        "2-x");
  CHECK(node.get("/db/c").reason() == "deleted");
  CHECK(node.wrote("PUT", "/db/a?rev=3-c", R"({"n":2})").starts_with("4-"));
}

TEST_CASE("a replica whose hash is that of its document is Treadmill's own") {
  database_node node;
  const std::string rev = node.wrote("PUT", "/db/a", R"({"n":1})");
  node.send("PUT", "/other");
  node.wrote("PUT", "/other/a?new_edits=false", R"({"_rev":")" + rev + R"(","n":1})");
  const store& rows = node.backend.rows();
  const auto digest = [&](std::string_view bucket) {
    return rows.latest().state(rows.find_bucket(bucket)->number)->digest;
  };
  CHECK(digest("db") == digest("other"));
}

TEST_CASE("of members with one name the last one counts") {
  database_node node;
  node.wrote("PUT", "/db/a", R"({"n":1,"m":{"a":1,"a":2},"n":2})");
  CHECK(node.get("/db/a").says(R"("m":{"a":2},"n":2})"));
}

TEST_CASE("the definitions of native queries are hidden") {
  database_node node;
  treadmill::write_group group;
  auto& op = group.ops.emplace_back();
  op.id = "_query/q";
  op.body = R"({"map":"emits"})";
  node.backend.write("db", false, std::make_shared<const treadmill::write_group>(group), {},
                     [](treadmill::write_answer) {});
  CHECK(node.get("/db/_query%2Fq").reason() == "missing");
  CHECK(node.get("/db/_query/q").status == 404);
  CHECK(node.send("PUT", "/db/_query%2Fq", "{}").code() == "illegal_docid");
  CHECK(node.send("DELETE", "/db/_query%2Fq").reason() == "missing");
  CHECK(node.get("/db/_query%2Fq?open_revs=all").reason() == "missing");
}

} // namespace treadmill
