#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>

using namespace std::chrono_literals;
namespace http = treadmill::http;
using state = http::body_stream::state;
using treadmill::tests::header_list;
using treadmill::tests::rest_node;
using treadmill::tests::stream_driver;

namespace {

void define(rest_node& node, const std::string& map) {
  REQUIRE(node.send("POST", "/b/_query/q", R"({"map":")" + map + "\"}").status < 300);
}

/// Writes a document and brings the index to it.
void put(rest_node& node, const std::string& id, const std::string& body) {
  REQUIRE(node.send("PUT", "/b/" + id, body).status < 300);
  node.backend.catch_up("b", "q");
}

stream_driver follow(rest_node& node, std::string_view target, const header_list& headers = {}) {
  auto got = node.get(target, headers);
  CHECK(got.status == 200);
  REQUIRE(got.stream);
  CHECK(got.stream->is_feed());
  return stream_driver(std::move(got.stream));
}

} // namespace

TEST_CASE("a feed of a query has the rows that leave and enter its answer") {
  rest_node node;
  define(node, "returns");
  node.get("/b/_query/q");
  auto feed = follow(node, "/b/_query/q?feed=continuous");
  CHECK(feed.run() == state::wait);
  CHECK(feed.take().empty());
  put(node, "d1", R"({"n":1})");
  CHECK(feed.wakes > 0);
  CHECK(feed.run() == state::wait);
  CHECK(feed.take() == R"({"seq":2,"id":"d1","removed":[],"added":[{"key":"d1","value":1,"q":1}]})"
                       "\n");
  put(node, "d1", R"({"n":2})");
  feed.run();
  CHECK(feed.take() == R"({"seq":3,"id":"d1","removed":[{"key":"d1","value":1,"q":1}],)"
                       R"("added":[{"key":"d1","value":2,"q":2}]})"
                       "\n");
  put(node, "d1", R"({"n":2,"other":1})"); // no row changed
  put(node, "d2", "{}");
  feed.run();
  CHECK(feed.take().empty());
  node.send("DELETE", "/b/d1");
  node.backend.catch_up("b", "q");
  feed.run();
  CHECK(feed.take() == R"({"seq":6,"id":"d1","removed":[{"key":"d1","value":2,"q":2}],"added":[]})"
                       "\n");
}

TEST_CASE("events carry their sequence, and a feed goes on behind the last one") {
  rest_node node;
  define(node, "emits");
  node.get("/b/_query/q");
  auto feed = follow(node, "/b/_query/q?feed=eventsource");
  put(node, "d1", R"({"e":[["a",1],["b",2]]})");
  put(node, "d2", R"({"e":[["a",3]]})");
  const std::string log = node.get("/b").member("log");
  feed.run();
  CHECK(feed.take() ==
        "id: 2-" + log +
            "\ndata: "
            R"({"seq":2,"id":"d1","removed":[],"added":[{"id":"d1","key":"a","value":1},)"
            R"({"id":"d1","key":"b","value":2}]})"
            "\n\nid: 3-" +
            log +
            "\ndata: "
            R"({"seq":3,"id":"d2","removed":[],"added":[{"id":"d2","key":"a","value":3}]})"
            "\n\n");
  auto next = follow(node, "/b/_query/q?feed=eventsource&since=0", {{"Last-Event-ID", "2"}});
  next.run();
  CHECK(next.take().starts_with("id: 3-"));
  auto since = follow(node, "/b/_query/q?feed=continuous&since=2");
  since.run();
  CHECK(since.take().starts_with("{\"seq\":3,"));
  for (const char* target :
       {"/b/_query/q?feed=continuous&since=3", "/b/_query/q?feed=continuous&since=now"}) {
    auto none = follow(node, target);
    CHECK(none.run() == state::wait);
    CHECK(none.take().empty());
  }
  CHECK(node.get("/b/_query/q?feed=eventsource", {{"Last-Event-ID", "x"}}).status == 400);
  // Rows that a log before had left nobody knows any more: the client is told.
  for (const std::string& foreign : {std::string("99"), "2-" + std::string(32, '0')}) {
    const auto refused = node.get("/b/_query/q?feed=eventsource", {{"Last-Event-ID", foreign}});
    CHECK(refused.status == 400);
    CHECK(refused.reason().find("read the query") != std::string::npos);
  }
  auto same = follow(node, "/b/_query/q?feed=continuous&since=2-" + log);
  same.run();
  CHECK(same.take().starts_with("{\"seq\":3,"));
}

TEST_CASE("a feed of some terms has only their rows") {
  rest_node node;
  define(node, "returns");
  node.get("/b/_query/q");
  auto term = follow(node, "/b/_query/q?feed=continuous&term=2");
  auto range = follow(node, "/b/_query/q?feed=continuous&from=2&to=3&inclusive_end=false");
  auto prefix = follow(node, "/b/_query/q?feed=continuous&prefix=a");
  put(node, "d1", R"({"n":1})");
  put(node, "d1", R"({"n":2})");
  put(node, "d1", R"({"n":3})");
  put(node, "d1", R"({"n":"ab"})");
  for (auto* feed : {&term, &range}) {
    feed->run();
    CHECK(feed->take() ==
          R"({"seq":3,"id":"d1","removed":[],"added":[{"key":"d1","value":2,"q":2}]})"
          "\n"
          R"({"seq":4,"id":"d1","removed":[{"key":"d1","value":2,"q":2}],"added":[]})"
          "\n");
  }
  prefix.run();
  CHECK(prefix.take() ==
        R"({"seq":5,"id":"d1","removed":[],"added":[{"key":"d1","value":"ab","q":"ab"}]})"
        "\n");
}

