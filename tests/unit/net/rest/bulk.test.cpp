#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>

using state = treadmill::http::body_stream::state;
using treadmill::tests::rest_node;

TEST_CASE("a bulk creates, updates and deletes in order, each seeing those before it") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/old", R"({"n":1})").rev();
  const auto done = node.send("POST", "/b/_bulk",
                              R"({"docs":[
    {"id":"x","n":1},{"id":"x","n":2},{"id":"old","rev":")" +
                                  rev + R"(","n":2},{"n":3},
    {"id":"x","_deleted":true}]})");
  CHECK(done.status == 200);
  CHECK(done.body.starts_with(
      R"({"status":"OK","count":5,"results":[{"status":"OK","id":"x","rev":"rev1-)"));
  CHECK(done.says(R"({"status":"OK","id":"old","rev":"rev2-)"));
  CHECK(done.says(R"("id":"x","rev":"rev3-)"));
  CHECK(node.get("/b/x").reason() == "deleted");
  CHECK(node.get("/b/old").says("\"n\":2"));
  CHECK(node.get("/b").says(R"("documents":2,"deleted":1,"conflicts":0,"sequence":6)"));
}

TEST_CASE("what is wrong with one document of a bulk is answered in its place") {
  rest_node node;
  const auto first = node.send("PUT", "/b/d", R"({"n":1})").rev();
  const auto current = node.send("PUT", "/b/d", R"({"n":2})").rev();
  const auto done =
      node.send("POST", "/b/_bulk",
                R"({"docs":[{"id":"a"},{"id":"_x"},{"id":"c","rev":"1-x"},3,{"id":"d","rev":")" +
                    first + R"("},{"_deleted":true},{"id":"gone","_deleted":true},{"id":"z"}]})");
  CHECK(done.status == 200);
  CHECK(done.says("\"count\":8"));
  const size_t a = done.body.find(R"({"status":"OK","id":"a")");
  const size_t bad_id = done.body.find(R"({"status":"error","error":"bad_id")");
  const size_t named = done.body.find(R"("id":"_x"})");
  const size_t bad_rev = done.body.find(R"({"status":"error","error":"bad_rev")");
  const size_t no_object = done.body.find(R"({"status":"error","error":"not_object")");
  const size_t conflict = done.body.find(R"({"status":"error","error":"conflict")");
  const size_t winner = done.body.find(R"("id":"d","rev":")" + current + "\"}");
  const size_t no_id = done.body.find(R"({"status":"error","error":"bad_id")", bad_id + 1);
  const size_t missing = done.body.find(R"({"status":"error","error":"not_found")");
  const size_t z = done.body.find(R"({"status":"OK","id":"z")");
  REQUIRE(z != std::string::npos);
  const std::vector<size_t> places{a,        bad_id, named, bad_rev, no_object,
                                   conflict, winner, no_id, missing, z};
  CHECK(std::is_sorted(places.begin(), places.end()));
  CHECK(node.get("/b").says("\"documents\":3"));
}

TEST_CASE("a bulk comes as NDJSON too") {
  rest_node node;
  const treadmill::tests::header_list ndjson{{"Content-Type", "application/x-ndjson"}};
  const auto done =
      node.send("POST", "/b/_bulk",
                "{\"id\":\"a\",\"n\":1}\n\n{\"id\":\"b\"}\r\n[1]\n{\"id\":\"c\"}", ndjson);
  CHECK(done.status == 200);
  CHECK(done.says("\"count\":4"));
  CHECK(done.says("not_object"));
  CHECK(node.text("/b/_documents").find("\"count\":3") != std::string::npos);
  // The same text is no JSON, and JSON alone is no list of documents.
  CHECK(node.send("POST", "/b/_bulk", "{\"id\":\"a\"}\n{\"id\":\"b\"}").code() == "bad_json");
  CHECK(node.send("POST", "/b", "{}", ndjson).status == 415);
}

TEST_CASE("a bulk whose text is at fault is refused whole") {
  rest_node node;
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{"id":"a"},{"id":)").code() == "bad_json");
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[{"id":"a"},{"n":1,"n":2}]})").code() ==
        "duplicate_key");
  CHECK(node.send("POST", "/b/_bulk", R"({"documents":[]})").status == 400);
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[],"all_or_nothing":true})").status == 400);
  CHECK(node.send("POST", "/b/_bulk", "[]").code() == "not_object");
  CHECK(node.send("POST", "/b/_bulk", "").code() == "bad_json");
  CHECK(node.backend.writes == 0);
  CHECK_FALSE(node.backend.rows().find_bucket("b"));
}

