#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "tests/cluster/command.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/peers.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>

namespace treadmill::cluster {

using namespace std::chrono_literals;

namespace {

/// What `treadmill verify` of a running node prints, and its exit code.
printed verify_running(const node_process& node, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"verify",
                                     "http://127.0.0.1:" + std::to_string(node.where().port)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_command(std::move(arguments), 60s);
}

/// What `treadmill verify` of that folder prints, and its exit code.
printed verify(const std::string& data, bool json = false) {
  std::vector<std::string> arguments{"verify", "--data", data};
  if (json) arguments.emplace_back("--json");
  return run_command(std::move(arguments), 60s);
}

} // namespace

// Whole, because it is one story: each step damages what the step before left whole.
TEST_CASE("treadmill verify finds the store of a killed node whole, and tells what was damaged") {
  const temporary_folder folder;
  const std::string data = folder / "data";
  {
    node_process node({.executable = TREADMILL_BINARY, .data = data});
    REQUIRE(node.wait_ready());
    auto client = node.client();
    const std::string query = R"q({"map":"doc => emit(doc.n % 10, doc.n)","reduce":"_sum"})q";
    // On a busy machine the first process for functions can take its time to start.
    REQUIRE(eventually([&] { return client.send("POST", "/people/_query/n", query).ok(); }));
    for (int i = 0; i < 500; ++i) {
      const std::string id = "/people/p" + std::to_string(i);
      REQUIRE(client.send("PUT", id, "{\"n\":" + std::to_string(i) + "}").status == 201);
      if (i == 250) REQUIRE(client.get("/people/_query/n").status == 200);
    }
    REQUIRE(client.send("DELETE", "/people/p7").ok());
    REQUIRE(client.send("PUT", "/other/one", "{}").status == 201);
    const auto [busy, busy_code] = verify(data);
    CHECK(busy_code == 1);
    CHECK(busy.find("in use by another node") != std::string::npos);
    REQUIRE(eventually([&] { return client.get("/people/_query/n").status == 200; }));
    const auto running = verify_running(node);
    CAPTURE(running.text);
    CHECK(running.code == 0);
    CHECK(running.text.find("other: 1 documents, ") == 0);
    CHECK(running.text.find("\npeople: 499 documents, 1 deleted, 0 with conflicts, 502 changes, "
                            "1 indexes with 499 rows, 499 documents mapped again: whole\n") !=
          std::string::npos);
    const auto one = verify_running(node, {"--bucket", "other", "--json"});
    CHECK(one.code == 0);
    CHECK(one.text.find(R"({"bucket":"other","whole":true,"documents":1,)") == 0);
    CHECK(one.text.find('\n') == one.text.size() - 1);
    CHECK(verify_running(node, {"--bucket", "none"}).code == 1);
    node.kill();
  }
  const auto ran = verify(data);
  const std::string& text = ran.text;
  CAPTURE(text);
  CHECK(ran.code == 0);
  CHECK(text.find("other: 1 documents, 0 deleted, 0 with conflicts, 1 changes, "
                  "0 indexes with 0 rows: whole\n") != std::string::npos);
  CHECK(text.find("people: 499 documents, 1 deleted, 0 with conflicts, 502 changes, "
                  "1 indexes with ") != std::string::npos);
  CHECK(text.find(" documents mapped again: whole\n") != std::string::npos);

  {
    store_options options;
    options.directory = data;
    const auto opened = store::open(options);
    REQUIRE(opened);
    row_batch damage;
    damage.remove(keys::document((*opened)->find_bucket("people")->number, "p9"));
    const row_batch* only = &damage;
    REQUIRE((*opened)->commit({&only, 1}, true));
  }
  const auto again = verify(data);
  const std::string& damaged = again.text;
  CAPTURE(damaged);
  CHECK(again.code == 1);
  CHECK(damaged.find("\npeople/_activity/11: it is about a document that is not there\n") !=
        std::string::npos);
  CHECK(damaged.find("\npeople: its digest is not that of its documents\n") != std::string::npos);
  const auto [json, json_code] = verify(data, true);
  CHECK(json_code == 1);
  CHECK(json.find(R"({"bucket":"other","whole":true,"documents":1,)") == 0);
  CHECK(json.find(R"({"bucket":"people","whole":false,"documents":498,)") != std::string::npos);
  CHECK(json.find(R"({"where":"people/_activity/11","what":"it is about)") != std::string::npos);
}

TEST_CASE("treadmill verify makes no store where there is none") {
  const temporary_folder folder;
  const auto [text, code] = verify(folder / "data");
  CHECK(code == 1);
  CHECK(text.find("there is no store") != std::string::npos);
  CHECK(!std::filesystem::exists(folder / "data"));
}

} // namespace treadmill::cluster
