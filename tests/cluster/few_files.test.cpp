#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

constexpr uint64_t few = 64;
constexpr size_t many = 200;

/// Polls until a new client is answered with that status.
bool comes_to_answer(const node_process& node, const std::string& method, const std::string& target,
                     const std::string& body, int status) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < deadline) {
    auto client = node.client(2s);
    if (client.send(method, target, body).status == status) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

} // namespace

TEST_CASE("with few file descriptors and many connections a node stays alive, does not spin, and "
          "answers whoever is connected") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data", .open_files = few});
  REQUIRE(node.wait_ready());
  auto honest = node.client();
  std::vector<std::string> revs;
  const auto write = [&] {
    const auto answer = honest.send("PUT", "/bucket/" + std::to_string(revs.size()), R"({"n":1})");
    if (answer.status == 201) revs.push_back(answer.member("rev"));
    return answer.status;
  };
  REQUIRE(write() == 201);

  std::vector<std::unique_ptr<http_client>> crowd;
  for (size_t i = 0; i < many; ++i) {
    crowd.push_back(std::make_unique<http_client>(node.where()));
    CHECK(crowd.back()->connect()); // the kernel's queue takes those that the node does not
  }
  const auto cpu = node.cpu_time();
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begin + 2s) {
    REQUIRE(honest.get("/bucket/0").status == 200);
    REQUIRE(write() == 201);
    std::this_thread::sleep_for(20ms);
  }
  // About a hundred requests in two seconds; a loop that accepts in vain takes a whole core.
  CHECK((node.cpu_time() - cpu) < 1s);

  crowd.clear();
  CHECK(comes_to_answer(node, "GET", "/_system/ready", {}, 200));
  CHECK(comes_to_answer(node, "PUT", "/bucket/new", R"({"n":1})", 201));
  auto client = node.client();
  for (size_t i = 0; i < revs.size(); ++i)
    CHECK(client.get("/bucket/" + std::to_string(i)).member("rev") == revs[i]);
}

TEST_CASE("a crowd of idle connections takes no file from the store, whatever the limit is: writes "
          "go on, and "
          "the node says how many it takes") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY,
                     .data = folder / "data",
                     .arguments = {"--write-buffer", "256KiB"}, // turns to new files all the time
                     .open_files = 256});
  REQUIRE(node.wait_ready());
  auto honest = node.client();
  const auto system = honest.get("/_system");
  CHECK(system.body.find(R"("limits":{"open_files":256,"connections":)") != std::string::npos);
  CHECK(node.output().find("the limit of open files is low") != std::string::npos);
  std::vector<std::unique_ptr<http_client>> crowd;
  for (size_t i = 0; i < 300; ++i) {
    crowd.push_back(std::make_unique<http_client>(node.where()));
    CHECK(crowd.back()->connect());
    if (i < 40) CHECK(crowd.back()->get("/_system/health").status == 200); // and stays
  }
  std::mt19937 random(1);
  for (int bulk = 0; bulk < 20; ++bulk) {
    std::string lines;
    for (int i = 0; i < 200; ++i) {
      lines += R"({"id":")" + std::to_string(random() % 60'000) + R"(","t":")";
      for (int n = 0; n < 300; ++n) lines += std::to_string(random() % 1000);
      lines += "\"}\n";
    }
    const auto written =
        honest.send("POST", "/bucket/_bulk", lines, {{"Content-Type", "application/x-ndjson"}});
    CHECK(written.status == 200);
  }
  CHECK(honest.get("/_system/ready").status == 200);
}

} // namespace treadmill::cluster
