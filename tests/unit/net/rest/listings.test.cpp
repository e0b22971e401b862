#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <memory>
#include <rapidjson/document.h>

using state = treadmill::http::body_stream::state;
using treadmill::tests::rest_node;
using treadmill::tests::stream_driver;

namespace {

/// The ids of the rows of a listing, with a comma after each; then `next`.
std::string ids_of(const std::string& body) {
  rapidjson::Document parsed;
  parsed.Parse(body.data(), body.size());
  REQUIRE_FALSE(parsed.HasParseError());
  std::string ids;
  for (const auto& row : parsed["rows"].GetArray()) ids += std::string(row["id"].GetString()) + ",";
  CHECK(parsed["count"].GetUint64() == parsed["rows"].Size());
  if (parsed.HasMember("next")) ids += std::string(">") + parsed["next"].GetString();
  return ids;
}

void fill(rest_node& node, const std::vector<std::string>& ids) {
  std::string docs;
  for (const auto& id : ids) docs += (docs.empty() ? "" : ",") + (R"({"id":")" + id + "\"}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
}

} // namespace

TEST_CASE(
    "definitions of queries are in no listing of documents, and counted in the bucket's facts") {
  rest_node node;
  fill(node, {"a", "b"});
  auto group = std::make_shared<treadmill::write_group>();
  group->ops.emplace_back();
  group->ops.back().id = "_query/by-name";
  group->ops.back().body = R"({"map":"d => d.name"})";
  node.backend.write("b", false, group, {}, [](const treadmill::write_answer& answer) {
    REQUIRE(answer.outcomes.front().ok());
  });
  CHECK(ids_of(node.text("/b/_documents")) == "a,b,");
  CHECK(ids_of(node.text("/b/_documents?descending=true&limit=2")) == "b,a,");
  const std::string facts = node.text("/b");
  CHECK(facts.find(R"("documents":2,)") != std::string::npos);
  CHECK(facts.find(R"("queries":1,)") != std::string::npos);
}

TEST_CASE("a listing has the live documents in the order of their ids") {
  rest_node node;
  fill(node, {"b", "a", "\u00e9", "B", "c"});
  node.send("DELETE", "/b/b");
  const auto rev = node.get("/b/a").rev();
  const std::string body = node.text("/b/_documents");
  CHECK(ids_of(body) == "B,a,c,\u00e9,");
  CHECK(body.find(R"({"id":"a","rev":")" + rev + "\"}") != std::string::npos);
  CHECK(node.text("/b/_documents?descending=true&limit=2").find("\"next\":\"c\"") !=
        std::string::npos);
}

TEST_CASE("from and to belong to the range, in the direction of the listing") {
  rest_node node;
  fill(node, {"a", "b", "c", "d", "e"});
  CHECK(ids_of(node.text("/b/_documents?from=b&to=d")) == "b,c,d,");
  CHECK(ids_of(node.text("/b/_documents?from=bb")) == "c,d,e,");
  CHECK(ids_of(node.text("/b/_documents?to=bb")) == "a,b,");
  CHECK(ids_of(node.text("/b/_documents?from=d&to=b&descending=true")) == "d,c,b,");
  CHECK(ids_of(node.text("/b/_documents?from=d&to=b")).empty());
  CHECK(ids_of(node.text("/b/_documents?from=b&to=d&descending=true")).empty());
  CHECK(ids_of(node.text("/b/_documents?from=b&descending=true")) == "b,a,");
}

TEST_CASE("prefix and after narrow the range") {
  rest_node node;
  fill(node, {"a", "ab", "abc", "ac", "b", "a\u00ff"});
  CHECK(ids_of(node.text("/b/_documents?prefix=ab")) == "ab,abc,");
  CHECK(ids_of(node.text("/b/_documents?prefix=a&after=ab")) == "abc,ac,a\u00ff,");
  CHECK(ids_of(node.text("/b/_documents?prefix=a&from=abb&to=ac")) == "abc,ac,");
  CHECK(ids_of(node.text("/b/_documents?prefix=a&after=ac&descending=true")) == "abc,ab,a,");
  CHECK(ids_of(node.text("/b/_documents?after=")) == "a,ab,abc,ac,a\u00ff,b,");
  CHECK(ids_of(node.text("/b/_documents?after=&descending=true&limit=1")) == "b,>b");
}

TEST_CASE("next is there exactly when limit cut the answer, and leads through all rows") {
  rest_node node;
  fill(node, {"a", "b", "c", "d", "e"});
  node.send("DELETE", "/b/e");
  CHECK(ids_of(node.text("/b/_documents?limit=2")) == "a,b,>b");
  CHECK(ids_of(node.text("/b/_documents?limit=2&after=b")) == "c,d,");
  CHECK(ids_of(node.text("/b/_documents?limit=4")) == "a,b,c,d,");
  CHECK(ids_of(node.text("/b/_documents?limit=3&descending=true")) == "d,c,b,>b");
  CHECK(ids_of(node.text("/b/_documents?limit=3&descending=true&after=b")) == "a,");
  CHECK(ids_of(node.text("/b/_documents?limit=0")).empty());
  CHECK(ids_of(node.text("/b/_documents?limit=10000000")) == "a,b,c,d,");
}

