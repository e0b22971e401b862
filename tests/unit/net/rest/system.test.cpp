#include "tests/unit/net/rest/rest_client.hpp"
#include <doctest/doctest.h>
#include <map>
#include <rapidjson/document.h>
#include <set>
#include <sstream>

using namespace std::chrono_literals;
using treadmill::tests::rest_node;

namespace {

rapidjson::Document parsed(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

/// Samples of the metrics by "name{labels}". Checks the form of every line on its way.
std::map<std::string, double> samples(const std::string& text) {
  std::map<std::string, double> found;
  std::set<std::string> typed;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      CHECK(typed.insert(line.substr(7, line.find(' ', 7) - 7)).second);
      continue;
    }
    const size_t space = line.rfind(' ');
    REQUIRE(space != std::string::npos);
    std::string name = line.substr(0, line.find_first_of("{ "));
    for (const std::string suffix : {"_bucket", "_sum", "_count"})
      if (!typed.contains(name) && name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    CHECK_MESSAGE(typed.contains(name), line);
    CHECK_MESSAGE(found.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second,
                  line);
  }
  return found;
}

} // namespace

TEST_CASE("PUT makes a bucket once") {
  rest_node node;
  const auto made = node.send("PUT", "/places");
  CHECK(made.status == 201);
  CHECK(made.body == R"({"status":"OK","name":"places"})");
  CHECK(made.header("Location") == "/places");
  CHECK(node.send("PUT", "/places/").status == 200);
}

TEST_CASE("a bucket tells its facts") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  node.send("PUT", "/b/e", R"({"n":1})");
  node.send("DELETE", "/b/e");
  const auto read = node.get("/b/");
  const auto facts = parsed(read.body);
  CHECK(std::string(facts["name"].GetString()) == "b");
  CHECK(facts["documents"].GetUint64() == 1);
  CHECK(facts["deleted"].GetUint64() == 1);
  CHECK(facts["conflicts"].GetUint64() == 0);
  CHECK(facts["sequence"].GetUint64() == 3);
  CHECK(facts["queries"].GetUint64() == 0);
  CHECK(facts["bytes"].IsUint64());
  CHECK(facts["digest"].GetStringLength() == 32);
  CHECK(facts["log"].GetStringLength() == 32);
  CHECK(facts.MemberCount() == 9);
}

TEST_CASE("a bucket shows what it has that older versions do not know") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":123456789012345678901234567890,"_members":{"id":1}})");
  CHECK(node.get("/b").says(R"("features":["long_integers","own_members"]})"));
}

TEST_CASE("equal documents give equal digests in buckets with logs of their own") {
  rest_node node;
  for (const std::string bucket : {"a", "b"}) node.send("PUT", "/" + bucket + "/d", R"({"n":1})");
  const auto a = node.get("/a");
  const auto b = node.get("/b");
  CHECK(a.member("digest") == b.member("digest"));
  CHECK(a.member("log") != b.member("log"));
  node.send("PUT", "/b/d", R"({"n":2})");
  CHECK(a.member("digest") != node.get("/b").member("digest"));
}

TEST_CASE("a dropped bucket is gone and begins anew") {
  rest_node node;
  node.send("PUT", "/b/d", "{}");
  const auto log = node.get("/b").member("log");
  CHECK(node.send("DELETE", "/b").body == R"({"status":"OK"})");
  CHECK(node.get("/b").status == 404);
  CHECK(node.get("/b/d").status == 404);
  CHECK(node.send("DELETE", "/b/").status == 404);
  node.send("PUT", "/b");
  CHECK(node.get("/b").says("\"documents\":0"));
  CHECK(node.get("/b").member("log") != log);
  CHECK(node.get("/b/d").status == 404);
}

TEST_CASE("all buckets are listed by name") {
  rest_node node;
  CHECK(node.get("/_system/buckets").body == R"({"buckets":[],"count":0})");
  node.send("PUT", "/b/d", "{}");
  node.send("PUT", "/a");
  const auto listed = parsed(node.get("/_system/buckets").body);
  CHECK(listed["count"].GetUint64() == 2);
  CHECK(std::string(listed["buckets"][0]["name"].GetString()) == "a");
  CHECK(listed["buckets"][1]["documents"].GetUint64() == 1);
}

TEST_CASE("the node tells its facts, at / too") {
  rest_node node;
  node.send("PUT", "/a");
  const auto read = node.get("/_system");
  const auto facts = parsed(read.body);
  CHECK(std::string(facts["name"].GetString()) == "box1");
  CHECK(std::string(facts["version"].GetString()) == "0.1.0");
  CHECK(std::string(facts["durability"].GetString()) == "commit");
  CHECK(facts["buckets"].GetUint64() == 1);
  CHECK(facts["writable"].GetBool());
  CHECK(facts["map_problem"].IsNull());
  CHECK(facts["limits"]["open_files"].GetUint64() == 1024);
  CHECK(facts["limits"]["connections"].GetUint64() == 100);
  CHECK(facts["limits"]["feed_clients"].GetUint64() == 50);
  CHECK(facts["limits"]["peer_connections"].GetUint64() == 25);
  CHECK(facts["uptime_seconds"].GetDouble() == 1.5);
  CHECK(facts["node_id"].GetStringLength() == 36);
  CHECK(node.get("/").body == read.body);
}

TEST_CASE("health says that the process answers, ready that it takes writes") {
  rest_node node;
  CHECK(node.get("/_system/health").body == R"({"status":"OK"})");
  CHECK(node.get("/_system/ready").body == R"({"status":"OK"})");
  node.backend.is_ready = false;
  const auto waiting = node.get("/_system/ready");
  CHECK(waiting.status == 503);
  CHECK(waiting.header("Retry-After") == "1");
  node.backend.is_stopping = true;
  CHECK(node.get("/_system/ready").code() == "shutting_down");
  CHECK(node.get("/_system/health").status == 200);
}

