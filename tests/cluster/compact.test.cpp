#include "tests/cluster/command.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <random>
#include <regex>
#include <thread>

namespace treadmill::cluster {

using namespace std::chrono_literals;

namespace {

/// What `treadmill compact` with these arguments prints, and its exit code.
printed compact(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "compact");
  return run_command(std::move(arguments), 120s);
}

std::string random_text(std::mt19937_64& random, size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

/// 100 documents of 8 kB each, in place of those of an earlier round.
std::string bulk(std::mt19937_64& random, int from, bool remove) {
  std::string docs = R"({"docs":[)";
  for (int i = from; i < from + 100; ++i) {
    docs += (i == from ? "{\"id\":\"d" : ",{\"id\":\"d") + std::to_string(i) + '"';
    docs += remove ? ",\"_deleted\":true}" : ",\"text\":\"" + random_text(random, 8000) + "\"}";
  }
  return docs + "]}";
}

} // namespace

TEST_CASE("treadmill compact gives back the space of what was removed, and writes go on") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  auto client = node.client();
  std::mt19937_64 random(11);
  for (const bool remove : {false, true})
    for (int from = 0; from < 3000; from += 100)
      REQUIRE(client.send("POST", "/big/_bulk", bulk(random, from, remove)).status == 200);
  const std::string url = "http://127.0.0.1:" + std::to_string(node.where().port);
  std::atomic<bool> done{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    auto own = node.client();
    while (!done)
      if (own.send("POST", "/small", "{}").status == 201) ++written;
  });
  const auto ran = compact({url, "--bucket", "big"});
  const std::string& text = ran.text;
  done = true;
  writer.join();
  CAPTURE(text);
  CHECK(ran.code == 0);
  CHECK(written > 0);
  std::smatch found;
  REQUIRE(std::regex_search(text, found, std::regex("^(\\d+) bytes before, (\\d+) after")));
  CHECK(std::stoull(found[1]) > 5'000'000);
  CHECK(std::stoull(found[2]) < 2'000'000);
  CHECK(client.get("/big").says(R"("deleted":3000)"));

  const auto [json, json_code] = compact({url, "--json"});
  CHECK(json_code == 0);
  CHECK(json.starts_with(R"({"before":)"));
  const auto [missing, missing_code] = compact({url, "--bucket", "none"});
  CHECK(missing_code == 1);
  CHECK(missing.find("the bucket is missing") != std::string::npos);
}

} // namespace treadmill::cluster
