#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>

namespace treadmill {
using treadmill::tests::couch_node;

namespace {

/// A node with the documents a to e; c is deleted, and a native query is defined.
struct listed_node : couch_node {
  listed_node() {
    send("PUT", "/db");
    for (const std::string id : {"a", "b", "c", "d", "e"})
      rev[id[0]] = wrote("PUT", "/db/" + id, "{}");
    rev['c'] = wrote("DELETE", "/db/c?rev=" + rev['c']);
    auto group = std::make_shared<write_group>();
    write_op& query = group->ops.emplace_back();
    query.id = "_query/q";
    query.body = R"({"map":"returns"})";
    backend.write("db", false, group, {}, [](const write_answer&) {});
  }
  std::string row(char id) const {
    const std::string name(1, id);
    return R"({"id":")" + name + R"(","key":")" + name + R"(","value":{"rev":")" + rev.at(id) +
           "\"}}";
  }
  std::string rows(std::string_view ids) const {
    std::string text;
    for (const char id : ids) text += (text.empty() ? "\n" : ",\n") + row(id);
    return text + "\n]}";
  }
  std::string list(const std::string& query) { return text("/db/_all_docs" + query); }

  std::map<char, std::string> rev;
};

std::string head(const std::string& offset) {
  return R"({"total_rows":4,"offset":)" + offset + R"(,"rows":[)";
}

} // namespace

TEST_CASE("all documents are listed by their ids, without deleted ones and native queries") {
  listed_node node;
  CHECK(node.list("") == head("0") + node.rows("abde"));
  CHECK(node.list("?descending=true") == head("0") + node.rows("edba"));
  CHECK(node.list("?limit=2&skip=1") == head("1") + node.rows("bd"));
  CHECK(node.list("?skip=9") == head("4") + "\n]}");
  CHECK(node.list("?limit=0") == head("0") + "\n]}");
  CHECK(node.get("/db/_all_docs").route == "couch_all_docs");
  CHECK(node.get("/none/_all_docs").reason() == "Database does not exist.");
}

TEST_CASE("a range of ids begins and ends where it says, in both directions") {
  listed_node node;
  CHECK(node.list("?startkey=%22b%22") == head("1") + node.rows("bde"));
  CHECK(node.list("?startkey=%22bb%22&endkey=%22d%22") == head("2") + node.rows("d"));
  CHECK(node.list("?start_key=%22a%22&end_key=%22d%22&inclusive_end=false") ==
        head("0") + node.rows("ab"));
  CHECK(node.list("?startkey=%22d%22&endkey=%22b%22&descending=true") ==
        head("1") + node.rows("db"));
  CHECK(node.list("?startkey=%22d%22&endkey=%22b%22&descending=true&inclusive_end=false") ==
        head("1") + node.rows("d"));
  CHECK(node.list("?startkey=%22d%22&endkey=%22b%22") == head("2") + "\n]}");
  CHECK(node.list("?key=%22b%22&inclusive_end=false") == head("1") + node.rows("b"));
  CHECK(node.list("?key=%22c%22") == head("2") + "\n]}");
  CHECK(node.list("?startkey=null&endkey={}") == head("0") + node.rows("abde"));
  CHECK(node.list("?startkey=[]&endkey=5&descending=true") == head("0") + node.rows("edba"));
  CHECK(node.list("?startkey={}") == head("4") + "\n]}");
  CHECK(node.list("?key=true") == head("0") + "\n]}");
}

TEST_CASE("asked keys have a row each, also those that are deleted or missing") {
  listed_node node;
  const auto got = node.send("POST", "/db/_all_docs?include_docs=true",
                             R"({"keys":["e","c","none","e","_query/q"]})");
  CHECK(got.status == 200);
  const std::string e = R"({"id":"e","key":"e","value":{"rev":")" + node.rev['e'] +
                        R"("},"doc":{"_id":"e","_rev":")" + node.rev['e'] + "\"}}";
  CHECK(got.body == head("null") + "\n" + e + R"(,
{"id":"c","key":"c","value":{"rev":")" +
                        node.rev['c'] +
                        R"(","deleted":true},"doc":null},
{"key":"none","error":"not_found"},
)" + e + R"(,
{"key":"_query/q","error":"not_found"}
]})");
  CHECK(node.list("?keys=[%22b%22,%22a%22]&descending=true") == head("null") + node.rows("ab"));
  CHECK(node.list("?keys=[%22b%22,%22a%22]&skip=1") == head("null") + node.rows("a"));
  CHECK(node.list("?keys=[]") == head("null") + "\n]}");
  for (const std::string wrong : {"keys=[]&startkey=%22a%22", "keys=[1]", "keys=a", "limit=-1",
                                  "descending=1", "startkey=a", "endkey={"}) {
    const auto refused = node.get("/db/_all_docs?" + wrong);
    CHECK_MESSAGE(refused.status == 400, wrong);
    CHECK(refused.code() == "query_parse_error");
  }
  CHECK(node.send("POST", "/db/_all_docs", "[]").status == 400);
}