TEST_CASE("reads go on while writes are refused") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  node.backend.refuse_writes = treadmill::error{treadmill::ec::disk_full, "full"};
  node.backend.is_ready = false;
  CHECK(node.send("PUT", "/b/d", R"({"n":2})").status == 507);
  CHECK(node.get("/b/d").says("\"n\":1"));
  CHECK(node.get("/b/_documents").status == 200);
  CHECK(node.get("/b/_activity").status == 200);
}

TEST_CASE("the metrics are Prometheus text and count by route and status class") {
  rest_node node;
  node.send("PUT", "/b/d", "{}");
  for (int i = 0; i < 3; ++i) node.interface.record({"GET", "document_read", "/b/d", 200, 200us});
  node.interface.record({"GET", "document_read", "/b/x", 404, 2ms});
  node.interface.record({"GET", "document_read", "/b/x", 200, 60s});
  node.interface.record({"BREW", "no such route", "/", 405, 1us});
  treadmill::http::server_counters counters;
  counters.feed_clients = 5;
  node.interface.set_server_counters([&] { return counters; });
  const auto got = node.get("/_system/metrics");
  CHECK(got.content_type == "text/plain; version=0.0.4; charset=utf-8");
  auto found = samples(got.body);
  CHECK(found["treadmill_http_requests_total{route=\"document_read\",status=\"2xx\"}"] == 4);
  CHECK(found["treadmill_http_requests_total{route=\"document_read\",status=\"4xx\"}"] == 1);
  CHECK(found["treadmill_http_requests_total{route=\"other\",status=\"4xx\"}"] == 1);
  const std::string latency = "treadmill_http_request_seconds_bucket{route=\"document_read\",le=";
  REQUIRE(found.contains(latency + "\"0.0001\"}"));
  CHECK(found[latency + "\"0.0001\"}"] == 0);
  CHECK(found[latency + "\"0.00025\"}"] == 3);
  CHECK(found[latency + "\"0.0025\"}"] == 4);
  CHECK(found[latency + "\"30\"}"] == 4);
  CHECK(found[latency + "\"+Inf\"}"] == 5);
  CHECK(found["treadmill_http_request_seconds_count{route=\"document_read\"}"] == 5);
  CHECK(found["treadmill_http_request_seconds_sum{route=\"document_read\"}"] ==
        doctest::Approx(60.0026));
  CHECK(found["treadmill_feed_clients"] == 5);
  CHECK(found["treadmill_commits_total"] == 7);
  CHECK(found["treadmill_fsync_seconds_bucket{le=\"0.00025\"}"] == 3);
  CHECK(found["treadmill_fsync_seconds_sum"] == 0.25);
  CHECK(found["treadmill_write_bytes"] == 1000);
  CHECK(found["treadmill_query_row_slots"] == 8);
  CHECK(found["treadmill_query_row_slots_taken"] == 3);
  CHECK(found["treadmill_query_trials"] == 2);
  const std::vector<std::string> counts{"workers",
                                        "jobs_waiting",
                                        "jobs_running",
                                        "workers_started_total",
                                        "workers_failed_total",
                                        "workers_killed_total",
                                        "workers_died_total",
                                        "jobs_cancelled_total",
                                        "mapped_documents_total",
                                        "reductions_total",
                                        "faults_total",
                                        "strikes_total"};
  for (size_t i = 0; i < counts.size(); ++i)
    CHECK(found["treadmill_query_" + counts[i]] == static_cast<double>(i + 1));
  CHECK(found["treadmill_query_worker_cpu_seconds_total"] == 1.5);
  CHECK(found["treadmill_documents{bucket=\"b\"}"] == 1);
  CHECK(found["treadmill_sequence{bucket=\"b\"}"] == 1);
  CHECK(found["treadmill_store_writable"] == 1);
  CHECK(found["treadmill_anonymous_memory_bytes"] > 1e6);
  CHECK(found["process_resident_memory_bytes"] >= found["treadmill_anonymous_memory_bytes"]);
  CHECK(found["treadmill_leveldb_memory_bytes"] > 0);
}

TEST_CASE("the metrics stay bounded with many buckets") {
  rest_node node;
  for (int i = 0; i < 120; ++i) node.send("PUT", "/b" + std::to_string(1000 + i));
  auto found = samples(node.get("/_system/metrics").body);
  CHECK(found["treadmill_buckets"] == 120);
  CHECK(found.contains("treadmill_documents{bucket=\"b1099\"}"));
  CHECK_FALSE(found.contains("treadmill_documents{bucket=\"b1100\"}"));
}

TEST_CASE("a compaction is asked for, of one bucket or of all, and shown until it is done") {
  rest_node node;
  node.send("PUT", "/b/d", R"({"n":1})");
  const auto running = [&] {
    const auto shown = parsed(node.get("/_system/compact").body);
    CHECK(shown["bytes"].IsUint64());
    return shown["running"].GetBool();
  };
  CHECK(!running());
  CHECK(node.send("POST", "/_system/compact?bucket=none").status == 404);
  CHECK(!running());
  for (const std::string path : {"/_system/compact?bucket=b", "/_system/compact"}) {
    INFO(path);
    CHECK(parsed(node.send("POST", path).body)["running"].GetBool());
    CHECK(running());
    while (node.backend.writer().clean_up().value()) {
    }
    CHECK(!running());
    CHECK(node.get(path).status == 200);
  }
  CHECK(node.get("/_system/compact?bucket=none").code() == "not_found");
}
