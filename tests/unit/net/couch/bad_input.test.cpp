#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using treadmill::tests::couch_node;

namespace {

struct bad_request {
  std::string method, target, body;
  int status;
  std::string word;
};

} // namespace

TEST_CASE("a wrong document is refused with a word and a reason, and nothing changes") {
  api::api_options options;
  options.limits.document_bytes = 1024;
  options.limits.depth = 10;
  couch_node node(options);
  node.send("PUT", "/db");
  node.wrote("PUT", "/db/there", "{}");
  const std::string deep = R"({"a":)" + std::string(11, '[') + std::string(11, ']') + "}";
  const std::string large = R"({"a":")" + std::string(1024, 'x') + "\"}";
  const bad_request all[] = {
      {"PUT", "/db/a", "", 400, "bad_request"},
      {"PUT", "/db/a", "{", 400, "bad_request"},
      {"PUT", "/db/a", "[]", 400, "bad_request"},
      {"PUT", "/db/a", "1", 400, "bad_request"},
      {"PUT", "/db/a", "{}{}", 400, "bad_request"},
      {"PUT", "/db/a", R"({"a":"\ud800"})", 400, "bad_request"},
      {"PUT", "/db/a", "{\"a\":\"\xff\"}", 400, "bad_request"},
      {"PUT", "/db/a", deep, 400, "bad_request"},
      {"PUT", "/db/a", large, 413, "document_too_large"},
      {"PUT", "/db/a", R"({"_foo":1})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_":1})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_deleted":1})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_attachments":1})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_attachments":{"a":{}}})", 501, "not_implemented"},
      {"PUT", "/db/a", R"({"_id":1})", 400, "bad_request"},
      {"PUT", "/db/a", R"({"_rev":1})", 400, "bad_request"},
      {"PUT", "/db/a", R"({"_rev":null})", 400, "bad_request"},
      {"PUT", "/db/a", R"({"_revisions":1})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_revisions":{"start":1,"ids":{}}})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_revisions":{"start":1,"ids":[1]}})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_revisions":{"start":1,"ids":["a","b"]}})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_revisions":{"start":1.5,"ids":["a"]}})", 400, "doc_validation"},
      {"PUT", "/db/a", R"({"_revisions":{"ids":["a"]}})", 400, "doc_validation"},
      {"PUT", "/db/a?new_edits=false", "{}", 400, "bad_request"},
      {"PUT", "/db/a?new_edits=x", "{}", 400, "query_parse_error"},
      {"PUT", "/db/a?new_edits=false", R"({"_rev":"2-a","_revisions":{"start":2,"ids":["b"]}})",
       400, "bad_request"},
      {"PUT", "/db/_bad", "{}", 400, "illegal_docid"},
      {"PUT", "/db/_bad?new_edits=false", R"({"_rev":"1-a"})", 400, "illegal_docid"},
      {"PUT", "/db/%01", "{}", 400, "illegal_docid"},
      {"PUT", "/db/%FF", "{}", 400, "illegal_docid"},
      {"PUT", "/db/" + std::string(513, 'a'), "{}", 400, "illegal_docid"},
      {"POST", "/db", R"({"_id":"_bad"})", 400, "illegal_docid"},
      {"POST", "/db", R"({"_id":""})", 400, "illegal_docid"},
      {"PUT", "/db/_design/d", "{}", 501, "not_implemented"},
      {"PUT", "/db/_design%2Fd", "{}", 501, "not_implemented"},
      {"PUT", "/db/a", R"({"id":5})", 501, "not_implemented"},
      {"PUT", "/db/a", R"({"_deleted":true,"v":1})", 501, "not_implemented"},
      {"PUT", "/db/there/att", "x", 501, "not_implemented"},
      {"PUT", "/db/there/a/b.txt", "x", 501, "not_implemented"},
      {"GET", "/db/there/a/b.txt", "", 404, "not_found"},
      {"GET", "/db/there?rev=x", "", 400, "bad_request"},
      {"GET", "/db/there?revs=1", "", 400, "query_parse_error"},
      {"GET", "/db/there?conflicts=yes", "", 400, "query_parse_error"},
      {"GET", "/db/%zz", "", 400, "bad_request"},
      {"GET", "/db//a", "", 400, "bad_request"},
      {"POST", "/db/there", "{}", 405, "method_not_allowed"},
      {"PATCH", "/db/there", "{}", 405, "method_not_allowed"},
      {"COPY", "/db", "", 405, "method_not_allowed"},
  };
  for (const bad_request& one : all) {
    INFO(one.method << ' ' << one.target << ' ' << one.body);
    const auto got = node.send(one.method, one.target, one.body);
    CHECK(got.status == one.status);
    CHECK(got.code() == one.word);
  }
  CHECK(node.sequence("db") == 1);
}

TEST_CASE("a body in parts is refused, and other types are read as JSON") {
  couch_node node;
  node.send("PUT", "/db");
  const auto parts =
      node.send("PUT", "/db/a", "--x", {{"Content-Type", "Multipart/related; boundary=x"}});
  CHECK(parts.status == 415);
  CHECK(parts.code() == "bad_content_type");
  for (const std::string type :
       {"application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"})
    CHECK(node.send("POST", "/db", "{}", {{"Content-Type", type}}).status == 201);
}

TEST_CASE("a refused or lost write says so in CouchDB's form") {
  couch_node node;
  node.send("PUT", "/db");
  const std::pair<ec, int> refusals[] = {{ec::overloaded, 503},
                                         {ec::disk_full, 507},
                                         {ec::shutting_down, 503},
                                         {ec::ambiguous, 500},
                                         {ec::too_large, 413}};
  for (const auto& [code, status] : refusals) {
    node.backend.refuse_writes = error{code, "why"};
    CHECK(node.send("PUT", "/db/a", "{}").status == status);
    CHECK(node.send("PUT", "/other").status == status);
    CHECK(node.send("PUT", "/db/_revs_limit", "5").status == status);
    CHECK(node.send("DELETE", "/db").status == status);
  }
}

} // namespace treadmill
