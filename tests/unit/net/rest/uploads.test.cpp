#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <string>

// Bodies of any length: _bulk and _import while their lines arrive.
using treadmill::ec;
using treadmill::error;
using treadmill::tests::header_list;
using treadmill::tests::rest_node;
using treadmill::tests::sink_driver;
using state = treadmill::http::body_sink::state;

namespace {

const header_list ndjson{{"Content-Type", "application/x-ndjson"}};

std::string documents(size_t from, size_t to, size_t id_bytes = 0) {
  std::string lines;
  for (size_t i = from; i < to; ++i) {
    std::string id = "d" + std::to_string(i);
    if (id.size() < id_bytes) id.resize(id_bytes, 'x');
    lines += R"({"id":")" + id + R"(","n":)" + std::to_string(i) + "}\n";
  }
  return lines;
}

size_t occurrences(const std::string& text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

} // namespace

TEST_CASE("a bulk that arrives in pieces is answered as one that came whole") {
  const std::string text =
      "{\"id\":\"a\",\"n\":1}\n\n{\"id\":\"_b\"}\r\n[1]\n{\"id\":\"a\",\"n\":2}\n{\"id\":\"c\"}";
  rest_node whole;
  const auto expected = whole.send("POST", "/b/_bulk", text, ndjson);
  for (const size_t size : {1U, 7U, 1000U}) {
    rest_node node;
    sink_driver driver(node.sink("/b/_bulk", ndjson));
    CHECK(driver.sink().takes_small());
    CHECK(driver.take_all(text, size));
    driver.end();
    const auto got = driver.read();
    CHECK(got.status == 200);
    CHECK(got.body == expected.body);
    CHECK(got.route == "bulk");
  }
}

TEST_CASE("a bulk is written in batches, and its results keep their order") {
  rest_node node;
  const auto done = node.upload("/b/_bulk?create=true", documents(0, 5000), ndjson);
  CHECK(done.status == 200);
  CHECK(
      done.body.starts_with(R"({"status":"OK","count":5000,"results":[{"status":"OK","id":"d0")"));
  CHECK(node.backend.writes >= 5);
  CHECK(node.backend.last_group->ops.size() <= 1000);
  size_t at = 0;
  for (size_t i = 0; i < 5000; ++i) {
    at = done.body.find(R"("id":"d)" + std::to_string(i) + '"', at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(node.get("/b").says("\"documents\":5000"));
  CHECK(node.upload("/b/_bulk?create=true", documents(0, 3), ndjson).says("conflict"));
}

TEST_CASE("results that are many begin before the body's end, with the count behind them") {
  rest_node node;
  sink_driver driver(node.sink("/b/_bulk", ndjson));
  REQUIRE(driver.take_all(documents(0, 8000, 500)));
  CHECK(driver.streams());
  REQUIRE(driver.take_all(documents(8000, 9000, 500)));
  driver.end();
  CHECK(driver.stream_ended);
  const auto got = driver.read();
  CHECK(got.body.starts_with(R"({"results":[{"status":"OK","id":"d0xxx)"));
  CHECK(got.body.ends_with(R"(],"count":9000,"status":"OK"})"));
  CHECK(occurrences(got.body, "\"status\":\"OK\",\"id\"") == 9000);
}

TEST_CASE("a bulk whose client takes no results waits") {
  rest_node node;
  const auto sink = node.sink("/b/_bulk", ndjson);
  std::unique_ptr<treadmill::http::body_stream> stream;
  int wakes = 0;
  sink->start(treadmill::http::responder(
                  [&](treadmill::http::response&& made) { stream = std::move(made.stream); }),
              treadmill::waker([&] { ++wakes; }));
  auto answered = state::ok;
  size_t sent = 0;
  for (; answered == state::ok && sent < 50'000; sent += 100)
    answered = sink->take(documents(sent, sent + 100, 500));
  CHECK(answered == state::wait);
  CHECK(sink->resume() == state::wait);
  REQUIRE(stream);
  std::string text;
  const int before = wakes;
  while (stream->next(text) == treadmill::http::body_stream::state::more) {
  }
  CHECK(wakes > before);
  CHECK(sink->resume() == state::ok);
}

TEST_CASE("a line that is no JSON ends a bulk, and the answer has what was written before") {
  rest_node node;
  const auto done =
      node.upload("/b/_bulk", documents(0, 2500) + "{\"id\":\n" + documents(2500, 9000), ndjson);
  CHECK(done.status == 400);
  CHECK(done.code() == "bad_json");
  CHECK(done.reason().starts_with("line 2501: "));
  const size_t written = occurrences(done.body, "\"status\":\"OK\"");
  CHECK(written >= 1000);
  CHECK(written <= 2500);
  CHECK(done.says("\"count\":" + std::to_string(written) + ",\"results\":["));
  CHECK(node.get("/b").says("\"documents\":" + std::to_string(written)));
}

TEST_CASE("a bulk whose results have begun ends with its error") {
  rest_node node;
  sink_driver driver(node.sink("/b/_bulk", ndjson));
  REQUIRE(driver.take_all(documents(0, 9000, 500)));
  REQUIRE(driver.streams());
  node.backend.refuse_writes = error{ec::disk_full, "the disk is full"};
  CHECK_FALSE(driver.take_all(documents(9000, 9100, 500)));
  CHECK(driver.take({}) == state::refused);
  CHECK(driver.stream_ended);
  CHECK(driver.read().body.ends_with(R"(],"count":9000,"status":"error","error":"disk_full",)"
                                     R"("reason":"lines 9001 to 9019: the disk is full"})"));
}

TEST_CASE("a bulk that the node does not take is refused with its first batch") {
  rest_node node;
  node.backend.refuse_writes = error{ec::overloaded, "there are too many writes"};
  const auto done = node.upload("/b/_bulk", documents(0, 10), ndjson);
  CHECK(done.status == 503);
  CHECK(done.header("Retry-After") == "1");
  CHECK(done.says("\"count\":0"));
}

TEST_CASE("a bulk of which a part is written is not to be repeated as a whole") {
  rest_node node;
  sink_driver driver(node.sink("/b/_bulk", ndjson));
  REQUIRE(driver.take_all(documents(0, 1000), 1'000'000));
  node.backend.refuse_writes = error{ec::overloaded, "there are too many writes"};
  driver.take(documents(1000, 1010));
  const auto got = driver.read();
  CHECK(got.status == 503);
  CHECK(got.header("Retry-After").empty());
  CHECK(got.says("\"count\":1000,"));
  CHECK(got.reason() == "lines 1001 to 1010: there are too many writes");
}

TEST_CASE("a batch whose outcome is unknown makes the answer ambiguous") {
  rest_node node;
  sink_driver driver(node.sink("/b/_bulk", ndjson));
  REQUIRE(driver.take_all(documents(0, 1000), 1'000'000));
  node.backend.refuse_writes = error{ec::ambiguous, "there was no answer in time"};
  driver.take(documents(1000, 1010));
  const auto got = driver.read();
  CHECK(got.status == 500);
  CHECK(got.code() == "ambiguous");
  CHECK(got.says("\"count\":1000,"));
  CHECK(occurrences(got.body, "\"status\":\"OK\"") == 1000);
}

TEST_CASE("a body that breaks off is answered with what was written of it") {
  rest_node node;
  const error late{ec::request_timeout, "the request did not arrive in time"};
  sink_driver bulk(node.sink("/b/_bulk", ndjson));
  REQUIRE(bulk.take_all(documents(0, 10) + "{\"id\":"));
  bulk.fail(late);
  CHECK(bulk.read().status == 408);
  CHECK(bulk.read().says("\"count\":10,\"results\":["));
  CHECK(node.get("/b").says("\"documents\":10,"));

  sink_driver streamed(node.sink("/b/_bulk", ndjson));
  REQUIRE(streamed.take_all(documents(0, 9000, 500)));
  REQUIRE(streamed.streams());
  streamed.fail(late);
  CHECK(streamed.stream_ended);
  CHECK(
      streamed.read().body.ends_with(R"(],"count":9000,"status":"error","error":"request_timeout",)"
                                     R"("reason":"the request did not arrive in time"})"));

  sink_driver copy(node.sink("/copy/_import", ndjson));
  REQUIRE(copy.take_all(node.text("/b/_export")));
  copy.fail(late);
  CHECK(copy.read().status == 408);
  CHECK(copy.read().says("\"count\":"));
}

TEST_CASE("an empty bulk in chunks writes nothing") {
  rest_node node;
  CHECK(node.upload("/b/_bulk", "\n \n", ndjson).body ==
        R"({"status":"OK","count":0,"results":[]})");
  CHECK(node.backend.writes == 0);
}

TEST_CASE("bodies of JSON, atomic bulks and other calls have no sink") {
  rest_node node;
  CHECK_FALSE(node.sink("/b/_bulk", {}));
  CHECK_FALSE(node.sink("/b/_bulk?atomic=true", ndjson));
  CHECK_FALSE(node.sink("/b", {}));
  CHECK_FALSE(node.sink("/b/_get", {}));
  CHECK_FALSE(node.sink("/", ndjson));
  CHECK(node.sink("/b/_bulk?atomic=false", ndjson));
}

TEST_CASE("a request that fails its checks is refused before its body arrives") {
  rest_node node;
  const auto refused = [&](std::string_view target, const header_list& headers) {
    sink_driver driver(node.sink(target, headers));
    CHECK_FALSE(driver.sink().takes_small());
    return driver.read();
  };
  CHECK(refused("/B/_bulk", ndjson).code() == "bad_bucket");
  CHECK(refused("/B/_import", ndjson).code() == "bad_bucket");
  CHECK(refused("/b/_bulk?no=1", ndjson).status == 400);
  CHECK(refused("/b/_import", {{"Content-Type", "text/csv"}}).status == 415);
  const auto foreign =
      refused("/b/_bulk", {{"Content-Type", "application/x-ndjson"}, {"Origin", "http://evil"}});
  CHECK(foreign.status == 403);
  CHECK(foreign.route == "bulk");
}

TEST_CASE("what was not submitted of a bulk whose client is gone is not written") {
  rest_node node;
  sink_driver driver(node.sink("/b/_bulk", ndjson));
  CHECK(driver.take(R"({"id":"a"})"
                    "\n"
                    R"({"id":"b"})") == state::ok);
  driver.drop();
  CHECK(node.get("/b").says("\"documents\":1"));
}

TEST_CASE("a large import is merged batch by batch, to the same bucket") {
  rest_node node;
  node.upload("/b/_bulk", documents(0, 3000), ndjson);
  node.upload("/b/_bulk", documents(0, 100), ndjson);
  node.backend.add_conflict("b", "d7", R"({"other":true})");
  const std::string text = node.text("/b/_export");
  sink_driver driver(node.sink("/copy/_import", ndjson));
  CHECK_FALSE(driver.sink().takes_small()); // a small one stays all or none
  REQUIRE(driver.take_all(text));
  driver.end();
  CHECK(driver.read().body == R"({"status":"OK","count":3001})");
  CHECK(node.get("/copy").member("digest") == node.get("/b").member("digest"));
}

TEST_CASE("a large import that fails says at which line, and keeps what was merged before") {
  rest_node node;
  node.upload("/b/_bulk", documents(0, 3000), ndjson);
  std::string text = node.text("/b/_export");
  const size_t wrong = text.find("\"d2500\"");
  text.insert(text.rfind('\n', wrong) + 1, "{\"id\":1}\n");
  const auto done = node.upload("/copy/_import", text, ndjson);
  CHECK(done.status == 400);
  CHECK(done.reason().starts_with("line "));
  const std::string merged = done.body.substr(done.body.find("\"count\":") + 8);
  CHECK(std::stoul(merged) >= 1000);
  CHECK(node.get("/copy").says("\"documents\":" + std::to_string(std::stoul(merged)) + ","));

  node.backend.refuse_writes = error{ec::disk_full, "the disk is full"};
  const auto full = node.upload("/other/_import", node.text("/b/_export"), ndjson);
  CHECK(full.status == 507);
  CHECK(full.reason().starts_with("lines 1 to "));
  CHECK(full.reason().ends_with(": the disk is full"));
  CHECK(full.says("\"count\":0"));
}
