#include "tests/unit/net/couch/couch_client.hpp"
#include <doctest/doctest.h>
#include <rapidjson/document.h>

namespace treadmill {
using namespace std::chrono_literals;
using state = http::body_stream::state;
using treadmill::tests::couch_node;
using treadmill::tests::header_list;
using treadmill::tests::stream_driver;

namespace {

struct database_node : couch_node {
  database_node() { send("PUT", "/db"); }
  std::string put(const std::string& id, const std::string& body = "{}") {
    return wrote("PUT", "/db/" + id, body);
  }
  void replicas(const std::string& docs) {
    send("POST", "/db/_bulk_docs", R"({"new_edits":false,"docs":[)" + docs + "]}");
  }
  std::string changes(const std::string& query = {}) { return text("/db/_changes" + query); }
  std::string last() { return get("/db").member("update_seq"); }
  std::string post(const std::string& query, const std::string& body) {
    const auto got = send("POST", "/db/_changes" + query, body);
    return got.status == 200 ? got.body : std::to_string(got.status);
  }
  stream_driver follow(const std::string& query, const header_list& headers = {}) {
    auto got = get("/db/_changes" + query, headers);
    CHECK(got.status == 200);
    REQUIRE(got.stream);
    return stream_driver(std::move(got.stream));
  }
};

/// "1:a 3:b! last 3 pending 0" of a whole answer: sequences, ids, `!` for a deletion.
std::string summary(const std::string& body) {
  rapidjson::Document parsed;
  parsed.Parse(body.data(), body.size());
  if (parsed.HasParseError()) return "no JSON: " + body;
  const auto number = [](const rapidjson::Value& sequence) {
    const std::string text = sequence.GetString();
    CHECK(text.size() == text.find('-') + 17);
    return text.substr(0, text.find('-'));
  };
  std::string text;
  for (const auto& row : parsed["results"].GetArray()) {
    text += number(row["seq"]) + ':' + row["id"].GetString();
    text += row.HasMember("deleted") && row["deleted"].GetBool() ? "! " : " ";
  }
  return text + "last " + number(parsed["last_seq"]) + " pending " +
         std::to_string(parsed["pending"].GetUint64());
}

} // namespace

TEST_CASE("a document that changed thrice is shown once, at its last sequence") {
  database_node node;
  const std::string first = node.put("a");
  const std::string b = node.put("b");
  const std::string second = node.put("a?rev=" + first);
  const std::string third = node.put("a?rev=" + second);
  CHECK(summary(node.changes()) == "2:b 4:a last 4 pending 0");
  const std::string last = node.last();
  CHECK(last.starts_with("4-"));
  CHECK(node.changes() == "{\"results\":[\n{\"seq\":\"" + node.changes("?limit=1").substr(21, 18) +
                              R"(","id":"b","changes":[{"rev":")" + b + "\"}]},\n{\"seq\":\"" +
                              last + R"(","id":"a","changes":[{"rev":")" + third +
                              "\"}]}\n],\n\"last_seq\":\"" + last + R"(","pending":0})");
  CHECK(node.get("/db/_changes").route == "couch_changes");
  CHECK(node.get("/none/_changes").reason() == "Database does not exist.");
}

TEST_CASE("a deleted document says so, and style=all_docs shows every leaf") {
  database_node node;
  const std::string rev = node.put("a");
  const std::string gone = node.wrote("DELETE", "/db/a?rev=" + rev);
  CHECK(summary(node.changes()) == "2:a! last 2 pending 0");
  CHECK(node.changes("?include_docs=true")
            .find(R"("deleted":true,"doc":{"_id":"a","_rev":")" + gone +
                  R"(","_deleted":true}})") != std::string::npos);
  node.replicas(
      R"({"_id":"b","_rev":"2-x","_revisions":{"start":2,"ids":["x","w"]},"n":1},)"
      R"({"_id":"b","_rev":"2-y","_revisions":{"start":2,"ids":["y","w"]},"n":2},)"
      R"({"_id":"b","_rev":"3-z","_revisions":{"start":3,"ids":["z","v"]},"_deleted":true})");
  CHECK(node.changes().find(R"("id":"b","changes":[{"rev":"2-y"}]})") != std::string::npos);
  CHECK(node.changes("?style=all_docs")
            .find(R"("id":"b","changes":[{"rev":"2-y"},{"rev":"2-x"},{"rev":"3-z"}]})") !=
        std::string::npos);
  CHECK(node.changes("?include_docs=true&conflicts=true")
            .find(R"("doc":{"_id":"b","_rev":"2-y","n":2,"_conflicts":["2-x"]}})") !=
        std::string::npos);
}

TEST_CASE("an answer goes on where the last one ended, and says how much is left") {
  database_node node;
  for (const std::string id : {"a", "b", "c", "d"}) node.put(id);
  node.wrote("DELETE", "/db/b?rev=" + node.get("/db/b").header("ETag").substr(1, 34));
  CHECK(summary(node.changes("?limit=0")) == "last 0 pending 4");
  CHECK(summary(node.changes("?limit=2")) == "1:a 3:c last 3 pending 2");
  const auto got = node.get("/db/_changes?limit=2");
  const std::string since = got.member("last_seq");
  CHECK(summary(node.changes("?since=" + since)) == "4:d 5:b! last 5 pending 0");
  CHECK(summary(node.changes("?since=%22" + since + "%22&limit=1")) == "4:d last 4 pending 1");
  CHECK(summary(node.changes("?since=3")) == "4:d 5:b! last 5 pending 0");
  CHECK(summary(node.changes("?since=now")) == "last 5 pending 0");
  CHECK(summary(node.changes("?since=" + node.last())) == "last 5 pending 0");
  CHECK(summary(node.changes("?since=0")) == summary(node.changes()));
  CHECK(summary(node.changes("?limit=4&seq_interval=2")) == summary(node.changes()));
}

TEST_CASE("a sequence of another log, or of an entry that differs, begins at 0") {
  database_node node;
  node.put("a");
  node.put("b");
  const std::string last = node.last();
  const std::string all = "1:a 2:b last 2 pending 0";
  std::string differs = last;
  differs.back() = differs.back() == '0' ? '1' : '0';
  for (const std::string& since :
       {std::string("2-0123456789abcdef"), std::string("1-g1AAAACeeJzLYWBg"), differs,
        std::string("9"), "9" + last.substr(1), std::string("2-")})
    CHECK_MESSAGE(summary(node.changes("?since=" + since)) == all, since);
  node.send("DELETE", "/db");
  node.send("PUT", "/db");
  node.put("a");
  node.put("b");
  CHECK(summary(node.changes("?since=" + last)) == all);
}

TEST_CASE("parameters of changes that make no sense are refused") {
  database_node node;
  for (const std::string wrong : {"since=x",
                                  "since=-1",
                                  "since=",
                                  "limit=x",
                                  "style=odd",
                                  "feed=odd",
                                  "heartbeat=x",
                                  "heartbeat=0",
                                  "timeout=x",
                                  "descending=1",
                                  "include_docs=yes",
                                  "seq_interval=x",
                                  "descending=true&feed=longpoll",
                                  "filter=_odd",
                                  "filter=odd",
                                  "filter=/x",
                                  "filter=_doc_ids",
                                  "filter=_doc_ids&doc_ids=a",
                                  "filter=_doc_ids&doc_ids=[1]",
                                  "filter=_selector"}) {
    const auto got = node.get("/db/_changes?" + wrong);
    CHECK_MESSAGE(got.status == 400, wrong);
  }
  CHECK(node.get("/db/_changes?unknown=1&attachments=true").status == 200);
  CHECK(node.get("/db/_changes?limit=x&limit=1").status == 200);
}

TEST_CASE("descending shows the newest first") {
  database_node node;
  const std::string rev = node.put("a");
  node.put("b");
  node.put("a?rev=" + rev);
  CHECK(summary(node.changes("?descending=true")) == "3:a 2:b last 2 pending 1");
  CHECK(summary(node.changes("?descending=true&limit=1")).starts_with("3:a last 3"));
  CHECK(summary(node.changes("?descending=true&since=3")).starts_with("3:a 2:b"));
}

TEST_CASE("a filter leaves documents out: by ids, of design documents, by a selector") {
  database_node node;
  node.put("a", R"({"n":1})");
  node.put("b", R"({"n":2})");
  node.put("c", R"({"n":3})");
  CHECK(summary(node.post("?filter=_doc_ids", R"({"doc_ids":["c","a","none"]})")) ==
        "1:a 3:c last 3 pending 0");
  CHECK(summary(node.changes("?filter=_doc_ids&doc_ids=[%22b%22]")) == "2:b last 3 pending 0");
  CHECK(summary(node.changes("?filter=_design")) == "last 3 pending 0");
  CHECK(summary(node.post("?filter=_selector", R"({"selector":{"n":{"$gt":1}}})")) ==
        "2:b 3:c last 3 pending 0");
  CHECK(summary(node.post("?filter=_selector&limit=1", R"({"selector":{"n":{"$gt":1}}})")) ==
        "2:b last 2 pending 1");
  CHECK(summary(node.post("", "")) == "1:a 2:b 3:c last 3 pending 0");
  CHECK(node.post("?filter=_selector", R"({"selector":{"n":{"$odd":1}}})") == "400");
  CHECK(node.post("?filter=_doc_ids", R"({"doc_ids":"a"})") == "400");
  CHECK(node.post("?filter=_doc_ids", "{") == "400");
}

TEST_CASE("a selector sees the leaves that are shown, and deletions") {
  database_node node;
  node.replicas(R"({"_id":"a","_rev":"2-x","_revisions":{"start":2,"ids":["x","w"]},"n":1},)"
                R"({"_id":"a","_rev":"2-y","_revisions":{"start":2,"ids":["y","w"]},"n":2},)"
                R"({"_id":"b","_rev":"1-b","_deleted":true})");
  const std::string one = R"({"selector":{"n":1}})";
  CHECK(summary(node.post("?filter=_selector", one)) == "last 3 pending 0");
  CHECK(node.post("?filter=_selector&style=all_docs", one).find(R"("changes":[{"rev":"2-x"}])") !=
        std::string::npos);
  CHECK(summary(node.post("?filter=_selector", R"({"selector":{"_deleted":true}})")) ==
        "3:b! last 3 pending 0");
}

TEST_CASE("a filter of a design document that is not there is missing") {
  database_node node;
  const auto got = node.get("/db/_changes?filter=app/mine");
  CHECK(got.status == 404);
  CHECK(got.reason() == "missing");
  CHECK(node.get("/db/_changes?filter=_view&view=app/mine").status == 404);
  CHECK(node.get("/db/_changes?filter=_view").status == 400);
}

TEST_CASE("a longpoll beats with line feeds, then has the row") {
  database_node node;
  node.put("a");
  auto poll = node.follow("?feed=longpoll&since=now&heartbeat=1000");
  CHECK(poll.run() == state::wait);
  CHECK(poll.take() == "{\"results\":[\n");
  node.now += 1s;
  CHECK(poll.run() == state::wait);
  CHECK(poll.take() == "\n");
  node.put("b");
  CHECK(poll.wakes > 0);
  CHECK(poll.run() == state::done);
  CHECK(summary("{\"results\":[" + poll.text) == "2:b last 2 pending 0");
  auto at_once = node.get("/db/_changes?feed=longpoll&since=1");
  CHECK(summary(at_once.stream ? "" : at_once.body) == "2:b last 2 pending 0");
}

TEST_CASE("a longpoll without a row ends at its timeout, where it began") {
  database_node node;
  node.put("a");
  auto poll = node.follow("?feed=longpoll&since=now&timeout=500");
  CHECK(poll.run() == state::wait);
  node.now += 500ms;
  CHECK(poll.run() == state::done);
  CHECK(summary(poll.text) == "last 1 pending 0");
}

TEST_CASE("a continuous feed has a line for each row, and ends with the last sequence") {
  database_node node;
  const std::string rev = node.put("a");
  auto lines = node.follow("?feed=continuous&timeout=1000&include_docs=true");
  CHECK(lines.run() == state::wait);
  CHECK(lines.take() == R"({"seq":")" + node.last() + R"(","id":"a","changes":[{"rev":")" + rev +
                            R"("}],"doc":{"_id":"a","_rev":")" + rev + "\"}}\n");
  node.put("b");
  CHECK(lines.run() == state::wait);
  CHECK(lines.take().find(R"("id":"b")") != std::string::npos);
  node.now += 1s;
  CHECK(lines.run() == state::done);
  CHECK(lines.text == R"({"last_seq":")" + node.last() + "\",\"pending\":0}\n");
  auto limited = node.follow("?feed=continuous&limit=1");
  CHECK(limited.run() == state::done);
  CHECK(limited.text.find("\n{\"last_seq\":\"1-") != std::string::npos);
  CHECK(limited.text.ends_with("\"pending\":1}\n"));
}