TEST_CASE("the body of a POST may hold every parameter") {
  listed_node node;
  CHECK(node.send("POST", "/db/_all_docs?limit=1", R"({"startkey":"b","limit":2,"skip":null})")
            .body == head("1") + node.rows("bd"));
  CHECK(node.send("POST", "/db/_all_docs", "").body == head("0") + node.rows("abde"));
}

TEST_CASE("documents come with their rows, and with their conflicts") {
  couch_node node;
  node.send("PUT", "/db");
  node.send("POST", "/db/_bulk_docs",
            R"({"new_edits":false,"docs":[{"_id":"a","_rev":"1-x","n":1},)"
            R"({"_id":"a","_rev":"1-y","n":2}]})");
  CHECK(node.text("/db/_all_docs?include_docs=true&conflicts=true") ==
        "{\"total_rows\":1,\"offset\":0,\"rows\":[\n"
        R"({"id":"a","key":"a","value":{"rev":"1-y"},"doc":{"_id":"a","_rev":"1-y","n":2,)"
        R"("_conflicts":["1-x"]}})"
        "\n]}");
  CHECK(!node.text("/db/_all_docs?include_docs=true").empty());
  const std::string sequence = node.get("/db").member("update_seq");
  CHECK(node.text("/db/_all_docs?update_seq=true&limit=0")
            .find(R"("update_seq":")" + sequence + '"') != std::string::npos);
}

TEST_CASE("several lists come in one answer") {
  listed_node node;
  const auto got = node.send("POST", "/db/_all_docs/queries",
                             R"({"queries":[{"keys":["a"]},{"limit":1,"descending":true},{}]})");
  std::string text = got.body;
  if (got.stream) {
    tests::stream_driver driver(node.send("POST", "/db/_all_docs/queries",
                                          R"({"queries":[{"keys":["a"]},)"
                                          R"({"limit":1,"descending":true},{}]})")
                                    .stream);
    CHECK(driver.run() == http::body_stream::state::done);
    text = driver.text;
  }
  CHECK(text == R"({"results":[)" + head("null") + node.rows("a") + ',' + head("0") +
                    node.rows("e") + ',' + head("0") + node.rows("abde") + "]}");
  CHECK(node.send("POST", "/db/_all_docs/queries", R"({"queries":[]})").body ==
        R"({"results":[]})");
  for (const std::string_view wrong :
       {"", "{}", R"({"queries":{}})", R"({"queries":[1]})", R"({"queries":[{"limit":"x"}]})"})
    CHECK(node.send("POST", "/db/_all_docs/queries", wrong).status == 400);
}

TEST_CASE("lists in one answer have a bound, and so have their keys") {
  api::api_options options;
  options.limits.items = 4;
  couch_node node(std::move(options));
  node.send("PUT", "/db");
  const auto ask = [&](const std::string& queries) {
    return node.send("POST", "/db/_all_docs/queries", R"({"queries":[)" + queries + "]}").status;
  };
  CHECK(ask(R"({"keys":["a","b"]},{"keys":["c","d"]})") == 200);
  CHECK(ask(R"({"keys":["a","b","c","d"]},{"keys":["e"]},{})") == 413);
  CHECK(ask(R"({"keys":["a","b","c","d","e"]})") == 400);
  std::string many = "{}";
  for (int i = 0; i < 1000; ++i) many += ",{}";
  CHECK(ask(many) == 413);
}

TEST_CASE("the list of design documents has no others") {
  listed_node node;
  CHECK(node.text("/db/_design_docs") == head("0") + "\n]}");
  CHECK(node.send("POST", "/db/_design_docs", R"({"keys":["a"]})").body ==
        head("null") + "\n{\"key\":\"a\",\"error\":\"not_found\"}\n]}");
  CHECK(node.send("POST", "/db/_design_docs/queries", R"({"queries":[]})").status == 200);
}

TEST_CASE("a long list comes in slices, from one snapshot, and is not counted without end") {
  couch_node node;
  node.send("PUT", "/db");
  for (int part = 0; part < 25; ++part) {
    std::string docs;
    for (int i = 0; i < 1000; ++i)
      docs += (docs.empty() ? "" : ",") +
              (R"({"_id":")" + std::to_string(100'000 + part * 1000 + i)) + "\"}";
    node.send("POST", "/db/_bulk_docs", R"({"docs":[)" + docs + "]}");
  }
  auto got = node.get("/db/_all_docs");
  REQUIRE(got.stream);
  node.wrote("PUT", "/db/z", "{}");
  tests::stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == http::body_stream::state::done);
  CHECK(driver.largest < 70'000);
  CHECK(driver.text.starts_with(R"({"total_rows":25000,"offset":0,)"));
  CHECK(driver.text.find("\"z\"") == std::string::npos);
  CHECK(node.text("/db/_all_docs?startkey=%22110000%22&limit=1")
            .starts_with(R"({"total_rows":25001,"offset":10000,)"));
  CHECK(node.text("/db/_all_docs?startkey=%22124999%22&limit=1")
            .starts_with(R"({"total_rows":25001,"offset":null,)"));
}

} // namespace treadmill
