#include "net/client/backup.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/unit/net/client/served_node.hpp"
#include <array>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/inotify.h>
#include <unistd.h>

namespace treadmill::http {
namespace {

using cluster::temporary_folder;
using tests::served_node;

void quiet(const export_facts&, size_t, size_t) {}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// How many entries a folder has.
size_t entries(const std::string& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// A node with two buckets, b and c.
struct two_buckets : served_node {
  two_buckets() {
    for (const char* path : {"/b/x", "/b/y", "/c/z"}) send("PUT", path, "{}");
  }
};

} // namespace

TEST_CASE("a backup refuses a folder that has a file of one of its names, and changes nothing") {
  two_buckets node;
  const temporary_folder folder;
  for (const std::string name : {"c.ndjson", "backup.json.new"}) {
    CAPTURE(name);
    std::ofstream(folder / name) << "foreign";
    const auto refused = back_up(*node.client, folder.path(), quiet);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ec::conflict);
    CHECK(refused.error().reason.find(folder / name) == 0);
    CHECK(content_of(folder / name) == "foreign");
    CHECK(entries(folder.path()) == 1);
    std::filesystem::remove(folder / name);
  }
  std::ofstream(folder / "other.ndjson") << "foreign";
  CHECK(back_up(*node.client, folder.path(), quiet));
  CHECK(content_of(folder / "other.ndjson") == "foreign");
}

TEST_CASE("a backup that fails leaves no file, and the next one is complete") {
  two_buckets node;
  const temporary_folder folder;
  node.before = [&](const http::request& request) {
    if (request.path == "/c/_export") node.node.backend.close_store();
  };
  const std::string backup = folder / "backup";
  CHECK_FALSE(back_up(*node.client, backup, quiet));
  CHECK(entries(backup) == 0);
  node.before = nullptr;
  node.node.backend.open_store();
  const auto complete = back_up(*node.client, backup, quiet);
  REQUIRE(complete);
  CHECK(complete->size() == 2);
  CHECK(entries(backup) == 3);
}

TEST_CASE("the list of a backup appears in one step, when it is complete") {
  two_buckets node;
  const temporary_folder folder;
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  REQUIRE(watch >= 0);
  REQUIRE(inotify_add_watch(watch, folder.path().c_str(), IN_CREATE | IN_MOVED_TO) >= 0);
  REQUIRE(back_up(*node.client, folder.path(), quiet));
  alignas(inotify_event) std::array<char, 16 * 1024> bytes{};
  const ssize_t size = read(watch, bytes.data(), bytes.size());
  close(watch);
  REQUIRE(size > 0);
  uint32_t how = 0;
  for (size_t at = 0; at < static_cast<size_t>(size);) {
    const auto* event = reinterpret_cast<const inotify_event*>(bytes.data() + at);
    if (event->len > 0 && std::strcmp(event->name, "backup.json") == 0) how |= event->mask;
    at += sizeof(inotify_event) + event->len;
  }
  CHECK(how == IN_MOVED_TO);
}

} // namespace treadmill::http