TEST_CASE("an empty bulk writes nothing") {
  rest_node node;
  CHECK(node.send("POST", "/b/_bulk", R"({"docs":[]})").body ==
        R"({"status":"OK","count":0,"results":[]})");
  CHECK(node.backend.writes == 0);
}

TEST_CASE("an atomic bulk applies all or none") {
  rest_node node;
  const auto current = node.send("PUT", "/b/d", R"({"n":1})").rev();
  node.send("PUT", "/b/e", "{}");
  const auto refused = node.send("POST", "/b/_bulk?atomic=true",
                                 R"({"docs":[{"id":"a"},{"id":"d","rev":"rev1-aa"},{"id":"c"}]})");
  CHECK(refused.status == 409);
  CHECK(refused.body.starts_with(R"({"status":"error","error":"conflict")"));
  CHECK(refused.says(R"("id":"d","rev":")" + current +
                     R"(","results":[{"status":"error","error":"not_applied")"));
  CHECK(refused.says(R"("id":"c"}]})"));
  CHECK(node.get("/b").says("\"sequence\":2"));
  CHECK(node.send("POST", "/b/_bulk?atomic=true", R"({"docs":[{"id":"a"},{"id":"_b"}]})").status ==
        400);
  CHECK(node.get("/b/a").status == 404);
  const auto done = node.send("POST", "/b/_bulk?atomic=true",
                              R"({"docs":[{"id":"a"},{"id":"d","rev":")" + current + R"("}]})");
  CHECK(done.status == 200);
  CHECK(done.says("\"count\":2"));
  CHECK(node.get("/b").says("\"sequence\":4"));
}

TEST_CASE("a bulk get answers in order, with null where there is none") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/d", R"({"n":1})").rev();
  node.send("PUT", "/b/gone", "{}");
  node.send("DELETE", "/b/gone");
  const auto got = node.send("POST", "/b/_get", R"({"ids":["no","d","gone","","d"]})");
  const std::string d = R"({"id":"d","rev":")" + rev + R"(","n":1})";
  CHECK(got.body == R"({"documents":[null,)" + d + ",null,null," + d + R"(],"count":5})");
  CHECK(node.send("POST", "/b/_get", R"({"ids":[]})").body == R"({"documents":[],"count":0})");
  CHECK(node.send("POST", "/b/_get", R"({"ids":[1]})").status == 400);
  CHECK(node.send("POST", "/b/_get", R"({"keys":[]})").status == 400);
  CHECK(node.send("POST", "/none/_get", R"({"ids":[]})").status == 404);
}

TEST_CASE("a large bulk get is streamed in bounded slices from one snapshot") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"text":")" + std::string(30'000, 'x') + "\"}");
  std::string ids = R"({"ids":[)";
  for (int i = 0; i < 50; ++i) ids += i == 0 ? "\"d\"" : ",\"d\"";
  auto got = node.send("POST", "/b/_get", ids + "]}");
  REQUIRE(got.stream);
  node.send("DELETE", "/b/d");
  treadmill::tests::stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::done);
  CHECK(driver.largest < 100'000);
  CHECK(driver.text.ends_with(R"(],"count":50})"));
  CHECK(driver.text.find("null") == std::string::npos);
}

TEST_CASE("a bulk that only creates leaves what is there, unless its revision is named") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/old", R"({"n":1})").rev();
  const auto gone = node.send("PUT", "/b/gone", "{}");
  node.send("DELETE", "/b/gone");
  const auto done =
      node.send("POST", "/b/_bulk?create=true",
                R"({"docs":[{"id":"old","n":2},{"id":"new","n":2},{"id":"gone","n":2},{"n":3},)"
                R"({"id":"new","n":4},{"id":"old","n":5,"rev":")" +
                    rev + R"("}]})");
  CHECK(done.status == 200);
  const size_t first = done.body.find(R"("error":"conflict")");
  CHECK(first < done.body.find(R"("id":"new","rev":"rev1-)"));
  CHECK(done.body.find(R"("error":"conflict")", first + 1) >
        done.body.find(R"("id":"gone","rev":"rev3-)"));
  CHECK(node.get("/b/new").says("\"n\":2"));
  CHECK(node.get("/b/gone").says("\"n\":2"));
  CHECK(node.get("/b/old").says("\"n\":5"));
  CHECK(node.get("/b").says("\"documents\":4"));
}