TEST_CASE("a feed begins when the first build is done, and refuses what is not kept") {
  rest_node node;
  node.send("PUT", "/b/d1", R"({"n":1})");
  define(node, "returns");
  auto feed = follow(node, "/b/_query/q?feed=continuous");
  CHECK(feed.run() == state::wait);
  CHECK(feed.take().empty());
  const auto refused = node.get("/b/_query/q?feed=continuous&since=0");
  CHECK(refused.status == 400);
  CHECK(refused.reason().find("since") != std::string::npos);
  CHECK(node.get("/b/_query/q?feed=eventsource", {{"Last-Event-ID", "0"}}).status == 400);
  node.backend.views->holds_builds = true;
  REQUIRE(node.send("POST", "/b/_query/r", R"({"map":"returns"})").status == 201);
  CHECK(node.get("/b/_query/r?feed=continuous").status == 503);
}

TEST_CASE("a feed sends signs of life, and ends after its timeout") {
  rest_node node;
  define(node, "returns");
  node.get("/b/_query/q");
  auto lines = follow(node, "/b/_query/q?feed=continuous&heartbeat=1000");
  auto events = follow(node, "/b/_query/q?feed=eventsource&heartbeat=1000");
  auto ends = follow(node, "/b/_query/q?feed=continuous&timeout=5000");
  for (auto* feed : {&lines, &events, &ends}) CHECK(feed->run() == state::wait);
  CHECK(lines.stream().due() == node.now + 1s);
  node.now += 1s;
  for (auto* feed : {&lines, &events, &ends}) CHECK(feed->run() == state::wait);
  CHECK(lines.take() == "\n");
  CHECK(events.take() == ":\n\n");
  CHECK(ends.take().empty());
  node.now += 4s;
  CHECK(ends.run() == state::done);
}

TEST_CASE("a feed shows what is durable") {
  rest_node node;
  define(node, "returns");
  node.get("/b/_query/q");
  auto feed = follow(node, "/b/_query/q?feed=continuous");
  CHECK(node.backend.queries().followed(node.backend.rows().find_bucket("b").value().number, "q"));
  node.backend.views->syncs = false;
  put(node, "d1", R"({"n":1})");
  feed.run();
  CHECK(feed.take().empty());
  node.backend.sync();
  feed.run();
  CHECK(feed.take().starts_with("{\"seq\":2,"));
}

TEST_CASE("a feed ends with its query, its index, its bucket and its node") {
  const auto ends = [](const auto& what) {
    rest_node node;
    define(node, "returns");
    node.get("/b/_query/q");
    auto feed = follow(node, "/b/_query/q?feed=continuous");
    CHECK(feed.run() == state::wait);
    const int wakes = feed.wakes;
    what(node);
    CHECK(feed.wakes > wakes);
    return feed.run();
  };
  CHECK(ends([](rest_node& node) { node.send("DELETE", "/b/_query/q"); }) == state::done);
  CHECK(ends([](rest_node& node) { node.send("DELETE", "/b"); }) == state::done);
  CHECK(ends([](rest_node& node) {
          define(node, "emits");
          node.backend.catch_up("b", "q");
        }) == state::done);
  CHECK(ends([](rest_node& node) {
          node.backend.is_stopping = true;
          node.backend.sync();
        }) == state::done);
  CHECK(ends([](rest_node& node) {
          node.backend.views->suspend(node.backend.rows().find_bucket("b").value(), "q", "x");
          node.backend.sync();
        }) == state::done);
  // Whoever keeps the query is started again: it goes on.
  CHECK(ends([](rest_node& node) {
          node.backend.queries().remove(node.backend.rows().find_bucket("b").value().number, "q",
                                        0);
          node.backend.sync();
        }) == state::wait);
}

TEST_CASE("a feed pauses while the store is closed") {
  rest_node node;
  define(node, "returns");
  node.get("/b/_query/q");
  put(node, "d1", R"({"n":1})");
  auto feed = follow(node, "/b/_query/q?feed=continuous&since=1");
  node.backend.close_store();
  CHECK(feed.run() == state::wait);
  CHECK(feed.stream().due() == node.now + 250ms);
  node.backend.open_store();
  CHECK(feed.run() == state::wait);
  CHECK(feed.take().starts_with("{\"seq\":2,"));
}

TEST_CASE("a long feed comes in slices") {
  rest_node node;
  define(node, "returns");
  node.get("/b/_query/q");
  auto feed = follow(node, "/b/_query/q?feed=continuous");
  std::string docs;
  for (int i = 0; i < 5000; ++i) docs += (i > 0 ? "," : "") + std::string(R"({"n":1})");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  node.backend.catch_up("b", "q");
  CHECK(feed.run() == state::wait);
  CHECK(feed.largest < 200'000);
  CHECK(std::count(feed.text.begin(), feed.text.end(), '\n') == 5000);
}
