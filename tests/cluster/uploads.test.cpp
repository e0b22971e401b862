#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/skip.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace treadmill::cluster {

using namespace std::chrono_literals;

namespace {

const header_list ndjson{{"Content-Type", "application/x-ndjson"}};

constexpr uint64_t kib_a_mib = 1024;

/// A node that takes requests of at most 1 MiB, with short timeouts.
struct small_node {
  small_node()
      : node({.executable = TREADMILL_BINARY,
              .data = folder / "data",
              .arguments = {"--max-request-size", "1MiB", "--max-document-size", "1MiB",
                            "--body-timeout", "2s", "--send-timeout", "2s"}}) {
    REQUIRE(node.wait_ready());
  }
  bool has(const std::string& bucket, const std::string& fact) {
    return node.client(30s).get("/" + bucket).says(fact);
  }
  bool comes_to_have(const std::string& bucket, const std::string& fact) {
    return eventually([&] { return has(bucket, fact); });
  }
  /// No request holds memory any more.
  bool is_at_rest() {
    return eventually([&] {
      return node.client(30s).get("/_system/metrics").says("\ntreadmill_http_held_bytes 0\n");
    });
  }
  static bool eventually(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(20ms);
    }
    return true;
  }

  temporary_folder folder;
  node_process node;
};

std::string document(size_t number, size_t bytes) {
  const std::string head = R"({"id":"d)" + std::to_string(number) + R"(","text":")";
  return head + std::string(bytes, static_cast<char>('a' + number % 23)) + "\"}\n";
}

std::string documents(size_t from, size_t to, size_t bytes) {
  std::string lines;
  for (size_t i = from; i < to; ++i) lines += document(i, bytes);
  return lines;
}

/// A bulk that curl sends in chunks, as the test writes them.
class curl_upload {
public:
  curl_upload(const small_node& one, const std::string& bucket)
      : source_(one.folder / bucket), answer_(one.folder / (bucket + ".answer")) {
    REQUIRE(::mkfifo(source_.c_str(), 0600) == 0);
    pipe_ = ::open(source_.c_str(), O_RDWR | O_CLOEXEC); // waits for no reader
    REQUIRE(pipe_ >= 0);
    // "-T ." looks for an answer while there is nothing to send; with a file, curl waits for the
    // file.
    curl_.emplace(process_options{
        .executable = "/bin/sh",
        .arguments = {"-c", "exec curl -sS -X POST -H 'Content-Type: application/x-ndjson' -T . '"
                            "http://127.0.0.1:" +
                                std::to_string(one.node.where().port) + "/" + bucket +
                                "/_bulk' < '" + source_ + "' > '" + answer_ + "'"}});
  }
  ~curl_upload() { ::close(pipe_); }
  curl_upload(const curl_upload&) = delete;
  curl_upload& operator=(const curl_upload&) = delete;

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(pipe_, text.data(), text.size());
      REQUIRE(written > 0);
      text.remove_prefix(static_cast<size_t>(written));
    }
  }
  void kill() { curl_->kill(); }
  /// What the node answered while the body has no end.
  std::string answer() {
    REQUIRE(curl_->wait(30s));
    std::ostringstream text;
    text << std::ifstream(answer_).rdbuf();
    return text.str();
  }

private:
  std::string source_;
  std::string answer_;
  int pipe_ = -1;
  std::optional<child_process> curl_{};
};

bool there_is_curl() {
  child_process curl({"/usr/bin/env", {"curl", "--version"}});
  const auto end = curl.wait(30s);
  return end && end->code == 0;
}

size_t occurrences(const std::string& text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

} // namespace

