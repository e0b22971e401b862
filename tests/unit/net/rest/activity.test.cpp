// In one file: the feeds and the normal answer are tested with the same few calls.
#include "net/api/activity_feed.hpp"
#include "storage/engine/keys.hpp"
#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <map>
#include <rapidjson/document.h>
#include <set>

namespace keys = treadmill::keys;
using namespace std::chrono_literals;
using state = treadmill::http::body_stream::state;
using treadmill::row_batch;
using treadmill::tests::header_list;
using treadmill::tests::rest_node;
using treadmill::tests::stream_driver;

namespace {

/// "1,2,3/last" of a normal or longpoll answer.
std::string sequences(const std::string& body) {
  rapidjson::Document parsed;
  parsed.Parse(body.data(), body.size());
  REQUIRE_FALSE(parsed.HasParseError());
  std::string text;
  for (const auto& entry : parsed["activity"].GetArray())
    text += (text.empty() ? "" : ",") + std::to_string(entry["seq"].GetUint64());
  CHECK(parsed["count"].GetUint64() == parsed["activity"].Size());
  CHECK(std::string(parsed["log"].GetString()).size() == 32);
  return text + "/" + std::to_string(parsed["last_seq"].GetUint64());
}

/// Five entries: a, b, a again, c, b deleted.
void five_entries(rest_node& node) {
  node.send("PUT", "/b/a", R"({"n":1})");
  node.send("PUT", "/b/b", R"({"n":1})");
  node.send("PUT", "/b/a", R"({"n":2})");
  node.send("PUT", "/b/c", R"({"n":1})");
  node.send("DELETE", "/b/b");
}

stream_driver follow(rest_node& node, std::string_view target, const header_list& headers = {}) {
  auto got = node.get(target, headers);
  CHECK(got.status == 200);
  REQUIRE(got.stream);
  return stream_driver(std::move(got.stream));
}

} // namespace

TEST_CASE("the activity has every change, numbered without a gap, as DESIGN writes it") {
  rest_node node;
  const auto first = node.send("PUT", "/b/abc123", R"({"n":1})").rev();
  const auto second = node.send("DELETE", "/b/abc123").rev();
  const std::string log = node.get("/b").member("log");
  CHECK(node.text("/b/_activity") == R"({"log":")" + log +
                                         R"(","activity":[{"seq":1,"id":"abc123","changes":[")" +
                                         first + R"("]},{"seq":2,"id":"abc123","changes":[")" +
                                         second + R"("],"deleted":true}],"count":2,"last_seq":2})");
}

TEST_CASE("since and limit say what an answer covers") {
  rest_node node;
  five_entries(node);
  CHECK(sequences(node.text("/b/_activity")) == "1,2,3,4,5/5");
  CHECK(sequences(node.text("/b/_activity?feed=normal&since=0")) == "1,2,3,4,5/5");
  CHECK(sequences(node.text("/b/_activity?since=3")) == "4,5/5");
  CHECK(sequences(node.text("/b/_activity?since=5")) == "/5");
  CHECK(sequences(node.text("/b/_activity?since=now")) == "/5");
  CHECK(sequences(node.text("/b/_activity?since=1&limit=2")) == "2,3/3");
  CHECK(sequences(node.text("/b/_activity?limit=5")) == "1,2,3,4,5/5");
  CHECK(sequences(node.text("/b/_activity?limit=0")) == "/0");
  CHECK(sequences(node.text("/b/_activity?limit=0&since=5")) == "/5");
  node.send("PUT", "/empty");
  CHECK(sequences(node.text("/empty/_activity")) == "/0");
}

