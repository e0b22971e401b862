#include "storage/base/defaults.hpp"
#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using treadmill::tests::couch_node;
using treadmill::tests::hash_of;

namespace {

struct database_node : couch_node {
  explicit database_node(api::api_options options = {}) : couch_node(std::move(options)) {
    send("PUT", "/db");
  }
  tests::answer bulk(const std::string& docs) {
    return send("POST", "/db/_bulk_docs", R"({"docs":[)" + docs + "]}");
  }
  tests::answer replicas(const std::string& docs) {
    return send("POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[)" + docs + "]}");
  }
};

std::string digest_of(couch_node& node) {
  const auto bucket = node.backend.rows().find_bucket("db");
  return to_hex(node.backend.rows().latest().state(bucket.value().number).value().digest);
}

} // namespace

TEST_CASE("each document of a bulk has a row, in order, and the answer is 201 whatever they say") {
  database_node node;
  const std::string rev = node.wrote("PUT", "/db/old", R"({"n":1})");
  const auto got = node.bulk(R"({"_id":"a","n":1},{"_id":"old","n":2},{"_id":"old","_rev":")" +
                             rev + R"(","n":3},{"n":4},{"_id":"a","n":5})");
  CHECK(got.status == 201);
  CHECK(got.route == "couch_bulk_docs");
  CHECK(got.body.starts_with(R"([{"ok":true,"id":"a","rev":"1-)"));
  CHECK(got.says(R"({"id":"old","error":"conflict","reason":"Document update conflict."},)"
                 R"({"ok":true,"id":"old","rev":"2-)"));
  CHECK(
      got.body.ends_with(R"({"id":"a","error":"conflict","reason":"Document update conflict."}])"));
  CHECK(node.get("/db/old").says(R"("n":3})"));
  CHECK(node.get("/db/a").says(R"("n":1})"));
  CHECK(node.sequence("db") == 4);
  CHECK(node.backend.writes == 2); // the bulk is one group
}

TEST_CASE("a document without an id gets one, and a deletion is a document too") {
  database_node node;
  const auto made = node.bulk(R"({"n":1})");
  CHECK(made.member("id").size() == 32);
  CHECK(node.get("/db/" + made.member("id")).says(R"("n":1})"));
  const auto gone = node.bulk(R"({"_id":")" + made.member("id") + R"(","_rev":")" + made.rev() +
                              R"(","_deleted":true})");
  CHECK(gone.rev().starts_with("2-"));
  CHECK(node.get("/db/" + made.member("id")).reason() == "deleted");
  CHECK(node.bulk("").body == "[]");
  CHECK(node.bulk("").status == 201);
}

TEST_CASE("a bulk with a document that nobody may write is refused whole") {
  database_node node;
  for (const auto& [docs, status, word] :
       {std::tuple{R"({"_id":"a"},{"_id":"_bad"})", 400, "illegal_docid"},
        {R"({"_id":"a"},{"_foo":1})", 400, "doc_validation"},
        {R"({"_id":"a"},{"_rev":"bad"})", 400, "bad_request"},
        {R"({"_id":"a"},{"_id":5})", 400, "bad_request"},
        {R"({"_id":"a"},[])", 400, "bad_request"},
        {R"({"_id":"a"},null)", 400, "bad_request"}}) {
    const auto got = node.bulk(docs);
    INFO(docs);
    CHECK(got.status == status);
    CHECK(got.code() == word);
  }
  for (const std::string_view body :
       {"", "[]", "{}", R"({"docs":{}})", R"({"docs":[],"new_edits":1})", R"({"docs":[{}])"}) {
    INFO(body);
    CHECK(node.send("POST", "/db/_bulk_docs", body).status == 400);
  }
  CHECK(node.send("POST", "/db/_bulk_docs", R"({"docs":[{}],"all_or_nothing":true})").status ==
        501);
  CHECK(node.send("POST", "/none/_bulk_docs", R"({"docs":[{}]})").reason() ==
        "Database does not exist.");
  CHECK(node.send("POST", "/_users/_bulk_docs", R"({"docs":[{}]})").status == 403);
  CHECK(node.sequence("db") == 0);
}

TEST_CASE("a bulk has a bound, and too large a document refuses it") {
  api::api_options options;
  options.limits.items = 3;
  options.limits.document_bytes = 40;
  database_node node(std::move(options));
  CHECK(node.bulk("{},{},{}").status == 201);
  CHECK(node.bulk("{},{},{},{}").status == 413);
  const auto large = node.bulk(R"({"s":")" + std::string(40, 'x') + R"("})");
  CHECK(large.status == 413);
  CHECK(large.code() == "document_too_large");
  CHECK(node.sequence("db") == 3);
}

TEST_CASE("replicas keep their revisions, and only those that were refused have rows") {
  database_node node;
  const std::string docs = R"({"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]}},)"
                           R"({"_id":"b","_rev":"1-x","n":1})";
  const auto done = node.replicas(docs);
  CHECK(done.status == 201);
  CHECK(done.body == "[]");
  CHECK(node.get("/db/a?revs=true").says(R"("_revisions":{"start":2,"ids":["b","a"]})"));
  CHECK(node.get("/db/b").body == R"({"_id":"b","_rev":"1-x","n":1})");
  CHECK(node.sequence("db") == 2);
  CHECK(node.replicas(docs).body == "[]");
  CHECK(node.sequence("db") == 2); // known, so nothing is logged
}

