#include "tests/cluster/node_process.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/skip.hpp"
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace treadmill::cluster {

namespace {

bool ipv6_here() {
  const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_addr = in6addr_loopback;
  const int bound = ::bind(socket, reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::close(socket);
  return bound == 0;
}

} // namespace

TEST_CASE("wrong settings are all reported at once, with exit code 2, and nothing is made") {
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY,
                     .data = folder / "data",
                     .http = "nonsense",
                     .arguments = {"--max-buckets", "-3", "--durability", "sometimes",
                                   "--write-buffer", "8 elephants", "--no-such-setting", "1"}});
  const auto end = node.wait(10s);
  REQUIRE(end);
  CHECK(end->code == 2);
  const std::string said = node.output();
  CAPTURE(said);
  for (const char* setting :
       {"--http", "--max-buckets", "--durability", "--write-buffer", "--no-such-setting"})
    CHECK(said.find(setting) != std::string::npos);
  CHECK(!std::filesystem::exists(folder / "data"));
}

TEST_CASE("help and version are told with exit code 0") {
  for (const auto& arguments :
       {std::vector<std::string>{"--help"}, {"serve", "--help"}, {"--version"}}) {
    child_process asked({TREADMILL_BINARY, arguments});
    const auto end = asked.wait(10s);
    REQUIRE(end);
    CHECK(end->code == 0);
    CHECK(asked.output().find("readmill") != std::string::npos);
  }
}

TEST_CASE("a node listens on an IPv6 address") {
  if (!ipv6_here()) return test::skip("there is no IPv6 loopback address");
  const temporary_folder folder;
  node_process node({.executable = TREADMILL_BINARY, .data = folder / "data", .http = "[::1]:0"});
  REQUIRE(node.wait_ready());
  CHECK(node.where().host == "::1");
  CHECK(node.client().get("/_system/ready").status == 200);
  child_process probe(
      {TREADMILL_BINARY, {"health", "--http", "[::1]:" + std::to_string(node.where().port)}});
  const auto end = probe.wait(10s);
  REQUIRE(end);
  CHECK(end->code == 0);
}

TEST_CASE("a folder that cannot be made is refused with exit code 1 and its reason") {
  node_process node({.executable = TREADMILL_BINARY, .data = "/proc/no/such/folder"});
  const auto end = node.wait(10s);
  REQUIRE(end);
  CHECK(end->code == 1);
  CHECK(node.output().find("cannot") != std::string::npos);
}

TEST_CASE("with an interval of durability a node says so, and keeps what it acknowledged through "
          "SIGTERM and SIGKILL") {
  const temporary_folder folder;
  const node_options options{.executable = TREADMILL_BINARY,
                             .data = folder / "data",
                             .arguments = {"--durability", "interval=50ms"}};
  std::vector<std::string> revs;
  for (const int signal : {SIGKILL, SIGTERM, SIGKILL}) {
    node_process node(options);
    REQUIRE(node.wait_ready());
    auto client = node.client();
    CHECK(client.get("/_system").member("durability") == "interval=50ms");
    for (size_t i = 0; i < revs.size(); ++i)
      CHECK(client.get("/bucket/" + std::to_string(i)).member("rev") == revs[i]);
    for (int i = 0; i < 50; ++i) {
      const std::string target = "/bucket/" + std::to_string(revs.size());
      const auto answer = client.send("PUT", target, R"({"n":1})");
      REQUIRE(answer.status == 201);
      revs.push_back(answer.member("rev"));
    }
    node.signal(signal);
    REQUIRE(node.wait(5s));
  }
  node_process node(options);
  REQUIRE(node.wait_ready());
  auto client = node.client();
  for (size_t i = 0; i < revs.size(); ++i)
    CHECK(client.get("/bucket/" + std::to_string(i)).member("rev") == revs[i]);
  CHECK(client.get("/bucket").says("\"sequence\":150"));
}

} // namespace treadmill::cluster