TEST_CASE("ids shows some documents only") {
  rest_node node;
  five_entries(node);
  node.send("PUT", "/b/x%2Cy", "{}");
  CHECK(sequences(node.text("/b/_activity?ids=a,c")) == "1,3,4/6");
  CHECK(sequences(node.text("/b/_activity?ids=%5B%22a%22%5D")) == "1,3/6");
  CHECK(sequences(node.text("/b/_activity?ids=%5B%22x%2Cy%22%5D")) == "6/6");
  CHECK(sequences(node.text("/b/_activity?ids=%5B%5D")) == "/6");
  CHECK(sequences(node.text("/b/_activity?ids=a&limit=1")) == "1/1");
  CHECK(node.get("/b/_activity?ids=a,,b").status == 400);
  CHECK(node.get("/b/_activity?ids=").status == 400);
  CHECK(node.get("/b/_activity?ids=%5B1%5D").status == 400);
  CHECK(node.get("/b/_activity?ids=%5B").status == 400);
}

TEST_CASE("latest leaves out what is superseded, active what is deleted") {
  rest_node node;
  five_entries(node);
  CHECK(sequences(node.text("/b/_activity?latest=true")) == "3,4,5/5");
  CHECK(sequences(node.text("/b/_activity?active=true")) == "1,3,4/5");
  CHECK(sequences(node.text("/b/_activity?active=true&latest=true")) == "3,4/5");
  CHECK(sequences(node.text("/b/_activity?active=true&latest=true&limit=1")) == "3/3");
  CHECK(sequences(node.text("/b/_activity?active=false&latest=false")) == "1,2,3,4,5/5");
}

TEST_CASE("latest leaves out what is superseded, with marks and without, over many slices") {
  rest_node node;
  // What is superseded as a whole, what is not at all, and what is in turns.
  const auto id_of = [](uint64_t i) {
    return i <= 1500 ? "old" : i <= 2200 ? "d" + std::to_string(i) : "d" + std::to_string(i % 9);
  };
  constexpr uint64_t entries = 4600;
  const uint32_t number = node.backend.writer().create_bucket("b")->number;
  std::map<std::string, uint64_t> last;
  row_batch marks;
  std::string documents;
  for (uint64_t i = 1; i <= entries; ++i) {
    documents += R"({"id":")" + id_of(i) + "\"}\n";
    uint64_t& sequence = last[id_of(i)];
    if (sequence != 0) marks.remove(keys::superseded(number, sequence));
    sequence = i;
  }
  const header_list ndjson{{"Content-Type", "application/x-ndjson"}};
  CHECK(node.send("POST", "/b/_bulk", documents, ndjson).status == 200);
  std::set<uint64_t> current;
  for (const auto& [id, sequence] : last) current.insert(sequence);
  const auto expected = [&](uint64_t since) {
    std::string text;
    for (auto one = current.upper_bound(since); one != current.end(); ++one)
      text += (text.empty() ? "" : ",") + std::to_string(*one);
    return text + "/" + std::to_string(entries);
  };
  CHECK(sequences(node.text("/b/_activity?latest=true")) == expected(0));
  CHECK(sequences(node.text("/b/_activity?latest=true&since=4590")) == expected(4590));
  const std::string first = std::to_string(*current.begin());
  CHECK(sequences(node.text("/b/_activity?latest=true&limit=1")) == first + "/" + first);
  node.backend.commit(marks); // as a version that knew none has written it
  CHECK(sequences(node.text("/b/_activity?latest=true")) == expected(0));
}

TEST_CASE("what is marked as superseded is left out of the activity and of exports without a look "
          "at its document") {
  rest_node node;
  five_entries(node);
  const uint32_t number = node.backend.writer().find_bucket("b")->number;
  row_batch damage;
  damage.remove(keys::document(number, "a"));
  node.backend.commit(damage);
  CHECK(sequences(node.text("/b/_activity?latest=true&limit=0")) == "/0");
  CHECK(sequences(node.text("/b/_activity?latest=true&since=3")) == "4,5/5");
  damage.put(keys::superseded(number, 3), "");
  node.backend.commit(damage);
  CHECK(sequences(node.text("/b/_activity?latest=true")) == "4,5/5");
  CHECK(node.text("/b/_export").find(R"({"count":2})") != std::string::npos);
}

