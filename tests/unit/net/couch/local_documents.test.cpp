#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using treadmill::tests::couch_node;

namespace {

struct database_node : couch_node {
  database_node() { send("PUT", "/db"); }
};

} // namespace

TEST_CASE("a local document has one revision, which a write must name") {
  database_node node;
  CHECK(node.get("/db/_local/x%3D%3D").reason() == "missing");
  const auto made = node.send("PUT", "/db/_local/x%3D%3D", R"({"seq":1})");
  CHECK(made.status == 201);
  CHECK(made.body == R"({"ok":true,"id":"_local/x==","rev":"0-1"})");
  CHECK(node.get("/db/_local/x%3D%3D").body == R"({"_id":"_local/x==","_rev":"0-1","seq":1})");
  CHECK(node.send("PUT", "/db/_local/x%3D%3D", "{}").status == 409);
  CHECK(node.send("PUT", "/db/_local/x%3D%3D", R"({"_rev":"0-2"})").status == 409);
  CHECK(node.wrote("PUT", "/db/_local/x%3D%3D", R"({"_id":"_local/x==","_rev":"0-1","seq":2})") ==
        "0-2");
  CHECK(node.wrote("PUT", "/db/_local/x%3D%3D?rev=0-2", "{}") == "0-3");
  CHECK(node.get("/db/_local/x%3D%3D").body == R"({"_id":"_local/x==","_rev":"0-3"})");
  CHECK(node.sequence("db") == 0);
}

TEST_CASE("a local document is deleted with its revision, and begins anew") {
  database_node node;
  node.wrote("PUT", "/db/_local/a", R"({"n":1})");
  CHECK(node.send("DELETE", "/db/_local/a").status == 409);
  CHECK(node.send("DELETE", "/db/_local/a?rev=0-2").status == 409);
  const auto gone = node.send("DELETE", "/db/_local/a?rev=0-1");
  CHECK(gone.status == 200);
  CHECK(gone.body == R"({"ok":true,"id":"_local/a","rev":"0-0"})");
  CHECK(node.get("/db/_local/a").reason() == "missing");
  CHECK(node.send("DELETE", "/db/_local/a?rev=0-1").reason() == "missing");
  CHECK(node.wrote("PUT", "/db/_local/a", "{}") == "0-1");
  CHECK(node.send("PUT", "/db/_local/a", R"({"_rev":"0-1","_deleted":true})").rev() == "0-0");
  CHECK(node.send("PUT", "/db/_local/b", R"({"_rev":"0-1"})").status == 409);
}

TEST_CASE("local documents are in no list and no change, and end with their database") {
  database_node node;
  node.wrote("PUT", "/db/_local/a", R"({"n":1})");
  CHECK(node.text("/db/_all_docs").find("_local") == std::string::npos);
  CHECK(node.text("/db/_changes").find("_local") == std::string::npos);
  CHECK(node.get("/db").says(R"("doc_count":0)"));
  CHECK(node.get("/db/_local%2Fa").says(R"("n":1)"));
  node.send("DELETE", "/db");
  node.send("PUT", "/db");
  CHECK(node.get("/db/_local/a").status == 404);
}

TEST_CASE("what is no local document is refused and changes nothing") {
  database_node node;
  CHECK(node.send("PUT", "/db/_local/x/att", "{}").status == 400);
  CHECK(node.get("/db/_local/x/att").status == 400);
  for (const auto& [body, status] : {std::pair{"", 400},
                                     {"[]", 400},
                                     {R"({"_rev":"1-a"})", 400},
                                     {R"({"_rev":1})", 400},
                                     {R"({"_foo":1})", 400},
                                     {R"({"_rev":"0-x"})", 400}})
    CHECK_MESSAGE(node.send("PUT", "/db/_local/x", body).status == status, body);
  CHECK(node.send("PUT", "/db/_local/x?rev=0-1", R"({"_rev":"0-2"})").status == 400);
  CHECK(node.send("PUT", "/db/_local/" + std::string(513, 'x'), "{}").code() == "illegal_docid");
  for (const char* name : {"_m._bLS2qPmcnRALNAD_bg%3D%3D", "_", "__UomM"}) {
    CHECK(node.send("PUT", "/db/_local/" + std::string(name), "{}").status == 201);
    CHECK(node.get("/db/_local/" + std::string(name)).status == 200);
  }
  CHECK(node.send("PUT", "/none/_local/x", "{}").reason() == "Database does not exist.");
  CHECK(node.send("PUT", "/_users/_local/x", "{}").status == 403);
  CHECK(node.get("/db/_local/x").status == 404);
  CHECK(node.get("/db/_local_docs").status == 501);
}

} // namespace treadmill