TEST_CASE("include_docs adds each document") {
  rest_node node;
  const auto rev = node.send("PUT", "/b/d", R"({"n":1})").rev();
  CHECK(node.text("/b/_documents?include_docs=true") == R"({"rows":[{"id":"d","rev":")" + rev +
                                                            R"(","document":{"id":"d","rev":")" +
                                                            rev + R"(","n":1}}],"count":1})");
}

TEST_CASE("a long listing comes in bounded slices of one snapshot, both ways") {
  rest_node node;
  std::vector<std::string> ids;
  for (int i = 10'000; i < 15'000; ++i) ids.push_back("document-" + std::to_string(i));
  fill(node, ids);
  for (const std::string query : {"", "?descending=true"}) {
    auto got = node.get("/b/_documents" + query);
    REQUIRE(got.stream);
    CHECK(got.status == 200);
    fill(node, {"document-00000" + query.substr(0, 2) + "x", "document-99999"});
    stream_driver driver(std::move(got.stream));
    CHECK(driver.run() == state::done);
    CHECK(driver.slices > 3);
    CHECK(driver.largest < 66'000);
    CHECK_FALSE(driver.stream().is_feed());
    rapidjson::Document parsed;
    parsed.Parse(driver.text.data(), driver.text.size());
    REQUIRE_FALSE(parsed.HasParseError());
    CHECK(parsed["count"].GetUint64() == (query.empty() ? 5000 : 5002));
    CHECK(parsed["rows"].Size() == parsed["count"].GetUint64());
  }
}

TEST_CASE("a listing that has nothing to show stays in bounded slices") {
  rest_node node;
  std::string docs;
  for (int i = 0; i < 9000; ++i)
    docs += (docs.empty() ? "" : ",") + (R"({"id":"d)" + std::to_string(i) + "\"}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  docs.clear();
  for (int i = 0; i < 9000; ++i)
    docs +=
        (docs.empty() ? "" : ",") + (R"({"id":"d)" + std::to_string(i) + R"(","_deleted":true})");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  auto got = node.get("/b/_documents");
  REQUIRE(got.stream);
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::done);
  CHECK(driver.slices >= 3);
  CHECK(driver.text == R"({"rows":[],"count":0})");
}

TEST_CASE("large documents come a few at a time") {
  rest_node node;
  for (const std::string id : {"a", "b", "c", "d"})
    node.send("PUT", "/b/" + id, R"({"text":")" + std::string(700'000, 'x') + "\"}");
  auto got = node.get("/b/_documents?include_docs=true");
  REQUIRE(got.stream);
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::done);
  CHECK(driver.largest < 800'000);
  CHECK(ids_of(driver.text) == "a,b,c,d,");
  // Without their texts the rows are small, but each slice still looks at few of them.
  auto plain = node.get("/b/_documents");
  REQUIRE(plain.stream);
  stream_driver second(std::move(plain.stream));
  CHECK(second.run() == state::done);
  CHECK(second.slices >= 4);
}

TEST_CASE("a listing whose snapshot died is cut, and one that has not begun is an error") {
  rest_node node;
  std::vector<std::string> ids;
  for (int i = 0; i < 3000; ++i) ids.push_back("document-" + std::to_string(i));
  fill(node, ids);
  auto got = node.get("/b/_documents");
  REQUIRE(got.stream);
  REQUIRE(node.backend.writer().try_reopen());
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::cut);
  CHECK(driver.text.find("\"count\"") == std::string::npos);
  CHECK(ids_of(node.text("/b/_documents?limit=1")) == "document-0,>document-0");
}

TEST_CASE("conflicts are listed page by page") {
  rest_node node;
  for (const std::string id : {"a", "b", "c"}) {
    node.send("PUT", "/b/" + id, R"({"n":1})");
    node.send("PUT", "/b/" + id, R"({"n":2})");
    node.backend.add_conflict("b", id, R"({"n":3})");
  }
  CHECK(ids_of(node.text("/b/_conflicts")) == "a,b,c,");
  CHECK(ids_of(node.text("/b/_conflicts?limit=2")) == "a,b,>b");
  CHECK(ids_of(node.text("/b/_conflicts?limit=2&after=b")) == "c,");
  CHECK(node.get("/b").says("\"conflicts\":3"));
}

TEST_CASE("several losing revisions are listed best first") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  node.send("PUT", "/b/d", R"({"n":2})");
  auto first = node.backend.add_conflict("b", "d", R"({"n":3})").text();
  auto second = node.backend.add_conflict("b", "d", R"({"n":4})").text();
  if (first < second) std::swap(first, second);
  CHECK(node.get("/b/_conflicts").says(R"("conflicts":[")" + first + R"(",")" + second + R"("])"));
}

TEST_CASE("more conflicts than one slice holds are all listed") {
  rest_node node;
  for (int i = 0; i < 600; ++i) {
    const std::string id = "d" + std::to_string(1000 + i);
    node.send("PUT", "/b/" + id, R"({"n":1})");
    node.send("PUT", "/b/" + id, R"({"n":2})");
    node.backend.add_conflict("b", id, R"({"n":3})");
  }
  CHECK(node.text("/b/_conflicts").ends_with("\"count\":600}"));
}