TEST_CASE("include_docs adds the winner of now, and nothing to a deleted document") {
  rest_node node;
  five_entries(node);
  const auto a = node.get("/b/a").body;
  const auto body = node.text("/b/_activity?include_docs=true&limit=3");
  rapidjson::Document parsed;
  parsed.Parse(body.data(), body.size());
  REQUIRE_FALSE(parsed.HasParseError());
  CHECK(parsed["activity"][0]["document"]["n"].GetInt() == 2);
  CHECK_FALSE(parsed["activity"][1].HasMember("document"));
  CHECK(body.find(R"("document":)" + a + "}") != std::string::npos);
}

TEST_CASE("a delete that leaves a losing revision does not say deleted") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  const auto winner = node.send("PUT", "/b/d", R"({"n":2})").rev();
  node.backend.add_conflict("b", "d", R"({"n":3})");
  REQUIRE(node.send("DELETE", "/b/d?rev=" + winner).status == 200);
  CHECK(node.text("/b/_activity").find("deleted") == std::string::npos);
  CHECK(node.get("/b/d").says("\"n\":3"));
}

TEST_CASE("a long activity comes in bounded slices that cover one snapshot") {
  rest_node node;
  std::string docs;
  for (int i = 0; i < 6000; ++i)
    docs += (i == 0 ? "" : ",") +
            (R"({"id":"d)" + std::to_string(i % 3000) + R"(","n":)" + std::to_string(i) + "}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  for (const std::string query : {"", "?latest=true", "?include_docs=true&active=true"}) {
    INFO(query);
    auto driver = follow(node, "/b/_activity" + query);
    node.send("PUT", "/b/later", R"({"q":")" + query + "\"}");
    CHECK(driver.run() == state::done);
    CHECK(driver.slices > 3);
    CHECK(driver.largest < 68'000);
    CHECK_FALSE(driver.stream().is_feed());
    rapidjson::Document parsed;
    parsed.Parse(driver.text.data(), driver.text.size());
    REQUIRE_FALSE(parsed.HasParseError());
    CHECK(parsed["activity"].Size() >= (query == "?latest=true" ? 3000 : 6000));
    CHECK(parsed["last_seq"].GetUint64() <= 6002);
    uint64_t before = 0;
    bool rising = true;
    for (const auto& entry : parsed["activity"].GetArray()) {
      rising = rising && entry["seq"].GetUint64() > before;
      before = entry["seq"].GetUint64();
    }
    CHECK(rising);
    CHECK(before <= parsed["last_seq"].GetUint64());
  }
}

TEST_CASE("documents of an activity come a slice at a time, also where many wait to be shown") {
  rest_node node;
  std::string docs;
  const std::string text(2000, 'x');
  for (int i = 0; i < 700; ++i)
    docs.append(i == 0 ? "" : ",").append(R"({"text":")").append(text).append("\"}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  for (const std::string query : {"", "&limit=650", "&feed=longpoll"}) {
    auto driver = follow(node, "/b/_activity?include_docs=true" + query);
    CHECK(driver.run() == state::done);
    CHECK(driver.largest < 70'000);
    CHECK(sequences(driver.text).ends_with(query == "&limit=650" ? "650/650" : "700/700"));
  }
}