TEST_CASE("a continuous feed beats, and ends with its database") {
  database_node node;
  auto lines = node.follow("?feed=live&heartbeat=true");
  CHECK(lines.run() == state::wait);
  node.now += 60s;
  CHECK(lines.run() == state::wait);
  CHECK(lines.take() == "\n");
  node.send("DELETE", "/db");
  CHECK(lines.run() == state::done);
  CHECK(lines.text.empty());
}

TEST_CASE("an eventsource has events that a client goes on from") {
  database_node node;
  const std::string rev = node.put("a");
  const std::string first = node.last();
  node.put("b");
  auto events = node.follow("?feed=eventsource&limit=1");
  CHECK(events.run() == state::done);
  CHECK(events.text == R"(data: {"seq":")" + first + R"(","id":"a","changes":[{"rev":")" + rev +
                           "\"}]}\nid: \"" + first + "\"\n\n");
  auto rest =
      node.follow("?feed=eventsource&heartbeat=1000", {{"Last-Event-ID", '"' + first + '"'}});
  CHECK(rest.run() == state::wait);
  CHECK(rest.take().find(R"("id":"b")") < 60);
  node.now += 1s;
  CHECK(rest.run() == state::wait);
  CHECK(rest.take() == "event: heartbeat\ndata: \n\n");
  CHECK(node.get("/db/_changes?feed=eventsource").content_type == "text/event-stream");
}

