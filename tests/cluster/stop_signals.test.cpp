#include "tests/cluster/feed_follower.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <pty.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

struct acknowledged_document {
  std::string id;
  std::string rev;
};

/// Clients that create documents until the node does not answer any more.
class creators {
public:
  creators(address where, size_t count) {
    for (size_t i = 0; i < count; ++i) threads_.emplace_back([this, where, i] { run(where, i); });
  }
  ~creators() {
    stop_ = true;
    join();
  }
  creators(const creators&) = delete;
  creators& operator=(const creators&) = delete;

  uint64_t acknowledged() const { return count_; }
  std::vector<acknowledged_document> join() {
    for (std::thread& one : threads_)
      if (one.joinable()) one.join();
    return acknowledged_;
  }
  uint64_t wrong() const { return wrong_; } ///< answers other than 201 and 503

private:
  void run(const address& where, size_t number) {
    http_client client(where);
    for (uint64_t i = 0; !stop_; ++i) {
      const std::string id = std::to_string(number) + "-" + std::to_string(i);
      const auto answer =
          client.send("POST", "/bucket", R"({"id":")" + id + R"(","text":"some text"})");
      if (answer.status == 0 || answer.status == 503) return;
      if (answer.status != 201) ++wrong_;
      const std::lock_guard lock(mutex_);
      acknowledged_.push_back({id, answer.member("rev")});
      ++count_;
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> wrong_{0};
  std::mutex mutex_{};
  std::vector<acknowledged_document> acknowledged_{};
  std::vector<std::thread> threads_{};
};

template<typename Condition>
bool poll_until(Condition condition, std::chrono::seconds limit = 20s) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// The documents that are not there with the revision that was acknowledged.
size_t missing(const node_process& node, const std::vector<acknowledged_document>& documents) {
  auto client = node.client();
  return static_cast<size_t>(
      std::count_if(documents.begin(), documents.end(), [&](const acknowledged_document& one) {
        return client.get("/bucket/" + one.id).member("rev") != one.rev;
      }));
}

/// Reads a body to its end.
http_client::piece read_to_end(http_client& client, std::string& text) {
  auto got = http_client::piece::data;
  while (got == http_client::piece::data) got = client.read_some(text, 5s);
  return got;
}

/// A node that does what `signals` say: ends with 0 within 5 s, and everything that it acknowledged
/// before is there when it runs again.
void ends_cleanly(const std::vector<int>& signals) {
  const temporary_folder folder;
  const node_options options{.executable = TREADMILL_BINARY, .data = folder / "data"};
  std::vector<acknowledged_document> documents;
  {
    node_process node(options);
    REQUIRE(node.wait_ready());
    creators load(node.where(), 8);
    REQUIRE(poll_until([&] { return load.acknowledged() >= 200; }));
    for (const int number : signals) node.signal(number);
    const auto end = node.wait(5s);
    INFO(node.output());
    REQUIRE(end);
    CHECK(end->signal == 0);
    CHECK(end->code == 0);
    documents = load.join();
    CHECK(load.wrong() == 0);
  }
  node_process node(options);
  REQUIRE(node.wait_ready());
  CHECK(missing(node, documents) == 0);
}

bool holds(const std::string& file, std::string_view text) {
  std::ifstream in(file);
  std::stringstream all;
  all << in.rdbuf();
  return all.str().find(text) != std::string::npos;
}

constexpr size_t feeds = 100;

} // namespace

TEST_CASE("SIGTERM under load ends the node with 0, and every acknowledged write is there after") {
  ends_cleanly({SIGTERM});
}

TEST_CASE("SIGINT under load ends the node with 0, and every acknowledged write is there after") {
  ends_cleanly({SIGINT});
}

TEST_CASE("further signals while a node ends do no harm") {
  ends_cleanly({SIGTERM, SIGINT, SIGTERM, SIGTERM, SIGINT});
}

TEST_CASE(
    "SIGHUP and SIGUSR1 open the log file anew, without one they change nothing, as SIGUSR2 does") {
  const temporary_folder folder;
  node_process quiet({.executable = TREADMILL_BINARY, .data = folder / "quiet"});
  REQUIRE(quiet.wait_ready());
  const std::string log = folder / "log";
  child_process node({.executable = TREADMILL_BINARY,
                      .arguments = {"serve", "--data", folder / "data", "--http", "127.0.0.1:0",
                                    "--zmq", "off", "--log-file", log}});
  REQUIRE(poll_until([&] { return holds(log, " ready "); }));
  for (const int number : {SIGHUP, SIGUSR1}) {
    std::filesystem::rename(log, log + ".1");
    node.signal(number);
    quiet.signal(number);
    CHECK(poll_until([&] { return holds(log, "the log was opened anew"); }));
  }
  node.signal(SIGUSR2);
  quiet.signal(SIGUSR2);
  CHECK(quiet.client().get("/_system/ready").status == 200);
  node.signal(SIGTERM);
  const auto end = node.wait(5s);
  REQUIRE(end);
  CHECK(end->code == 0);
  CHECK(holds(log, " ended"));
}

TEST_CASE("a node whose terminal is closed ends in order, under nohup it goes on") {
  const temporary_folder folder;
  for (const bool nohup : {false, true}) {
    CAPTURE(nohup);
    const std::string log = folder / (nohup ? "nohup.log" : "log");
    const std::vector<std::string> words{
        TREADMILL_BINARY, "serve", "--data", folder / "data", "--http",
        "127.0.0.1:0",    "--zmq", "off",    "--log-file",    log};
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    int terminal = -1;
    const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid == 0) {
      if (nohup) ::signal(SIGHUP, SIG_IGN);
      ::execv(arguments.front(), arguments.data());
      ::_exit(127);
    }
    REQUIRE(pid > 0);
    CHECK(poll_until([&] { return holds(log, " ready "); }));
    ::close(terminal); // the kernel hangs up
    if (nohup) {
      ::kill(pid, SIGUSR1); // is taken behind the hangup
      CHECK(poll_until([&] { return holds(log, "opened anew"); }));
      ::kill(pid, SIGTERM);
    }
    int status = 0;
    const bool ended = poll_until([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }, 10s);
    CHECK(ended);
    if (!ended) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
    }
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(holds(log, " ended"));
  }
}