TEST_CASE("an activity of which nothing is asked for stays in bounded slices") {
  rest_node node;
  std::string docs;
  for (int i = 0; i < 9000; ++i) docs += (i == 0 ? "" : ",") + std::string("{}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  auto driver = follow(node, "/b/_activity?ids=nobody");
  CHECK(driver.run() == state::done);
  CHECK(driver.slices >= 3);
  CHECK(sequences(driver.text) == "/9000");
}

TEST_CASE("a longpoll answers at once where there is something") {
  rest_node node;
  five_entries(node);
  const auto got = node.get("/b/_activity?feed=longpoll&since=3");
  CHECK_FALSE(got.stream);
  CHECK(sequences(got.body) == "4,5/5");
  CHECK(sequences(node.get("/b/_activity?feed=longpoll&limit=0").body) == "/0");
}

TEST_CASE("a longpoll waits for activity") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=longpoll&since=now");
  CHECK(driver.stream().is_feed());
  CHECK(driver.run() == state::wait);
  CHECK(driver.run() == state::wait);
  CHECK(driver.wakes == 0);
  node.send("PUT", "/b/d", "{}");
  CHECK(driver.wakes == 1);
  CHECK(driver.run() == state::done);
  CHECK(sequences(driver.text) == "6/6");
}

TEST_CASE("activity between the first look of a feed and its wait is not missed") {
  rest_node node;
  five_entries(node);
  auto got = node.get("/b/_activity?feed=longpoll&since=5");
  REQUIRE(got.stream);
  node.send("PUT", "/b/d", "{}"); // before the server starts the stream
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::done);
  CHECK(sequences(driver.text) == "6/6");
}

TEST_CASE("a longpoll goes on waiting when what came is not what it asks for") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=longpoll&since=now&ids=z");
  CHECK(driver.run() == state::wait);
  node.send("PUT", "/b/d", "{}");
  CHECK(driver.run() == state::wait);
  node.send("PUT", "/b/z", "{}");
  CHECK(driver.run() == state::done);
  CHECK(sequences(driver.text) == "7/7");
}

TEST_CASE("a longpoll ends empty after its timeout, and names what it covers") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=longpoll&since=now&timeout=5000&ids=z");
  CHECK(driver.run() == state::wait);
  CHECK(driver.stream().due() == node.now + 5s);
  node.now += 4999ms;
  node.send("PUT", "/b/d", "{}");
  CHECK(driver.run() == state::wait);
  node.now += 1ms;
  CHECK(driver.run() == state::done);
  CHECK(sequences(driver.text) == "/6");
  auto patient = follow(node, "/b/_activity?feed=longpoll&since=now");
  CHECK(patient.run() == state::wait);
  CHECK(patient.stream().due() == node.now + 60s);
  CHECK(sequences(node.get("/b/_activity?feed=longpoll&since=now&timeout=0").body) == "/6");
}

TEST_CASE("a heartbeat keeps a longpoll alive and leaves its answer JSON") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=longpoll&since=now&heartbeat=1000&timeout=1500");
  CHECK(driver.run() == state::wait);
  for (int i = 0; i < 5; ++i) {
    CHECK(driver.stream().due() == node.now + 1s);
    node.now += 1s;
    CHECK(driver.run() == state::wait);
  }
  CHECK(std::count(driver.text.begin(), driver.text.end(), '\n') == 5);
  node.send("PUT", "/b/d", "{}");
  CHECK(driver.run() == state::done);
  CHECK(sequences(driver.text) == "6/6");
}

