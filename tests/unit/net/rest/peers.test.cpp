#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <rapidjson/document.h>

using namespace std::chrono_literals;
using treadmill::ec;
using treadmill::error;
using treadmill::link_state;
using treadmill::link_status;
using treadmill::peer_added;
using treadmill::tests::rest_node;

namespace {

constexpr auto path = "/_system/peers";

rapidjson::Document parsed(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

link_status status_of_box2() {
  link_status status;
  status.state = link_state::catching_up;
  status.sequence_number = 41;
  status.behind = 7;
  status.lag = 1500ms;
  status.entries_in = 10;
  status.documents_in = 11;
  status.fetched = 12;
  status.rejected = 13;
  status.restarts = 14;
  status.rescans = 15;
  status.refused = {"places/a \"quoted\" one"};
  status.refused_documents = 16;
  status.peer_behind = 17;
  status.refused_buckets = {"shop6"};
  status.refused_bucket_count = 18;
  status.waited = 19;
  status.cuts = 20;
  status.held_bytes = 21;
  status.buckets = {{"people", 1, 0, 0ms, {}, {}},
                    {"places", 40, 7, 1500ms, 17, "a row is damaged"}};
  return status;
}

} // namespace

TEST_CASE("a node without peers lists none") {
  rest_node node;
  CHECK(node.get(path).body == R"({"count":0,"peers":[]})");
}

TEST_CASE("a peer that is reached is 201, one that is known 200, one that is not reached 202") {
  rest_node node;
  const auto made = node.send("POST", path, R"({"zmq_uri":"tcp://box2:1445"})");
  CHECK(made.status == 201);
  CHECK(made.body == R"({"status":"OK","name":"box2","zmq_uri":"tcp://box2:1445"})");
  CHECK(made.header("Location") == "/_system/peers/box2");
  CHECK(node.get(made.header("Location")).member("name") == "box2");
  node.backend.peer_is = peer_added::how::known;
  CHECK(node.send("POST", path, R"({"zmq_uri":"tcp://box2:1445"})").status == 200);
  node.backend.peer_is = peer_added::how::waiting;
  const auto waiting = node.send("POST", path, R"({"zmq_uri":"tcp://[::1]:1445"})");
  CHECK(waiting.status == 202);
  CHECK(waiting.member("name") == "[::1]:1445");
  CHECK(waiting.header("Location").empty());
}

TEST_CASE("a POST hands over the address, and the buckets in order and once") {
  rest_node node;
  node.send("POST", path, R"({"zmq_uri":"tcp://box2:1445"})");
  CHECK(node.backend.last_peer.zmq_uri == "tcp://box2:1445");
  CHECK(node.backend.last_peer.all_buckets);
  node.send("POST", path, R"({"zmq_uri":"tcp://b\u006fx2:1445","buckets":["b","a","b"]})");
  CHECK(node.backend.last_peer.zmq_uri == "tcp://box2:1445");
  CHECK_FALSE(node.backend.last_peer.all_buckets);
  CHECK(node.backend.last_peer.buckets == std::vector<std::string>{"a", "b"});
  node.send("POST", path, R"({"buckets":null,"zmq_uri":"tcp://box2:1445"})");
  CHECK(node.backend.last_peer.all_buckets);
  CHECK(node.send("POST", path, R"({"zmq_uri":"tcp://box2:1445"})",
                  {{"Content-Type", "application/x-www-form-urlencoded"}})
            .status < 300);
}

TEST_CASE("what is no address of a peer, or says something else, is refused and nothing is asked") {
  rest_node node;
  for (const char* body : {R"({"zmq_uri":"box2:1445"})", R"({"zmq_uri":"http://box2:1445"})",
                           R"({"zmq_uri":"tcp://box2"})", R"({"zmq_uri":"tcp://box2:0"})",
                           R"({"zmq_uri":"tcp://0.0.0.0:1445"})", R"({"zmq_uri":"tcp://*:1445"})",
                           R"({"zmq_uri":"tcp://box2:1445;ipc:///tmp/x"})",
                           R"({"zmq_uri":"ipc:///tmp/x"})", R"({"zmq_uri":"tcp://box2:1445/path"})",
                           R"({"zmq_uri":""})", R"({"zmq_uri":7})", R"({"zmq_uri":null})", R"({})",
                           R"({"buckets":["a"]})", R"({"zmq_uri":"tcp://box2:1445","buckets":"a"})",
                           R"({"zmq_uri":"tcp://box2:1445","buckets":[]})",
                           R"({"zmq_uri":"tcp://box2:1445","buckets":[1]})",
                           R"({"zmq_uri":"tcp://box2:1445","buckets":{"a":1}})",
                           R"({"zmq_uri":"tcp://box2:1445","bucket":["a"]})"}) {
    const auto got = node.send("POST", path, body);
    CHECK_MESSAGE(got.status == 400, body);
    CHECK_MESSAGE(got.code() == "bad_request", body);
  }
  CHECK(node.send("POST", path, R"({"zmq_uri":"tcp://box2:1445","buckets":["A"]})").code() ==
        "bad_bucket");
  CHECK(node.send("POST", path, "").code() == "bad_json");
  CHECK(node.send("POST", path, "[]").code() == "not_object");
  CHECK(node.send("POST", path, "{\"zmq_uri\":\"tcp://box2:1445\",\"zmq_uri\":\"tcp://b:1\"}")
            .code() == "duplicate_key");
  CHECK(node.backend.last_peer.zmq_uri.empty());
  CHECK(node.backend.peers().count() == 0);
}

TEST_CASE("what the node says of a peer is its answer") {
  rest_node node;
  const std::string body = R"({"zmq_uri":"tcp://box2:1445"})";
  node.backend.refuse_peers = error{ec::conflict, "the peer knows another node of this name"};
  const auto refused = node.send("POST", path, body);
  CHECK(refused.status == 409);
  CHECK(refused.code() == "conflict");
  CHECK(refused.reason() == "the peer knows another node of this name");
  node.backend.refuse_peers = error{ec::disk_full, "the disk is full"};
  CHECK(node.send("POST", path, body).status == 507);
  CHECK(node.send("DELETE", "/_system/peers/box2").status == 507);
}

TEST_CASE("a peer is removed by its name or its address, once") {
  rest_node node;
  node.send("POST", path, R"({"zmq_uri":"tcp://box2:1445"})");
  node.backend.peer_is = peer_added::how::waiting;
  node.send("POST", path, R"({"zmq_uri":"tcp://box3:1445"})");
  CHECK(node.get("/_system/peers/box2:1445").member("name") == "box2");
  CHECK(node.get("/_system/peers/box9").status == 404);
  CHECK(node.send("DELETE", "/_system/peers/box2").body == R"({"status":"OK"})");
  CHECK(node.send("DELETE", "/_system/peers/box3%3A1445").status == 200);
  const auto again = node.send("DELETE", "/_system/peers/box2");
  CHECK(again.status == 404);
  CHECK(again.code() == "not_found");
  CHECK(node.get(path).says("\"count\":0"));
}

TEST_CASE("methods, parameters and bodies are held to what the calls take") {
  rest_node node;
  const auto put = node.send("PUT", path, "{}");
  CHECK(put.status == 405);
  CHECK(put.header("Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(node.send("POST", "/_system/peers/box2", "{}").header("Allow") ==
        "GET, HEAD, DELETE, OPTIONS");
  CHECK(node.get("/_system/peers?all=true").status == 400);
  CHECK(node.send("POST", "/_system/peers?wait=1", R"({"zmq_uri":"tcp://box2:1445"})").status ==
        400);
  CHECK(node.send("DELETE", "/_system/peers/box2", "{}").status == 400);
  CHECK(node.send("POST", path, "{}", {{"Content-Type", "text/plain"}}).status == 415);
  CHECK(node.get("/_system/peers/a/b").status == 404);
  CHECK(node.backend.peers().count() == 0);
}

TEST_CASE("each peer shows its link, all of it") {
  rest_node node;
  auto& board = node.backend.peers();
  board.keep(1, "box2", "tcp://box2:1445", "0192f3a0-0000-7000-8000-000000000001");
  board.keep(2, "box1", "", "");
  const auto seen = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 9h + 30min + 7ms;
  board.show(1, status_of_box2(),
             std::chrono::time_point_cast<std::chrono::system_clock::duration>(seen));
  board.show(3, status_of_box2(), {}); // nobody keeps it
  const auto all = parsed(node.get(path).body);
  CHECK(all["count"].GetUint64() == 2);
  const auto& first = all["peers"][0];
  CHECK(std::string(first["name"].GetString()) == "box1");
  CHECK(first["zmq_uri"].IsNull());
  CHECK(first["node_id"].IsNull());
  CHECK(first["last_seen"].IsNull());
  CHECK(std::string(first["state"].GetString()) == "connecting");
  CHECK_FALSE(first.HasMember("reason"));
  const auto& peer = all["peers"][1];
  CHECK(std::string(peer["zmq_uri"].GetString()) == "tcp://box2:1445");
  CHECK(peer["node_id"].GetStringLength() == 36);
  CHECK(std::string(peer["state"].GetString()) == "catching_up");
  CHECK(peer["sequence_number"].GetUint64() == 41);
  CHECK(peer["behind"].GetUint64() == 7);
  CHECK(peer["lag_ms"].GetUint64() == 1500);
  CHECK(std::string(peer["last_seen"].GetString()) == "2026-05-01T09:30:00.007Z");
  CHECK(peer["restarts"].GetUint64() == 14);
  CHECK(peer["rescans"].GetUint64() == 15);
  CHECK(peer["rejected"].GetUint64() == 13);
  CHECK(std::string(peer["refused"][0].GetString()) == "places/a \"quoted\" one");
  CHECK(peer["refused_documents"].GetUint64() == 16);
  CHECK(peer["buckets"].Size() == 2);
  CHECK(std::string(peer["buckets"][1]["bucket"].GetString()) == "places");
  CHECK(peer["buckets"][1]["sequence"].GetUint64() == 40);
  CHECK(peer["buckets"][1]["behind"].GetUint64() == 7);
  CHECK(peer["buckets"][1]["lag_ms"].GetUint64() == 1500);
  CHECK(peer["buckets"][1]["peer_behind"].GetUint64() == 17);
  CHECK(std::string(peer["buckets"][1]["reason"].GetString()) == "a row is damaged");
  CHECK_FALSE(peer["buckets"][0].HasMember("peer_behind"));
  CHECK_FALSE(peer["buckets"][0].HasMember("reason"));
  CHECK(peer["peer_behind"].GetUint64() == 17);
  CHECK(std::string(peer["refused_buckets"][0].GetString()) == "shop6");
  CHECK(peer["refused_bucket_count"].GetUint64() == 18);
  CHECK(peer["waited"].GetUint64() == 19);
  CHECK(peer["cuts"].GetUint64() == 20);
  board.forget(1);
  CHECK(node.get(path).says("\"count\":1"));
}

TEST_CASE("a peer that cannot be reached says why") {
  rest_node node;
  auto& board = node.backend.peers();
  board.keep(1, "box2", "tcp://box2:1445", "");
  link_status status;
  status.state = link_state::unreachable;
  status.reason = "the peer does not answer";
  board.show(1, status, {});
  const auto got = node.get("/_system/peers/box2");
  CHECK(got.member("state") == "unreachable");
  CHECK(got.reason() == "the peer does not answer");
  board.keep(1, "box2", "tcp://box2:1445", "", "another node of its name is known here");
  CHECK(node.get("/_system/peers/box2").reason() == "another node of its name is known here");
}

TEST_CASE("the node's facts and the metrics have the peers") {
  rest_node node;
  CHECK(node.get("/_system").says(R"("peers":0,"zmq_uri":"tcp://127.0.0.1:1445")"));
  auto& board = node.backend.peers();
  board.keep(1, "box2", "tcp://box2:1445", "");
  board.show(1, status_of_box2(), {});
  CHECK(node.get("/_system").says(R"("peers":1)"));
  const std::string text = node.text("/_system/metrics");
  for (const char* line :
       {"treadmill_peers 1\n", "treadmill_peer_state{peer=\"box2\",state=\"catching_up\"} 1\n",
        "treadmill_peer_state{peer=\"box2\",state=\"live\"} 0\n",
        "treadmill_peer_lag_seconds{peer=\"box2\"} 1.5\n",
        "treadmill_peer_sequence{peer=\"box2\"} 41\n", "treadmill_peer_behind{peer=\"box2\"} 7\n",
        "treadmill_peer_entries_total{peer=\"box2\"} 10\n",
        "treadmill_peer_documents_total{peer=\"box2\"} 11\n",
        "treadmill_peer_fetched_total{peer=\"box2\"} 12\n",
        "treadmill_peer_rejected_total{peer=\"box2\"} 13\n",
        "treadmill_peer_refused_total{peer=\"box2\"} 16\n",
        "treadmill_peer_restarts_total{peer=\"box2\"} 14\n",
        "treadmill_peer_rescans_total{peer=\"box2\"} 15\n",
        "treadmill_peer_frames_received_total 1\n", "treadmill_peer_frames_sent_total 2\n",
        "treadmill_peer_bytes_received_total 3\n", "treadmill_peer_bytes_sent_total 4\n",
        "treadmill_peer_frames_dropped_total 5\n"})
    CHECK_MESSAGE(text.find(line) != std::string::npos, line);
}