TEST_CASE("a node that nothing was ever asked of ends at once") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  node.signal(SIGTERM);
  const auto end = node.wait(2s);
  REQUIRE(end);
  CHECK(end->code == 0);
}

TEST_CASE("at SIGTERM a hundred feeds get their last byte, and a reader who takes nothing holds "
          "nobody up") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  auto client = node.client();
  // 12 MB to read: more than the kernel's buffers take.
  const std::string text(6000, 'x');
  for (int bulk = 0; bulk < 20; ++bulk) {
    std::string lines;
    for (int i = 0; i < 100; ++i) lines += R"({"text":")" + text + "\"}\n";
    REQUIRE(client.send("POST", "/bucket/_bulk", lines, {{"Content-Type", "application/x-ndjson"}})
                .status == 200);
  }
  http_client slow(node.where());
  slow.set_receive_buffer(4096);
  REQUIRE(slow.start("GET", "/bucket/_documents?include_docs=true").status == 200);

  const std::string kinds[] = {"continuous", "eventsource", "longpoll"};
  std::vector<std::unique_ptr<http_client>> clients;
  for (size_t i = 0; i < feeds; ++i) {
    clients.push_back(std::make_unique<http_client>(node.where()));
    const auto answer =
        clients.back()->start("GET", "/bucket/_activity?since=now&feed=" + kinds[i % 3]);
    REQUIRE(answer.status == 200);
  }
  const auto written = client.send("POST", "/bucket", R"({"id":"last"})");
  REQUIRE(written.status == 201);
  std::vector<std::string> texts(feeds);
  for (size_t i = 0; i < feeds; ++i) {
    const auto seen = [&] { // the feeds are at their end, and wait
      clients[i]->read_some(texts[i], 10ms);
      return texts[i].find("\"last\"") != std::string::npos;
    };
    REQUIRE(poll_until(seen));
  }
  node.signal(SIGTERM);
  const auto end = node.wait(5s);
  REQUIRE(end);
  CHECK(end->code == 0);
  size_t cut = 0;
  for (size_t i = 0; i < feeds; ++i)
    cut += read_to_end(*clients[i], texts[i]) == http_client::piece::end ? 0U : 1U;
  CHECK(cut == 0);
}

TEST_CASE("a connection that ends a request after SIGTERM is refused or closed, not left waiting") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data"});
  REQUIRE(node.wait_ready());
  auto idle = node.client();
  REQUIRE(idle.get("/_system/health").status == 200); // and its connection stays open
  node.signal(SIGTERM);
  REQUIRE(node.wait(5s));
  const auto answer = idle.get("/_system/health");
  CHECK((answer.status == 0 || answer.status == 503));
}

} // namespace treadmill::cluster