TEST_CASE("a replica that cannot be kept is a forbidden row, and the others are written") {
  database_node node;
  const std::string id(600, 'i');
  const auto got =
      node.replicas(R"({"_id":"a","_rev":"1-a"},{"_id":")" + id +
                    R"(","_rev":"1-B"},{"_id":"c","_rev":"1-c"},{"_id":"d","_rev":"1-d","_x":1})");
  CHECK(got.status == 201);
  CHECK(got.body.starts_with(R"([{"id":")" + id + R"(","rev":"1-B","error":"forbidden",)"));
  CHECK(got.says(R"({"id":"d","rev":"1-d","error":"forbidden",)"));
  CHECK(!got.says(R"("id":"a")"));
  CHECK(node.get("/db/a").status == 200);
  CHECK(node.get("/db/c").status == 200);
  CHECK(node.sequence("db") == 2);
}

TEST_CASE("a replica without a revision refuses the bulk") {
  database_node node;
  for (const std::string_view docs :
       {R"({"_id":"a","_rev":"1-a"},{"_id":"b"})", R"({"_id":"a","_rev":"1-a"},{"_rev":"1-b"})",
        R"({"_id":"a","_rev":"1-a"},{"_id":"b","_rev":"x"})", R"({"_id":"a","_rev":"1-a"},7)"}) {
    INFO(docs);
    CHECK(node.replicas(std::string(docs)).status == 400);
  }
  CHECK(node.sequence("db") == 0);
}

TEST_CASE("replicas may come in any order, and make one branch") {
  database_node node;
  CHECK(node.replicas(R"({"_id":"a","_rev":"3-c","_revisions":{"start":3,"ids":["c","b"]},"n":3},)"
                      R"({"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"n":2})")
            .body == "[]");
  CHECK(node.get("/db/a?revs=true&conflicts=true").body ==
        R"({"_id":"a","_rev":"3-c","n":3,"_revisions":{"start":3,"ids":["c","b","a"]}})");
}

TEST_CASE("the same hash may stand at two generations of a document") {
  database_node node;
  CHECK(node.replicas(
                R"({"_id":"a","_rev":"3-x","_revisions":{"start":3,"ids":["x","x","a"]},"n":3})")
            .body == "[]");
  CHECK(node.get("/db/a?revs=true").says(R"("_revisions":{"start":3,"ids":["x","x","a"]})"));
}

TEST_CASE("a hash of 32 digits in upper case is read in lower case") {
  database_node node;
  CHECK(node.replicas(R"({"_id":"a","_rev":"1-0123456789ABCDEF0123456789ABCDEF"})").body == "[]");
  CHECK(node.get("/db/a").rev().empty());
  CHECK(node.get("/db/a").says(R"("_rev":"1-0123456789abcdef0123456789abcdef")"));
}

TEST_CASE("the same replicas on two nodes, in whatever order, make equal digests") {
  database_node one;
  database_node other;
  const std::string a = R"({"_id":"a","_rev":"2-x","_revisions":{"start":2,"ids":["x","w"]}})";
  const std::string b = R"({"_id":"a","_rev":"2-y","_revisions":{"start":2,"ids":["y","w"]}})";
  one.replicas(a + ',' + b);
  other.replicas(b);
  CHECK(digest_of(one) != digest_of(other));
  other.replicas(a);
  CHECK(digest_of(one) == digest_of(other));
  CHECK(other.get("/db/a").says("2-y"));
}

TEST_CASE("a history is as long as trees keep it, and a bulk has a bound of revisions") {
  database_node node;
  std::string ids = "\"r\"";
  for (int i = 0; i < 1500; ++i) ids += ",\"a\"";
  CHECK(node.replicas(R"({"_id":"a","_revisions":{"start":5000,"ids":[)" + ids + "]}}").body ==
        "[]");
  CHECK(node.get("/db/a").says(R"("_rev":"5000-r")"));
  std::string docs;
  for (int i = 0; i < 401; ++i)
    docs += (i > 0 ? "," : "") + (R"({"_id":"b)" + std::to_string(i)) +
            R"(","_revisions":{"start":5000,"ids":[)" + ids + "]}}";
  const auto many = node.replicas(docs);
  CHECK(many.status == 413);
  CHECK(node.sequence("db") == 1);
}

TEST_CASE("a failed write of a bulk is an error of the whole, never rows") {
  database_node node;
  node.backend.refuse_writes = error{ec::ambiguous, "the disk"};
  CHECK(node.bulk(R"({"_id":"a"})").status == 500);
  node.backend.refuse_writes = error{ec::overloaded, "full"};
  const auto busy = node.replicas(R"({"_id":"a","_rev":"1-a"})");
  CHECK(busy.status == 503);
  CHECK(busy.header("Retry-After") == "1");
}

} // namespace treadmill
