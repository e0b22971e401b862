#include "storage/engine/log_check.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/helpers/memenv.h>
#include <leveldb/write_batch.h>
#include <memory>
#include <vector>

namespace treadmill {
namespace {

using kind = log_state::kind;

/// A log as LevelDB itself writes it, and where its commits begin.
struct written_log {
  std::string bytes{};
  std::vector<size_t> begins{}; ///< the last one is the log's end
  std::vector<std::string> values{};

  size_t last_begin() const { return begins[begins.size() - 2]; }
};

std::string log_of(leveldb::Env& env) {
  std::vector<std::string> names;
  REQUIRE(env.GetChildren("/db", &names).ok());
  std::string bytes;
  for (const std::string& name : names) {
    if (name.find(".log") == std::string::npos) continue;
    REQUIRE(leveldb::ReadFileToString(&env, "/db/" + name, &bytes).ok());
  }
  return bytes;
}

/// One commit for each size, with a value of so many random bytes.
written_log write_log(const std::vector<size_t>& sizes) {
  const std::unique_ptr<leveldb::Env> env(leveldb::NewMemEnv(leveldb::Env::Default()));
  leveldb::Options options;
  options.env = env.get();
  options.create_if_missing = true;
  leveldb::DB* opened = nullptr;
  REQUIRE(leveldb::DB::Open(options, "/db", &opened).ok());
  const std::unique_ptr<leveldb::DB> db(opened);
  std::mt19937_64 random(1);
  written_log log;
  log.begins.push_back(0);
  for (const size_t size : sizes) {
    std::string value(size, ' ');
    for (char& byte : value) byte = static_cast<char>(random());
    REQUIRE(db->Put({}, "key", value).ok());
    log.values.push_back(std::move(value));
    log.begins.push_back(log_of(*env).size());
  }
  log.bytes = log_of(*env);
  return log;
}

/// Whether LevelDB at its strictest opens a database with this log.
bool leveldb_takes(const std::string& log) {
  const std::unique_ptr<leveldb::Env> env(leveldb::NewMemEnv(leveldb::Env::Default()));
  leveldb::Options options;
  options.env = env.get();
  options.create_if_missing = true;
  options.paranoid_checks = true;
  leveldb::DB* opened = nullptr;
  REQUIRE(leveldb::DB::Open(options, "/db", &opened).ok());
  delete opened;
  std::vector<std::string> names;
  REQUIRE(env->GetChildren("/db", &names).ok());
  for (const std::string& name : names) {
    if (name.find(".log") == std::string::npos) continue;
    REQUIRE(leveldb::WriteStringToFile(env.get(), log, "/db/" + name).ok());
  }
  opened = nullptr;
  const bool taken = leveldb::DB::Open(options, "/db", &opened).ok();
  delete opened;
  return taken;
}

constexpr size_t block = 32768;

} // namespace

TEST_CASE("a log of LevelDB is whole, and its commits are given in order") {
  // Several in a block, some over many blocks, and some whose end leaves no room for a header.
  const written_log log = write_log({0, 1, 100, block, 5 * block, 3, 200'000, block - 40, 7});
  std::vector<std::string> commits;
  log_commits known;
  known.next = [&](std::string_view commit) {
    commits.emplace_back(commit);
    return true;
  };
  const log_state state = check_log(log.bytes, known);
  CHECK(state.what == kind::whole);
  CHECK(state.intact_bytes == log.bytes.size());
  REQUIRE(commits.size() == log.values.size());
  for (size_t i = 0; i < commits.size(); ++i) {
    const std::string& value = log.values[i];
    REQUIRE(commits[i].size() > value.size());
    CHECK(commits[i].substr(commits[i].size() - value.size()) == value);
  }
  CHECK(check_log("").what == kind::whole);
}

TEST_CASE("every room that is left at the end of a block is read as LevelDB reads it") {
  const size_t overhead = write_log({30'000}).bytes.size() - 30'000;
  for (size_t left = 0; left < 20; ++left) {
    CAPTURE(left);
    const written_log log = write_log({block - overhead - left, 100});
    CHECK(log.begins[1] == block - left);
    const log_state state = check_log(log.bytes);
    CHECK(state.what == kind::whole);
    CHECK(state.intact_bytes == log.bytes.size());
  }
}

TEST_CASE("a last commit that is cut at any byte is left out, and nothing before it") {
  for (const std::vector<size_t>& sizes :
       {std::vector<size_t>{50, 0, 300}, {50, block - 200, 400}, {20, 2 * block + 100}}) {
    const written_log log = write_log(sizes);
    const size_t step = sizes.back() > block ? 53 : 1;
    for (size_t end = log.last_begin() + 1; end < log.bytes.size(); end += step) {
      const log_state state = check_log(std::string_view(log.bytes).substr(0, end));
      const bool trailer = state.what == kind::whole; // of a block, before anything of the commit
      if (trailer) REQUIRE(end - log.last_begin() < 7);
      if (!trailer) REQUIRE(state.what == kind::cut_short);
      REQUIRE(state.intact_bytes == log.last_begin());
      if (!trailer) REQUIRE(state.broken_at >= log.last_begin());
      if (end % 97 == 0) REQUIRE(leveldb_takes(log.bytes.substr(0, end)));
    }
    CHECK(check_log(log.bytes.substr(0, log.last_begin())).what == kind::whole);
  }
}

TEST_CASE("a tail of zeros or garbage is torn off, and what is left LevelDB takes") {
  const uint64_t seed = property_seed("log check");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const written_log log = write_log({50, 40'000, 300});
  for (const size_t size : {1, 6, 7, 8, 100, 1000, 30'000, 70'000}) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      std::string tail(size, '\0');
      if (attempt > 0) {
        for (char& byte : tail) byte = static_cast<char>(random());
      }
      const log_state state = check_log(log.bytes + tail);
      CHECK((state.what == kind::torn || state.what == kind::cut_short));
      CHECK(state.intact_bytes == log.bytes.size());
      CHECK(state.broken_at == log.bytes.size());
      if (state.what == kind::cut_short) CHECK(leveldb_takes(log.bytes + tail));
    }
  }
  CHECK(check_log(log.bytes + std::string(100, '\0')).what == kind::torn);
  CHECK(leveldb_takes(log.bytes));
}

TEST_CASE("a flipped bit before the last commit is damage, wherever it is") {
  const written_log log = write_log({50, 0, 300, 20});
  for (size_t at = 0; at < log.last_begin(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = log.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      const log_state state = check_log(bytes);
      REQUIRE(state.what == kind::damaged);
      REQUIRE(state.broken_at <= at);
      size_t begin = 0;
      for (const size_t one : log.begins) {
        if (one <= at) begin = one;
      }
      REQUIRE(state.broken_at == begin);
      REQUIRE(state.intact_bytes == begin);
    }
  }
}

TEST_CASE("a flipped bit in the last commit cannot be told from an unfinished write") {
  const written_log log = write_log({50, 300});
  for (size_t at = log.last_begin(); at < log.bytes.size(); ++at) {
    std::string bytes = log.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    const log_state state = check_log(bytes);
    REQUIRE((state.what == kind::torn || state.what == kind::cut_short));
    REQUIRE(state.intact_bytes == log.last_begin());
  }
}

TEST_CASE("a flipped byte in a commit over many blocks is found in each of its fragments") {
  const written_log log = write_log({50, 4 * block, 30});
  for (size_t at = log.begins[1]; at < log.begins[2]; at += 61) {
    std::string bytes = log.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    const log_state state = check_log(bytes);
    REQUIRE(state.what == kind::damaged);
    REQUIRE(state.intact_bytes == log.begins[1]);
  }
}

TEST_CASE("a block of zeros in the middle is damage, also where it hides a whole commit") {
  const written_log log = write_log({50, 300, 20, 30});
  std::string bytes = log.bytes;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(log.begins[1]),
            bytes.begin() + static_cast<std::ptrdiff_t>(log.begins[3]), '\0');
  const log_state state = check_log(bytes);
  CHECK(state.what == kind::damaged);
  CHECK(state.broken_at == log.begins[1]);
}

TEST_CASE("a hole before commits that follow no sync is torn; one that follows a sync decides") {
  const written_log log = write_log({50, 300, 20, 30});
  std::string bytes = log.bytes;
  bytes[log.begins[1] + 20] = static_cast<char>(bytes[log.begins[1] + 20] ^ 1);
  log_commits known;
  known.follows_sync = [](std::string_view) { return false; };
  const log_state torn = check_log(bytes, known);
  CHECK(torn.what == kind::torn);
  CHECK(torn.intact_bytes == log.begins[1]);
  known.follows_sync = [&](std::string_view beginning) { // the last commit alone
    return beginning.size() >= 30 && beginning.substr(beginning.size() - 30) == log.values[3];
  };
  CHECK(check_log(bytes, known).what == kind::damaged);
}

TEST_CASE("the beginning of a commit is given whole, or with 64 bytes at the least") {
  const written_log log = write_log({50, block - 100, 4000, 30});
  std::string bytes = log.bytes;
  bytes[20] = static_cast<char>(bytes[20] ^ 1);
  std::vector<size_t> sizes;
  log_commits known;
  known.follows_sync = [&](std::string_view beginning) {
    sizes.push_back(beginning.size());
    return false;
  };
  check_log(bytes, known);
  REQUIRE(sizes.size() == 3);
  CHECK(sizes[0] >= 64);
  CHECK(sizes[1] >= 64);
  CHECK(sizes[2] == 30 + 12 + 6); // header, a put of "key", the lengths
}

TEST_CASE("the rest of a commit without its beginning is no commit") {
  const size_t overhead = write_log({30'000}).bytes.size() - 30'000;
  const std::string whole_block = write_log({block - overhead}).bytes;
  REQUIRE(whole_block.size() == block);
  const written_log long_commit = write_log({3 * block, 50});
  for (const size_t from : {block, 3 * block}) { // a middle record, the last one
    const std::string_view rest = std::string_view(long_commit.bytes).substr(from);
    const log_state damaged = check_log(whole_block + std::string(rest));
    CHECK(damaged.what == kind::damaged); // a whole commit follows
    CHECK(damaged.broken_at == block);
    const size_t end = long_commit.begins[1] - from;
    const log_state torn = check_log(whole_block + std::string(rest.substr(0, end)));
    CHECK(torn.what == kind::torn);
    CHECK(torn.intact_bytes == block);
  }
}

TEST_CASE("a commit that contradicts those before it is damage") {
  const written_log log = write_log({50, 300, 20});
  int number = 0;
  log_commits known;
  known.next = [&](std::string_view) { return ++number != 2; };
  const log_state state = check_log(log.bytes, known);
  CHECK(state.what == kind::damaged);
  CHECK(state.broken_at == log.begins[1]);
  CHECK(state.intact_bytes == log.begins[1]);
}

} // namespace treadmill
