#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace treadmill::cluster {
namespace {

constexpr std::string_view by_group =
    R"js({"map":"doc => emit([doc.group, doc.n], doc.n)","reduce":"_sum"})js";
constexpr std::string_view by_name =
    R"js({"map":"function(doc){ return doc.name }","reduce":"(keys, values, again) => values.reduce((a, b) => a + (again ? b : 1), 0)"})js";

/// The processes that this one's node started.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(parent) + "/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) found.push_back(child);
  }
  return found;
}

/// A node with documents {"name":…,"group":g,"n":n} of which the test knows everything.
class query_job {
public:
  explicit query_job(uint64_t seed) : random_(seed) { start(); }

  void start() {
    node_ = std::make_unique<node_process>(node_options{.executable = TREADMILL_BINARY,
                                                        .data = folder_ / "data",
                                                        .arguments = {"--map-time", "200ms"}});
    REQUIRE_MESSAGE(node_->wait_ready(), node_->output());
    client_ = std::make_unique<http_client>(node_->client(60s));
  }
  void kill() { node_->kill(); }
  node_process& node() { return *node_; }

  http_answer ok(std::string_view method, std::string_view target, std::string_view body = {}) {
    http_answer answer = client_->send(method, target, body);
    REQUIRE_MESSAGE(answer.ok(), method, " ", target, ": ", answer.status, " ", answer.problem,
                    answer.body);
    return answer;
  }

  /// Writes some documents anew, and deletes some.
  void write(size_t count) {
    std::string body = R"({"docs":[)";
    for (size_t i = 0; i < count; ++i) {
      const std::string id = "d" + std::to_string(random_() % 3000);
      if (body.back() == '}') body += ',';
      if (random_() % 10 == 0 && documents_.count(id) != 0) {
        body += R"({"id":")" + id + R"(","_deleted":true})";
        documents_.erase(id);
        continue;
      }
      const document made{static_cast<int>(random_() % 7), static_cast<int>(random_() % 1000)};
      documents_[id] = made;
      body += R"({"id":")" + id + R"(","name":"n)" + std::to_string(made.n % 50) + R"(","group":)" +
              std::to_string(made.group) + R"(,"n":)" + std::to_string(made.n) + "}";
    }
    const auto answer = ok("POST", "/b/_bulk", body + "]}");
    REQUIRE_FALSE(answer.says("\"error\""));
  }

  void define() {
    ok("POST", "/b/_query/by_group", by_group);
    ok("POST", "/b/_query/by_name", by_name);
  }

  /// Both queries answer what a look at all documents gives.
  void check() {
    std::map<int, int> sums;
    std::map<int, int> names;
    for (const auto& [id, one] : documents_) {
      sums[one.group] += one.n;
      ++names[one.n % 50];
    }
    std::string rows;
    for (const auto& [group, sum] : sums)
      rows += (rows.empty() ? R"({"key":[)" : R"(,{"key":[)") + std::to_string(group) +
              R"(],"value":)" + std::to_string(sum) + "}";
    CHECK(ok("GET", "/b/_query/by_group?group_level=1").says("\"rows\":[" + rows + "]"));
    CHECK(ok("GET", "/b/_query/by_group?reduce=false")
              .says("\"count\":" + std::to_string(documents_.size()) + ","));
    for (const int name : {0, 17, 49})
      CHECK(ok("GET", "/b/_query/by_name?reduce=false&term=n" + std::to_string(name))
                .says("\"count\":" + std::to_string(names[name]) + ","));
    CHECK(ok("GET", "/b/_query/by_name")
              .says(R"("value":)" + std::to_string(documents_.size()) + "}"));
  }

private:
  struct document {
    int group = 0;
    int n = 0;
  };
  temporary_folder folder_{};
  std::unique_ptr<node_process> node_{};
  std::unique_ptr<http_client> client_{};
  std::mt19937_64 random_;
  std::map<std::string, document> documents_{};
};

} // namespace