TEST_CASE("a feed shows nothing before its sync; the normal answer has all that was acknowledged") {
  rest_node node;
  five_entries(node);
  node.backend.sync_writes = false;
  const auto acknowledged = node.send("PUT", "/b/c", R"({"n":2})");
  REQUIRE(acknowledged.status == 200);
  CHECK(sequences(node.text("/b/_activity?since=4")) == "5,6/6");
  CHECK(node.get("/b/c").says("\"n\":2"));

  CHECK(sequences(node.get("/b/_activity?feed=longpoll&since=now&timeout=0").body) == "/5");
  auto poll = follow(node, "/b/_activity?feed=longpoll&since=now");
  auto lines = follow(node, "/b/_activity?feed=continuous&since=3&include_docs=true");
  auto events = follow(node, "/b/_activity?feed=eventsource&since=5");
  for (int look = 0; look < 2; ++look) {
    CHECK(poll.run() == state::wait);
    CHECK(lines.run() == state::wait);
    CHECK(events.run() == state::wait);
    node.send("PUT", "/b/d", R"({"n":)" + std::to_string(look) + "}");
  }
  const std::string shown = lines.take();
  CHECK(shown.starts_with("{\"seq\":4,\"id\":\"c\""));
  CHECK(shown.find("\"n\":1}") != std::string::npos); // not the document of tomorrow either
  CHECK(shown.find("\"seq\":6") == std::string::npos);
  CHECK(events.text.empty());

  node.backend.sync();
  CHECK(poll.wakes == 1);
  CHECK(poll.run() == state::done);
  CHECK(sequences(poll.text) == "6,7,8/8");
  CHECK(lines.run() == state::wait);
  CHECK(lines.take().starts_with("{\"seq\":6,"));
  CHECK(events.run() == state::wait);
  CHECK(events.take().starts_with("id: 6-"));
}

TEST_CASE("while the store is closed feeds pause, with their heartbeats, and then go on") {
  rest_node node;
  five_entries(node);
  auto poll = follow(node, "/b/_activity?feed=longpoll&since=now&heartbeat=1000");
  auto brief = follow(node, "/b/_activity?feed=longpoll&since=now&timeout=5000");
  auto lines = follow(node, "/b/_activity?feed=continuous&since=now&heartbeat=1000");
  auto events = follow(node, "/b/_activity?feed=eventsource&since=now&timeout=5000");
  for (stream_driver* feed : {&poll, &brief, &lines, &events}) CHECK(feed->run() == state::wait);
  node.backend.close_store();
  CHECK(node.get("/b/_activity").status == 503);
  CHECK(node.get("/b/_activity?feed=continuous").status == 503);
  for (int look = 0; look < 8; ++look) {
    for (stream_driver* feed : {&poll, &brief, &lines, &events}) {
      REQUIRE(feed->run() == state::wait);
      CHECK(feed->stream().due() == node.now + 250ms); // nobody wakes it
    }
    node.now += 250ms;
  }
  CHECK(lines.take() == "\n");
  node.backend.open_store();
  node.send("PUT", "/b/d", "{}");
  for (stream_driver* feed : {&lines, &events}) {
    CHECK(feed->run() == state::wait);
    CHECK(feed->stream().due() > node.now + 250ms);
    CHECK(feed->take().find("{\"seq\":6,") != std::string::npos);
  }
  CHECK(poll.run() == state::done);
  CHECK(sequences(poll.text) == "6/6");
  node.backend.close_store();
  node.now += 5s;
  CHECK(brief.run() == state::done); // in time, and it names what it covers
  CHECK(sequences(brief.text) == "/5");
  CHECK(events.run() == state::done);
}

TEST_CASE("a feed that a reopen interrupts in a slice leaves nothing out") {
  using namespace treadmill;
  rest_node node;
  const std::string text(2000, 'x');
  std::string docs;
  for (int i = 0; i < 200; ++i)
    docs.append(i == 0 ? "" : ",").append(R"({"text":")").append(text).append("\"}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  const bucket_info bucket = node.backend.rows().find_bucket("b").value();
  api::activity_reader reader(
      bucket, {}, api::native_activity(api::feed_mode::continuous, bucket.log_id, {true, false}));
  std::string out;
  CHECK(reader.read(node.backend.rows().latest(), 200, out).value());
  const read_view interrupted = node.backend.rows().snapshot();
  REQUIRE(node.backend.writer().try_reopen());
  for (int look = 0; look < 2; ++look)
    CHECK(reader.read(interrupted, 200, out).error().code == ec::overloaded);
  while (reader.read(node.backend.rows().latest(), 200, out).value()) {
  }
  CHECK(reader.shown() == 200);
}

