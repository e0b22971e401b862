#include "tests/cluster/command.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/cluster/write_load.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <thread>

/// `treadmill import`, `export`, `backup` and `restore` on running nodes.
namespace treadmill::cluster {

using namespace std::chrono_literals;

namespace {

printed run(std::vector<std::string> arguments) { return run_command(std::move(arguments), 120s); }

class running_node {
public:
  explicit running_node(const temporary_folder& folder, const std::string& name = "data")
      : process_({.executable = TREADMILL_BINARY, .data = folder / name}) {
    REQUIRE(process_.wait_ready());
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(process_.where().port); }
  const address& where() const { return process_.where(); }
  http_client client() const { return process_.client(); }
  std::string fact(const std::string& bucket, const std::string& name) const {
    return client().get("/" + bucket).member(name);
  }
  uint64_t sequence(const std::string& bucket) const {
    constexpr std::string_view before = R"("sequence":)";
    const std::string facts = client().get("/" + bucket).body;
    const size_t at = facts.find(before);
    return at == std::string::npos ? 0
                                   : std::strtoull(facts.c_str() + at + before.size(), nullptr, 10);
  }
  bool has(const std::string& bucket, const std::string& text) const {
    return client().get("/" + bucket).says(text);
  }

private:
  node_process process_;
};

std::string write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("treadmill import takes lines, an array or CSV, and tells what is wrong by its line") {
  const temporary_folder folder;
  const running_node node(folder);
  const auto import = [&](const std::string& name, const std::string& text,
                          const std::string& bucket) {
    return run({"import", write_file(folder / name, text), node.url(), "--bucket", bucket});
  };
  const auto lines = import("lines",
                            "{\"id\":\"a\",\"n\":12345678901234567890}\nno\n\n[1]\n{\"id\":"
                            "\"_x\"}\n{\"id\":\"b\"}\n{\"n\":1}\n",
                            "lines");
  CAPTURE(lines.text);
  CHECK(lines.code == 1);
  CHECK(lines.text.find("line 2: bad_json: ") != std::string::npos);
  CHECK(lines.text.find("line 4: not_object: ") != std::string::npos);
  CHECK(lines.text.find("line 5: ") != std::string::npos);
  CHECK(lines.text.find("3 documents imported in 00:0") != std::string::npos);
  CHECK(lines.text.find("3 errors") != std::string::npos);
  CHECK(node.has("lines", R"("documents":3)"));
  CHECK(node.client().get("/lines/a").says("12345678901234567890"));
  CHECK(!std::filesystem::exists(folder / "lines.import"));

  // Once more: they are there already. One that has changed since stays as it is.
  REQUIRE(node.client().send("PUT", "/lines/b", R"({"n":7})").ok());
  const auto again = import("lines", read_file(folder / "lines"), "lines");
  CHECK(again.text.find("2 were there already") != std::string::npos);
  CHECK(again.text.find("1 documents are there already with another content") != std::string::npos);
  CHECK(again.text.find("line 1:") == std::string::npos);
  CHECK(node.has("lines", R"("documents":3)"));
  CHECK(node.client().get("/lines/b").says("\"n\":7"));

  // Of many that are wrong the first ones are shown, and the number of the others.
  std::string wrong;
  for (int i = 0; i < 1000; ++i) wrong += "no\n";
  const auto many = import("many.ndjson", wrong + "{}\n", "many");
  CHECK(many.code == 1);
  CHECK(std::count(many.text.begin(), many.text.end(), '\n') == 22);
  CHECK(many.text.find("line 20: ") != std::string::npos);
  CHECK(many.text.find("and 980 more lines that could not be taken") != std::string::npos);

  // To replace is asked for.
  CHECK(run({"import", write_file(folder / "new", R"({"id":"a","n":2})"), node.url(), "--bucket",
             "lines", "--update"})
            .code == 0);
  CHECK(node.client().get("/lines/a").says("\"n\":2"));
  CHECK(import("array", "[ {\"id\":\"a\",\n \"n\":1},\n{\"id\":\"b\"} ]", "array").code == 0);
  CHECK(node.client().get("/array/a").says("\"n\":1"));
  CHECK(import("table", "id,zip,n\n1,04711,2\n", "table").code == 0);
  CHECK(node.client().get("/table/1").says(R"("zip":"04711","n":2)"));
  CHECK(run({"import", folder / "none", node.url(), "--bucket", "x"}).code == 1);
  CHECK(run({"import", folder / "table", node.url()}).code == 2);
  CHECK(run({"import", folder / "table", node.url(), "--bucket", "x", "--format", "xml"}).code ==
        2);
  CHECK(
      run({"import", folder.path(), node.url(), "--bucket", "x"}).text.find("it is a directory") !=
      std::string::npos);
}

TEST_CASE("a command says what is in its way, and its exit code too") {
  const temporary_folder folder;
  const running_node node(folder);
  REQUIRE(node.client().send("PUT", "/b/x", "{}").ok());
  const auto shell = [&](const std::string& line) {
    child_process asked({"/bin/sh", {"-c", TREADMILL_BINARY + std::string(" ") + line}});
    const auto end = asked.wait(20s);
    REQUIRE(end);
    return printed{asked.output(), end->code};
  };
  // A disk that is full; also where the command itself was done.
  const auto full = shell("export " + node.url() + " --bucket b > /dev/full");
  CHECK(full.code == 1);
  CHECK(full.text.find("No space left on device: what is there is not a whole export") !=
        std::string::npos);
  for (const std::string& line : {"status " + node.url(), std::string("--help"),
                                  "verify " + node.url() + " --json", "health " + node.url()}) {
    CAPTURE(line);
    const auto unwritten = shell(line + " > /dev/full");
    CHECK(unwritten.code == 1);
    CHECK(unwritten.text.find("the output cannot be written") != std::string::npos);
  }
  // A node that is not there: no command waits for it.
  const std::string nobody = "http://127.0.0.1:1";
  write_file(folder / "f", "{}\n");
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& line :
       {"status " + nobody, "verify " + nobody, "compact " + nobody, "bench " + nobody,
        "import " + folder.path() + "/f " + nobody + " --bucket b",
        "export " + nobody + " --bucket b", "backup " + folder.path() + "/backup " + nobody,
        "health " + nobody}) {
    CAPTURE(line);
    const auto alone = shell(line);
    CHECK(alone.code == 1);
    CHECK(alone.text.find("no connection can be made") != std::string::npos);
  }
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  // A command that is wrong is told so before anything is asked.
  for (const char* line : {"export --bucket b --since x", "export --bucket b --log x", "import f",
                           "bench --seconds 0", "export --bucket b --bucket c", "status --nothing",
                           "import --bucket b", "verify --data /none"})
    CHECK_MESSAGE(shell(line + (" " + nobody)).code == 2, line);
}

TEST_CASE("an import that is killed goes on where it was, and writes each document once") {
  const temporary_folder folder;
  const running_node node(folder);
  std::string text;
  constexpr int documents = 60'000;
  for (int i = 0; i < documents; ++i) // every third has an id
    text += (i % 3 == 0 ? "{\"id\":\"d" + std::to_string(i) + "\",\"n\":" : "{\"n\":") +
            std::to_string(i / 2) + "}\n";
  const std::vector<std::string> command{"import", write_file(folder / "file", text), node.url(),
                                         "--bucket", "b"};
  bool interrupted = false;
  for (int attempt = 0; attempt < 20 && !interrupted; ++attempt) {
    child_process first({TREADMILL_BINARY, command});
    const auto begin = std::chrono::steady_clock::now();
    while (!std::filesystem::exists(folder / "file.import") &&
           std::chrono::steady_clock::now() < begin + 20s && !first.wait(1ms)) {
    }
    first.kill();
    interrupted = std::filesystem::exists(folder / "file.import");
  }
  REQUIRE(interrupted);
  const auto rest = run(command);
  CAPTURE(rest.text);
  CHECK(rest.code == 0);
  CHECK(rest.text.find(" of an earlier run") != std::string::npos);
  CHECK(node.has("b", R"("documents":60000)"));
  CHECK(node.has("b", R"("sequence":60000)"));
}

TEST_CASE("what treadmill export prints is the same bucket elsewhere") {
  const temporary_folder folder;
  const running_node node(folder);
  auto client = node.client();
  for (int i = 0; i < 3; ++i)
    REQUIRE(client.send("PUT", "/b/x", "{\"n\":" + std::to_string(i) + "}").ok());
  REQUIRE(client.send("PUT", "/b/gone", "{}").ok());
  REQUIRE(client.send("DELETE", "/b/gone").ok());
  const auto exported = run({"export", node.url(), "--bucket", "b"});
  REQUIRE(exported.code == 0);
  const std::string file = write_file(folder / "b.ndjson", exported.text);
  const auto imported = run({"import", file, node.url(), "--bucket", "copy", "--json"});
  CHECK(imported.code == 0);
  CHECK(imported.text.find(R"("documents":2)") != std::string::npos);
  CHECK(node.fact("copy", "digest") == node.fact("b", "digest"));
  // What changed since is added, with its past.
  REQUIRE(client.send("PUT", "/b/x", R"({"n":3})").ok());
  const auto newer = run({"export", node.url(), "--bucket", "b", "--since", "5"});
  REQUIRE(newer.code == 0);
  CHECK(run({"import", write_file(folder / "more", newer.text), node.url(), "--bucket", "copy"})
            .code == 0);
  CHECK(node.fact("copy", "digest") == node.fact("b", "digest"));
  CHECK(run({"export", node.url(), "--bucket", "none"}).code == 1);
  const std::string log = node.fact("b", "log");
  CHECK(run({"export", node.url(), "--bucket", "b", "--since", "5", "--log", log}).text ==
        newer.text);
  const auto other = run({"export", node.url(), "--bucket", "b", "--since", "5", "--log", "0"});
  CHECK(other.code == 1);
  CHECK(other.text.find("was dropped and made anew") != std::string::npos);
  // One that was cut is not taken for whole.
  const std::string cut = exported.text.substr(0, exported.text.rfind("{\"count\""));
  const auto refused =
      run({"import", write_file(folder / "cut", cut), node.url(), "--bucket", "cut"});
  CHECK(refused.code == 1);
  CHECK(refused.text.find("does not come to its end") != std::string::npos);
}

TEST_CASE("a backup of a node under load restores to an equal digest") {
  const temporary_folder folder;
  const running_node node(folder);
  const std::vector<std::string> buckets{"a", "b"};
  auto client = node.client();
  for (const std::string& bucket : buckets)
    REQUIRE(client.send("POST", "/" + bucket + "/_query/n", R"({"map":"doc => doc.mark"})").ok());
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (unsigned number = 0; number < 4; ++number)
    writers.emplace_back(
        [&, number] { writer(number, number + 1, buckets).run(node.where(), stop); });
  const auto begin = std::chrono::steady_clock::now();
  while (node.sequence("a") < 500 && std::chrono::steady_clock::now() < begin + 20s) {
    std::this_thread::sleep_for(10ms);
  }
  const std::string backup = folder / "backup";
  const auto made = run({"backup", backup, node.url()});
  const auto second = run({"backup", backup, node.url()});
  stop = true;
  for (std::thread& one : writers) one.join();
  CAPTURE(made.text);
  CHECK(made.code == 0);
  CHECK(node.sequence("a") >= 500);
  CHECK(second.code == 1);
  CHECK(second.text.find("a backup in") != std::string::npos);

  const running_node other(folder, "other");
  const auto restored = run({"restore", backup, other.url()});
  CAPTURE(restored.text);
  REQUIRE(restored.code == 0);
  CHECK(restored.text.find("  equal") != std::string::npos);
  const std::string list = read_file(backup + "/backup.json");
  for (const std::string& bucket : buckets) {
    CHECK(list.find(other.fact(bucket, "digest")) != std::string::npos);
    CHECK(other.fact(bucket, "log") != node.fact(bucket, "log"));
    CHECK(other.client().get("/" + bucket + "/_query/n?limit=1").status == 200);
  }
  CHECK(run({"restore", backup, other.url()}).code == 1);
  CHECK(run({"restore", backup, other.url(), "--merge"}).code == 0);
}

TEST_CASE("a backup whose files were changed is not restored in silence") {
  const temporary_folder folder;
  const running_node node(folder);
  auto client = node.client();
  for (const char* id : {"x", "y"}) REQUIRE(client.send("PUT", std::string("/b/") + id, "{}").ok());
  const std::string backup = folder / "backup";
  REQUIRE(run({"backup", backup, node.url()}).code == 0);
  REQUIRE(client.send("DELETE", "/b").ok());
  const std::string whole = read_file(backup + "/b.ndjson");
  const auto refused = [&](const std::string& text, const std::string& reason) {
    write_file(backup + "/b.ndjson", text);
    const auto answer = run({"restore", backup, node.url()});
    CAPTURE(answer.text);
    CHECK(answer.code == 1);
    CHECK(answer.text.find(reason) != std::string::npos);
    client.send("DELETE", "/b");
  };
  refused(whole.substr(0, whole.size() - 12), "does not come to its end");
  std::string less = whole;
  const size_t line = less.find("{\"id\":\"x\"");
  less.erase(line, less.find('\n', line) + 1 - line);
  less.replace(less.find("{\"count\":2}"), 11, "{\"count\":1}");
  refused(less, "the digest of the restored bucket b is not that of the backup");
  std::string other = whole;
  other.replace(other.find("\"document\":{}"), 13, "\"document\":{\"a\":1}");
  refused(other, "hash is not that of its document");
  std::filesystem::remove(backup + "/backup.json");
  refused(whole, "this is not a complete backup");
}

} // namespace treadmill::cluster
