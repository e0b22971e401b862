#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

constexpr size_t mib = size_t{1024} * 1024;
constexpr size_t bound = 48 * mib;
/// What a node has beside requests: buffers and caches of the store, threads, pages that the
/// allocator has not given back yet.
constexpr size_t rest = 120 * mib;

std::string repeated(const std::string& begin, const std::string& piece, size_t size,
                     const std::string& end) {
  std::string text = begin;
  while (text.size() + piece.size() + end.size() < size) text += piece;
  text.back() = end.front();
  return text + end.substr(1);
}

/// As many members as fit: `"abcd":1,`
std::string members(size_t size) {
  std::string text = "{";
  for (size_t n = 0; text.size() + 16 < size; ++n) text += "\"" + std::to_string(n) + "\":1,";
  text.back() = '}';
  return text;
}

struct request {
  std::string method, target, body;
  int status;
};

/// The most memory that the node took while many clients asked that at once.
size_t peak_of(node_process& node, const request& what, size_t clients) {
  std::ofstream("/proc/" + std::to_string(node.pid()) + "/clear_refs") << "5";
  std::atomic<size_t> answered = 0;
  std::vector<std::thread> all;
  for (size_t i = 0; i < clients; ++i)
    all.emplace_back([&] {
      auto client = node.client(60s);
      const auto answer = client.send(what.method, what.target, what.body);
      if (answer.status == what.status)
        ++answered;
      else
        CHECK(answer.status == 503); // too many bodies at once
    });
  for (std::thread& one : all) one.join();
  CHECK(answered > 0);
  return node.memory_kib("VmHWM") * 1024;
}

} // namespace

TEST_CASE("many clients with bodies of the most work take no more memory than requests may") {
  const temporary_folder folder;
  node_process node(
      {.executable = TREADMILL_BINARY,
       .data = folder / "data",
       .arguments = {"--max-request-memory", "48MiB", "--max-request-size", "16MiB"}});
  REQUIRE(node.wait_ready());
  auto client = node.client(20s);
  REQUIRE(client.send("PUT", "/b/d", "{}").status == 201);
  const request requests[] = {
      {"PUT", "/b/d", members(15 * mib), 413},
      {"PUT", "/b/d", members(8 * mib - 1000), 200},
      {"PATCH", "/b/d", repeated("{\"a\":[", "[],", 7 * mib, "]}"), 200},
      {"POST", "/b/_get", repeated("{\"ids\":[", "\"a\",", 15 * mib, "]}"), 413},
      {"POST", "/b/_bulk", repeated("{\"docs\":[", "1,", 15 * mib, "]}"), 413},
      {"POST", "/b/_bulk", repeated("{\"docs\":[", "{},", 300'000, "]}"), 200},
  };
  for (const request& one : requests) {
    INFO(one.method << ' ' << one.target << ' ' << one.body.substr(0, 20));
    CHECK(peak_of(node, one, 8) < bound + rest);
  }
}

} // namespace treadmill::cluster