TEST_CASE("damage cuts a feed") {
  rest_node node;
  five_entries(node);
  auto poll = follow(node, "/b/_activity?feed=longpoll&since=now");
  auto lines = follow(node, "/b/_activity?feed=continuous&since=now");
  CHECK(poll.run() == state::wait);
  CHECK(lines.run() == state::wait);
  const uint32_t bucket = node.backend.rows().find_bucket("b")->number;
  auto kept = node.backend.rows().latest().state(bucket).value();
  ++kept.sequence;
  treadmill::row_batch rows;
  rows.put(treadmill::keys::activity(bucket, kept.sequence), "damaged");
  rows.put(treadmill::keys::bucket_state(bucket), kept.encode());
  node.backend.commit(rows);
  CHECK(poll.run() == state::cut);
  CHECK(lines.run() == state::cut);
  CHECK(node.get("/b/_activity?feed=longpoll&since=5").status == 500);
}

TEST_CASE("a continuous feed sends a line an entry, and goes on") {
  rest_node node;
  five_entries(node);
  auto got = node.get("/b/_activity?feed=continuous&since=3");
  CHECK(got.content_type == "application/x-ndjson");
  stream_driver driver(std::move(got.stream));
  CHECK(driver.stream().is_feed());
  CHECK(driver.run() == state::wait);
  std::string lines = driver.take();
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  CHECK(lines.starts_with(R"({"seq":4,"id":"c","changes":["rev1-)"));
  CHECK(lines.ends_with("\"],\"deleted\":true}\n"));
  const auto rev = node.send("PUT", "/b/d", "{}").rev();
  CHECK(driver.wakes == 1);
  CHECK(driver.run() == state::wait);
  CHECK(driver.take() == R"({"seq":6,"id":"d","changes":[")" + rev + "\"]}\n");
}

TEST_CASE("a continuous feed sends heartbeats in silence only") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=continuous&since=now");
  CHECK(driver.run() == state::wait);
  CHECK(driver.stream().due() == node.now + 30s);
  node.now += 29s;
  node.send("PUT", "/b/d", "{}");
  CHECK(driver.run() == state::wait);
  driver.take();
  node.now += 1s;
  CHECK(driver.run() == state::wait);
  CHECK(driver.take().empty());
  node.now += 29s;
  CHECK(driver.run() == state::wait);
  CHECK(driver.take() == "\n");
  CHECK(driver.stream().due() == node.now + 30s);
  auto quick = follow(node, "/b/_activity?feed=continuous&since=now&heartbeat=1");
  CHECK(quick.run() == state::wait);
  CHECK(quick.stream().due() == node.now + 100ms);
}

TEST_CASE("a timeout ends an endless feed that has nothing to say; a heartbeat keeps it") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=continuous&since=now&timeout=2000");
  CHECK(driver.run() == state::wait);
  node.now += 1900ms;
  node.send("PUT", "/b/d", "{}");
  CHECK(driver.run() == state::wait);
  node.now += 1900ms;
  CHECK(driver.run() == state::wait);
  node.now += 100ms;
  CHECK(driver.run() == state::done);
  auto kept = follow(node, "/b/_activity?feed=continuous&since=now&timeout=2000&heartbeat=1000");
  CHECK(kept.run() == state::wait);
  node.now += 1h;
  CHECK(kept.run() == state::wait);
  CHECK(kept.take() == "\n");
}

TEST_CASE("limit ends a feed after so many entries") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=continuous&since=4&limit=2");
  CHECK(driver.run() == state::wait);
  node.send("PUT", "/b/d", "{}");
  node.send("PUT", "/b/e", "{}");
  CHECK(driver.run() == state::done);
  CHECK(std::count(driver.text.begin(), driver.text.end(), '\n') == 2);
  CHECK(driver.text.find("\"seq\":7") == std::string::npos);
}