TEST_CASE("definitions of native queries are no changes") {
  database_node node;
  auto group = std::make_shared<write_group>();
  write_op& query = group->ops.emplace_back();
  query.id = "_query/q";
  query.body = R"({"map":"returns"})";
  node.backend.write("db", false, group, {}, [](const write_answer&) {});
  node.put("a");
  CHECK(summary(node.changes()) == "2:a last 2 pending 0");
}

TEST_CASE("many changes come in slices of one snapshot") {
  database_node node;
  std::string docs;
  for (int i = 0; i < 3000; ++i)
    docs += (docs.empty() ? R"({"_id":"d)" : R"(,{"_id":"d)") + std::to_string(i) + "\"}";
  node.send("POST", "/db/_bulk_docs", R"({"docs":[)" + docs + "]}");
  auto got = node.get("/db/_changes");
  REQUIRE(got.stream);
  node.put("late");
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::done);
  CHECK(driver.largest < 70'000);
  CHECK(driver.text.find("\"late\"") == std::string::npos);
  rapidjson::Document parsed;
  parsed.Parse(driver.text.data(), driver.text.size());
  REQUIRE_FALSE(parsed.HasParseError());
  CHECK(parsed["results"].Size() == 3000);
}

TEST_CASE("a costly selector ends its slice early") {
  database_node node;
  std::string docs;
  const std::string text(300, 'a');
  for (int i = 0; i < 20; ++i) docs += (docs.empty() ? R"({"s":")" : R"(,{"s":")") + text + "\"}";
  node.send("POST", "/db/_bulk_docs", R"({"docs":[)" + docs + "]}");
  auto got = node.send("POST", "/db/_changes?filter=_selector",
                       R"({"selector":{"s":{"$regex":"(a|b)+[cd]"}}})");
  CHECK(got.status == 200);
  REQUIRE(got.stream);
  stream_driver driver(std::move(got.stream));
  CHECK(driver.run() == state::done);
  CHECK(driver.slices > 2);
  CHECK(summary(driver.text) == "last 20 pending 0");
}

} // namespace treadmill