TEST_CASE("a bulk far above the limit of a request is written in bounded memory") {
  small_node one;
  auto client = one.node.client(120s);
  // Fills what the node keeps anyway: caches, tables in memory, stacks of threads.
  REQUIRE(client.send("POST", "/warm/_bulk", documents(0, 4000, 8000), ndjson).status == 200);
  const uint64_t before = one.node.memory_kib("VmHWM");

  const std::string body = documents(0, 16'000, 8000);
  const auto done = client.send("POST", "/b/_bulk", body, ndjson);
  CAPTURE(one.node.output());
  REQUIRE(done.status == 200);
  CHECK(done.says(R"("count":16000)"));
  CHECK(occurrences(done.body, R"({"status":"OK","id":")") == 16'000);
  CHECK(one.has("b", R"("documents":16000,)"));
  CHECK(client.get("/b/d15999").says("\"text\":\"" + std::string(8000, 'a' + 15'999 % 23) + '"'));

  const uint64_t after = one.node.memory_kib("VmHWM");
  MESSAGE("peak memory: ", before, " KiB, then ", after, " KiB with ", body.size() / 1024, " KiB");
  CHECK(after < before + 32 * kib_a_mib);
}

TEST_CASE("curl sends a bulk in chunks and takes its results meanwhile") {
  small_node one;
  std::ofstream(one.folder / "lines") << documents(0, 150'000, 20); // 16 MiB of results
  const std::string url =
      "http://127.0.0.1:" + std::to_string(one.node.where().port) + "/b/_bulk?create=true";
  child_process curl(
      {"/bin/sh",
       {"-c", "exec curl -sS -X POST -H 'Content-Type: application/x-ndjson' -T - '" + url +
                  "' < '" + (one.folder / "lines") + "' > '" + (one.folder / "answer") + "'"}});
  const auto end = curl.wait(120s);
  REQUIRE(end);
  if (end->code == 127) return test::skip("there is no curl");
  CAPTURE(curl.output());
  CHECK(end->code == 0);
  std::ostringstream answer;
  answer << std::ifstream(one.folder / "answer").rdbuf();
  const std::string text = answer.str();
  CHECK(text.ends_with("],\"count\":150000,\"status\":\"OK\"}\n"));
  CHECK(occurrences(text, R"({"status":"OK","id":")") == 150'000);
  CHECK(one.has("b", R"("documents":150000,)"));
}

TEST_CASE("a body that stalls is answered with what was written of it") {
  if (!there_is_curl()) return test::skip("there is no curl");
  small_node one;
  curl_upload upload(one, "b");
  upload.write(documents(0, 2500, 100) + "{\"id\":\"unfinished");
  const std::string text = upload.answer();
  CHECK(text.starts_with(
      R"({"status":"error","error":"request_timeout","reason":"the request did not arrive in time",)"
      R"("count":2500,"results":[{"status":"OK",)"));
  CHECK(occurrences(text, R"({"status":"OK","id":")") == 2500);
  CHECK(one.has("b", "\"documents\":2500,"));
  CHECK(one.is_at_rest());
}

TEST_CASE("a client that breaks off leaves nothing behind") {
  if (!there_is_curl()) return test::skip("there is no curl");
  small_node one;
  curl_upload upload(one, "b");
  upload.write(documents(0, 2500, 100) + "{\"id\":\"unfinished");
  REQUIRE(one.comes_to_have("b", "\"documents\":2500,"));
  CHECK_FALSE(one.node.client(30s).get("/_system/metrics").says("\ntreadmill_http_held_bytes 0\n"));
  upload.kill();
  CHECK(one.is_at_rest());
  CHECK(one.has("b", "\"documents\":2500,"));
}

TEST_CASE("a client that takes no results is disconnected") {
  small_node one;
  auto client = one.node.client(60s);
  client.set_receive_buffer(8 * 1024);
  const auto begun = std::chrono::steady_clock::now();
  // It reads only when it has sent everything, which is more than sockets hold.
  const auto done = client.send("POST", "/b/_bulk", documents(0, 150'000, 300), ndjson);
  CHECK(done.status == 0);
  CHECK(std::chrono::steady_clock::now() < begun + 30s);
  CHECK(one.is_at_rest());
  CHECK_FALSE(one.has("b", "\"documents\":150000,"));
}

TEST_CASE("an export above the limit of a request is imported") {
  small_node one;
  auto client = one.node.client(120s);
  REQUIRE(client.send("POST", "/b/_bulk", documents(0, 5000, 2000), ndjson).status == 200);
  const auto text = client.get("/b/_export");
  REQUIRE(text.body.size() > 8 * 1024 * 1024);
  const auto done = client.send("POST", "/copy/_import", text.body, ndjson);
  CHECK(done.line() == R"({"status":"OK","count":5000})");
  CHECK(client.get("/copy").member("digest") == client.get("/b").member("digest"));
  const auto broken = client.send("POST", "/other/_import", text.body + "{\"id\":\n", ndjson);
  CHECK(broken.status == 400);
  CHECK(broken.says("line 5003: "));
  const size_t at = broken.body.find("\"count\":");
  REQUIRE(at != std::string::npos);
  const size_t merged = std::stoul(broken.body.substr(at + 8));
  CHECK(merged >= 4000);
  CHECK(one.has("other", "\"documents\":" + std::to_string(merged) + ","));
}

} // namespace treadmill::cluster
