#include "net/client/node_status.hpp"
#include "tests/unit/net/client/served_node.hpp"
#include <doctest/doctest.h>

namespace treadmill::rest {

namespace {

node_status a_node() {
  node_status status;
  status.url = "http://127.0.0.1:1444";
  status.node =
      R"({"name":"box1","version":"0.1.0","durability":"commit","uptime_seconds":7300.5,"writable":true})";
  status.buckets =
      R"({"buckets":[{"name":"people","documents":2,"deleted":1,"conflicts":0,"sequence":6,"bytes":999},)"
      R"({"name":"places","documents":171075,"deleted":0,"conflicts":12,"sequence":1171076,"bytes":16942194}],"count":2})";
  status.peers =
      R"({"count":2,"peers":[{"name":"box2","state":"live","behind":0,"peer_behind":30770,"lag_ms":0,)"
      R"("refused":["b/x"],"refused_documents":1,"refused_buckets":["shop6","shop7"],"refused_bucket_count":21},)"
      R"({"name":"box3","state":"unreachable","reason":"the peer does not answer","behind":1200,"lag_ms":4100}]})";
  status.queries.emplace_back(
      "places",
      R"({"queries":[{"name":"where","state":"building","rows":1000,"bytes":50000,"progress":0.25,"seconds_left":3,"errors":0,"last_error":null},)"
      R"({"name":"bad","state":"suspended","rows":0,"bytes":0,"progress":1,"errors":10,"last_error":{"id":"p1","message":"Error: x"}}],"count":2})");
  return status;
}

} // namespace

TEST_CASE("a node's status is a line and three tables") {
  CHECK(status_text(a_node()).value() ==
        R"(box1  http://127.0.0.1:1444  version 0.1.0  up 2 h  durability commit
buckets   documents  deleted  conflicts   sequence     size
  people          2        1          0          6    999 B
  places    171,075        0         12  1,171,076  16.9 MB
peers         state  behind  lag  peer behind
  box2         live       0    -       30,770  21 buckets exceed --max-buckets: shop6 shop7 ...; 1 documents above a limit here: b/x
  box3  unreachable   1,200  4 s            0  the peer does not answer
queries             state   rows     size  errors
  places/where   building  1,000  50.0 kB       0  25 %, 3 s left
  places/bad    suspended      0      0 B      10  p1: Error: x
)");
}

TEST_CASE("a node's status names where CouchDB's clients may connect") {
  node_status status = a_node();
  status.node =
      R"({"name":"box1","version":"0.1.0","durability":"commit","uptime_seconds":1,"couch":"127.0.0.1:5984","writable":true})";
  CHECK(status_text(status).value().find("durability commit  couch http://127.0.0.1:5984\n") !=
        std::string::npos);
}

TEST_CASE("a node that takes no writes says so, and one without anything shows empty tables") {
  node_status status;
  status.url = "http://[::1]:1444";
  status.node = R"({"name":"n","writable":false,"uptime_seconds":0.5})";
  status.buckets = R"({"buckets":[]})";
  status.peers = R"({"peers":[]})";
  const std::string text = status_text(status).value();
  CHECK(text.find("up 500 ms") != std::string::npos);
  CHECK(text.find("TAKES NO WRITES\n") != std::string::npos);
  CHECK(text.find("\nbuckets") != std::string::npos);
  CHECK(text.find("\npeers") != std::string::npos);
  CHECK(text.find("queries") == std::string::npos);
}

TEST_CASE("a node without workers for queries says why") {
  node_status status = a_node();
  status.node =
      R"({"name":"n","writable":true,"map_problem":"/bin/treadmill-map is\u001bmissing"})";
  CHECK(status_text(status).value().find("\nNO QUERIES: /bin/treadmill-map is missing\n") !=
        std::string::npos);
  CHECK(status_json(status).find("map_problem") != std::string::npos);
}

TEST_CASE("what others have named does not move the cursor") {
  node_status status = a_node();
  status.peers =
      R"({"peers":[{"name":"b","state":"unreachable","reason":"a\u001b[2Jb\nc\u007fd"}]})";
  const std::string text = status_text(status).value();
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("a [2Jb c d") != std::string::npos);
}

TEST_CASE("the status shows why it cannot read a bucket's queries, and omits a dropped bucket") {
  tests::served_node node;
  for (const char* bucket : {"a", "b"})
    REQUIRE(!node.send("POST", std::string("/") + bucket + "/_query/q", R"({"map":"returns"})")
                 .empty());
  SUBCASE("dropped") {
    node.before = [&](const http::request& request) {
      if (request.path == "/b/_query") node.node.send("DELETE", "/b");
    };
    const auto status = read_status(*node.client);
    REQUIRE(status);
    REQUIRE(status->queries.size() == 1);
    CHECK(status->queries.front().first == "a");
  }
  SUBCASE("unreadable") {
    node.before = [&](const http::request& request) {
      if (request.path == "/b/_query") node.node.backend.close_store();
    };
    const auto status = read_status(*node.client);
    REQUIRE(status);
    CHECK(status->queries.size() == 2);
    const std::string text = status_text(*status).value();
    CHECK(text.find("a/q") != std::string::npos);
    CHECK(text.find("b/_query") != std::string::npos);
    CHECK(text.find("overloaded") != std::string::npos);
    CHECK(status_json(*status).find(R"("b":{"status":"error","error":"overloaded")") !=
          std::string::npos);
  }
}

TEST_CASE("an answer that is not a node's is an error") {
  for (const char* wrong : {"", "[]", "<html>", "{\"a\":"}) {
    CAPTURE(wrong);
    node_status status = a_node();
    status.peers = wrong;
    CHECK(status_text(status).error().code == ec::internal);
  }
}

TEST_CASE("for machines a node's status is one object, a line") {
  const std::string text = status_json(a_node());
  CHECK(text.starts_with(R"({"url":"http://127.0.0.1:1444","node":{"name":"box1",)"));
  CHECK(text.find(R"("queries":{"places":{"queries":[)") != std::string::npos);
  CHECK(text.ends_with("}}\n"));
  CHECK(text.find('\n') == text.size() - 1);
}

} // namespace treadmill::rest