TEST_CASE("queries are right after their node was killed while it built them") {
  const uint64_t seed = property_seed("queries");
  CAPTURE(seed);
  query_job job(seed);
  for (int i = 0; i < 4; ++i) job.write(1000);
  for (int round = 0; round < 6; ++round) {
    if (round == 0) job.define();
    std::this_thread::sleep_for(std::chrono::milliseconds(7 * round));
    job.kill();
    job.start();
    job.write(300);
    if (round % 2 == 1) job.check();
  }
  job.check();
}

TEST_CASE("queries are right while their workers are killed") {
  const uint64_t seed = property_seed("queries_workers");
  CAPTURE(seed);
  query_job job(seed);
  job.write(500);
  job.define();
  job.check();
  size_t killed = 0;
  for (int round = 0; round < 20; ++round) {
    job.write(200);
    for (const pid_t worker : children_of(job.node().pid())) {
      ::kill(worker, SIGKILL);
      ++killed;
    }
    if (round % 4 == 3) job.check();
  }
  job.check();
  CHECK(killed > 5);
}

TEST_CASE(
    "a node without its worker says so wherever somebody looks, and that trying again is no use") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY,
                     .data = folder / "data",
                     .arguments = {"--map-executable", folder / "none"}});
  REQUIRE(node.wait_ready());
  CHECK(node.wait_for_line("queries cannot be answered", 10s).find("is missing") !=
        std::string::npos);
  auto client = node.client();
  CHECK(client.get("/_system").member("map_problem").find("is missing") != std::string::npos);
  REQUIRE(client.send("PUT", "/b/d", R"({"n":1})").status == 201);
  const auto refused = client.send("POST", "/b/_query/q", R"({"map":"doc => doc.n"})");
  CHECK(refused.status == 503);
  CHECK(refused.member("error") == "unavailable");
  CHECK(refused.header("retry-after").empty());
  CHECK(client.send("POST", "/b/_query", R"({"map":"doc => doc.n"})").member("error") ==
        "unavailable");
}

TEST_CASE("a map that never ends is suspended, and other queries and writes go on") {
  query_job job(1);
  job.write(100);
  job.define();
  job.ok("POST", "/b/_query/endless", R"js({"map":"doc => { for (;;) {} }"})js");
  job.write(50);
  job.check();
  http_client client = job.node().client(60s);
  const auto answer = client.get("/b/_query/endless");
  CHECK(answer.status == 500);
  CHECK(answer.says("query_suspended"));
  CHECK(job.ok("GET", "/b/_query").says(R"("state":"suspended")"));
  job.ok("POST", "/b/_query/endless", R"js({"map":"doc => doc.n"})js");
  CHECK(job.ok("GET", "/b/_query/endless?limit=1").says("\"count\":1"));
  job.check();
}

TEST_CASE("workers end with their node, also in the middle of an endless map") {
  query_job job(2);
  job.write(10);
  job.ok("POST", "/b/_query/endless", R"js({"map":"doc => { for (;;) {} }"})js");
  std::vector<pid_t> workers;
  for (int i = 0; i < 200 && workers.empty(); ++i) {
    workers = children_of(job.node().pid());
    std::this_thread::sleep_for(10ms);
  }
  REQUIRE_FALSE(workers.empty());
  job.kill();
  const auto gone = [&] {
    return std::all_of(workers.begin(), workers.end(),
                       [](pid_t worker) { return ::kill(worker, 0) != 0; });
  };
  for (int i = 0; i < 300 && !gone(); ++i) std::this_thread::sleep_for(10ms);
  CHECK(gone());
}

TEST_CASE("a dropped query and a dropped bucket leave their names free") {
  query_job job(3);
  job.write(200);
  job.define();
  job.check();
  job.ok("DELETE", "/b/_query/by_name");
  http_client client = job.node().client(60s);
  CHECK(client.get("/b/_query/by_name").status == 404);
  job.define();
  job.check();
}

} // namespace treadmill::cluster