TEST_CASE("an eventsource feed sends events that carry their sequence") {
  rest_node node;
  five_entries(node);
  auto got = node.get("/b/_activity?feed=eventsource&since=4");
  CHECK(got.content_type == "text/event-stream");
  CHECK(got.header("Cache-Control") == "no-cache");
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::wait);
  const std::string event = driver.take();
  const std::string log = node.text("/b").substr(node.text("/b").find("\"log\":\"") + 7, 32);
  CHECK(got.header("Treadmill-Log") == log);
  CHECK(event.starts_with("id: 5-" + log + "\ndata: {\"seq\":5,"));
  CHECK(event.ends_with("}\n\n"));
  node.now += 30s;
  CHECK(driver.run() == state::wait);
  CHECK(driver.take() == ":\n\n");
}

TEST_CASE("Last-Event-ID says where an eventsource feed goes on") {
  rest_node node;
  five_entries(node);
  auto driver = follow(node, "/b/_activity?feed=eventsource&since=0", {{"Last-Event-ID", "4"}});
  CHECK(driver.run() == state::wait);
  CHECK(driver.text.starts_with("id: 5-"));
  const std::string id = driver.text.substr(4, driver.text.find('\n') - 4);
  auto same = follow(node, "/b/_activity?feed=eventsource&since=0", {{"Last-Event-ID", id}});
  CHECK(same.run() == state::wait);
  CHECK(same.text.empty());
  for (const char* junk : {"x", "5-", "5-ab", "-5", "5-0123456789ABCDEF0123456789abcdef"})
    CHECK(node.get("/b/_activity?feed=eventsource", {{"Last-Event-ID", junk}}).status == 400);
  CHECK(sequences(node.get("/b/_activity", {{"Last-Event-ID", "4"}}).body) == "1,2,3,4,5/5");
}

TEST_CASE(
    "a place in a log that the bucket has no longer, or never had, begins from the beginning") {
  rest_node node;
  five_entries(node);
  const std::string own = node.get("/b").member("log");
  node.send("DELETE", "/b");
  node.send("PUT", "/b/one", "{}");
  node.send("PUT", "/b/two", "{}");
  const std::string log = node.get("/b").member("log");
  REQUIRE(log != own);
  CHECK(sequences(node.text("/b/_activity?since=1-" + log)) == "2/2");
  // Without a log's id a number is taken as one of this log, where it can be.
  CHECK(sequences(node.text("/b/_activity?since=1")) == "2/2");
  for (const std::string& foreign : {std::string("5"), std::string("18446744073709551615"),
                                     "1-" + own, "5-" + own, "3-" + log}) {
    INFO(foreign);
    CHECK(sequences(node.text("/b/_activity?since=" + foreign)) == "1,2/2");
    CHECK(sequences(node.get("/b/_activity?feed=longpoll&since=" + foreign).body) == "1,2/2");
    auto lines = follow(node, "/b/_activity?feed=continuous&since=" + foreign);
    auto events = follow(node, "/b/_activity?feed=eventsource", {{"Last-Event-ID", foreign}});
    node.send("PUT", "/b/two", R"({"n":1})");
    for (auto* feed : {&lines, &events}) {
      CHECK(feed->run() == state::wait);
      CHECK(feed->text.find(R"({"seq":1,"id":"one")") != std::string::npos);
      CHECK(feed->text.find(R"({"seq":3,"id":"two")") != std::string::npos);
    }
    node.send("DELETE", "/b");
    node.send("PUT", "/b/one", "{}");
    node.send("PUT", "/b/two", "{}");
  }
}

TEST_CASE("the filters hold in endless feeds, also for what comes later") {
  rest_node node;
  five_entries(node);
  auto driver =
      follow(node, "/b/_activity?feed=continuous&latest=true&active=true&include_docs=true");
  CHECK(driver.run() == state::wait);
  std::string lines = driver.take();
  CHECK(lines.starts_with("{\"seq\":3,"));
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  node.send("PUT", "/b/x", R"({"n":1})");
  node.send("PUT", "/b/x", R"({"n":2})");
  node.send("DELETE", "/b/c");
  CHECK(driver.run() == state::wait);
  lines = driver.take();
  CHECK(lines.starts_with("{\"seq\":7,"));
  CHECK(lines.find(R"("document":{"id":"x")") != std::string::npos);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 1);
}

TEST_CASE("a feed reads in bounded slices, however much there is") {
  rest_node node;
  std::string docs;
  for (int i = 0; i < 6000; ++i) docs += (i == 0 ? "" : ",") + std::string("{}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  for (const std::string query : {"", "&include_docs=true"}) {
    auto driver = follow(node, "/b/_activity?feed=continuous" + query);
    CHECK(driver.run() == state::wait);
    CHECK(driver.slices > 3);
    CHECK(driver.largest < 66'000);
    CHECK(std::count(driver.text.begin(), driver.text.end(), '\n') == 6000);
  }
}

TEST_CASE("a drop of the bucket ends its feeds") {
  rest_node node;
  five_entries(node);
  auto lines = follow(node, "/b/_activity?feed=continuous&since=now");
  auto poll = follow(node, "/b/_activity?feed=longpoll&since=now");
  CHECK(lines.run() == state::wait);
  CHECK(poll.run() == state::wait);
  CHECK(node.send("DELETE", "/b").status == 200);
  CHECK(lines.wakes == 1);
  CHECK(lines.run() == state::done);
  CHECK(poll.run() == state::done);
  CHECK(sequences(poll.text) == "/5");
}

TEST_CASE("a node that ends, ends its feeds cleanly") {
  rest_node node;
  five_entries(node);
  auto lines = follow(node, "/b/_activity?feed=continuous&since=now");
  auto poll = follow(node, "/b/_activity?feed=longpoll&since=now");
  CHECK(lines.run() == state::wait);
  CHECK(poll.run() == state::wait);
  node.backend.is_stopping = true;
  CHECK(lines.run() == state::done);
  CHECK(poll.run() == state::done);
  CHECK(sequences(poll.text) == "/5");
}

TEST_CASE("a feed survives a reopen of the store, a normal answer is cut") {
  rest_node node;
  std::string docs;
  for (int i = 0; i < 6000; ++i) docs += (i == 0 ? "" : ",") + std::string("{}");
  REQUIRE(node.send("POST", "/b/_bulk", R"({"docs":[)" + docs + "]}").status == 200);
  auto lines = follow(node, "/b/_activity?feed=continuous");
  auto normal = follow(node, "/b/_activity");
  CHECK(lines.next() == state::more);
  REQUIRE(node.backend.writer().try_reopen());
  CHECK(lines.run() == state::wait);
  CHECK(std::count(lines.text.begin(), lines.text.end(), '\n') == 6000);
  CHECK(normal.run() == state::cut);
}

TEST_CASE("a feed that is gone follows nothing") {
  rest_node node;
  five_entries(node);
  {
    auto driver = follow(node, "/b/_activity?feed=continuous");
    CHECK(node.backend.followers() == 1);
  }
  CHECK(node.backend.followers() == 0);
  node.send("PUT", "/b/d", "{}");
}

TEST_CASE("wrong parameters of the activity are refused") {
  rest_node node;
  five_entries(node);
  for (const std::string query :
       {"since=-1", "since=text", "since=", "since=1.5", "limit=-1", "limit=abc", "limit=10000001",
        "feed=endless", "latest=1", "active=yes", "heartbeat=-1", "heartbeat=true", "timeout=x",
        "timeout=86400001", "since=18446744073709551616"}) {
    INFO(query);
    const auto refused = node.get("/b/_activity?" + query);
    CHECK(refused.status == 400);
    CHECK(refused.code() == "bad_request");
  }
  CHECK(node.get("/none/_activity?feed=continuous").status == 404);
}
