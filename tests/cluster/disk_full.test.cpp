#include "storage/engine/store.hpp"
#include "tests/cluster/small_disk.hpp"
#include "tests/crash/workload.hpp"
#include "tests/property/seed.hpp"
#include "tests/skip.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

using namespace std::chrono_literals;

namespace treadmill::cluster {
namespace {

using test::workload;

constexpr int cycles = 24;

store_options options_on(const small_disk& disk) {
  store_options options;
  options.directory = disk / "store";
  options.write_buffer_bytes = 64 * defaults::kibibyte; // memtables rotate, tables are compacted
  options.reopen_free_bytes = 256 * defaults::kibibyte;
  options.free_floor_bytes = 0;
  return options;
}

/// A store on a disk that is full now and then, and all that was written to it.
class full_store {
public:
  full_store(const small_disk& disk, uint64_t seed, test::workload_options chosen)
      : disk_(disk), writes_(seed, chosen) {
    start();
  }

  void start() {
    rows_.reset();
    auto opened = store::open(options_on(disk_));
    REQUIRE_MESSAGE(opened.has_value(), opened.error().reason);
    rows_ = std::move(*opened);
    verify();
  }

  /// Writes until a write fails for want of space.
  void fill() {
    for (int step = 0; step < 20'000; ++step) {
      if (writes_.step(*rows_) == workload::outcome::done) continue;
      ++failures_;
      return;
    }
    FAIL("the disk did not become full");
  }

  /// What a store without room does: it reads, it refuses writes, and it does not get worse.
  void serves_reads_only() {
    CHECK(!rows_->writable());
    for (int attempt = 0; attempt < 5; ++attempt) {
      CHECK(writes_.step(*rows_) != workload::outcome::ambiguous);
    }
    reads_are_right();
    // What a failed compaction left may be room enough; else nothing changes.
    const auto reopened = rows_->try_reopen();
    if (reopened) return verify();
    ++refused_reopens_;
    CHECK(reopened.error().code == ec::disk_full);
    CHECK(!rows_->writable());
    reads_are_right();
  }

  /// Once there is room it takes writes again.
  void takes_writes_again() {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!rows_->writable()) {
      const auto reopened = rows_->try_reopen();
      if (reopened) break;
      INFO(reopened.error().reason);
      INFO(disk_.files());
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::sleep_for(10ms);
    }
    CHECK(rows_->writable());
    verify();
    const uint64_t before = writes_.acknowledged();
    for (int step = 0; step < 200 && writes_.acknowledged() == before; ++step) {
      REQUIRE(writes_.step(*rows_) == workload::outcome::done);
    }
    CHECK(writes_.acknowledged() > before);
  }

  void verify() {
    const std::string problem = writes_.verify(*rows_);
    REQUIRE_MESSAGE(problem.empty(), problem);
  }

  /// Ends the store as it is and starts it anew, with the room that there is.
  void end() { rows_.reset(); }

  uint64_t acknowledged() const { return writes_.acknowledged(); }
  uint64_t checked() const { return writes_.checked(); }
  int failures() const { return failures_; }
  int refused_reopens() const { return refused_reopens_; }

private:
  void reads_are_right() {
    const std::string problem = writes_.verify_reads(*rows_);
    CHECK_MESSAGE(problem.empty(), problem);
  }

  const small_disk& disk_;
  workload writes_;
  std::unique_ptr<store> rows_{};
  int failures_ = 0;
  int refused_reopens_ = 0;
};

void fill_again_and_again(bool drops) {
  const small_disk disk(16);
  if (!disk.problem().empty()) return test::skip("no small disk can be mounted: " + disk.problem());
  const uint64_t seed = property_seed("disk full");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  test::workload_options chosen;
  chosen.drops = drops;
  full_store full(disk, seed, chosen);
  for (int cycle = 1; cycle <= cycles; ++cycle) {
    CAPTURE(cycle);
    // From room for a few writes to some memtables.
    disk.place_ballast(5'000 + random() % 600'000);
    full.fill();
    full.serves_reads_only();
    const bool restart = cycle % 6 == 0; // a process that ends while the disk is full
    if (restart) full.end();
    disk.remove_ballast();
    if (restart) full.start();
    full.takes_writes_again();
  }
  full.end();
  full.start();
  CHECK(full.refused_reopens() > 0);
  std::cout << cycles << " cycles, " << full.failures() << " failures, " << full.refused_reopens()
            << " reopens refused for want of space, " << full.acknowledged()
            << " writes acknowledged, " << full.checked() << " entries checked, none lost"
            << std::endl;
}

} // namespace

TEST_CASE("a store on a full disk reads on, writes again after a reopen, and loses nothing") {
  fill_again_and_again(false);
}

TEST_CASE("the same where buckets are dropped and cleaned up meanwhile") {
  fill_again_and_again(true);
}

TEST_CASE("a disk that is full of what a failed compaction left over needs nobody to make room") {
  const small_disk disk(8);
  if (!disk.problem().empty()) return test::skip("no small disk can be mounted: " + disk.problem());
  auto opened = store::open(options_on(disk));
  REQUIRE(opened);
  store& rows = **opened;
  const auto write = [&rows](const std::string& key) {
    row_batch batch;
    batch.put(key, std::string(10'000, 'v'));
    const row_batch* only = &batch;
    return rows.commit({&only, 1}, true);
  };
  REQUIRE(write("first"));
  // A table that no manifest names, over all the rest of the disk.
  {
    std::ofstream table(disk / "store/900000.ldb", std::ios::binary);
    const std::string chunk(4096, 'x');
    while (disk.free_bytes() > 0 && table.write(chunk.data(), 4096)) table.flush();
  }
  for (int i = 0; i < 1000 && rows.writable(); ++i) (void)write("key" + std::to_string(i));
  REQUIRE(!rows.writable());
  CHECK(disk.free_bytes() == 0);
  const auto reopened = rows.try_reopen();
  INFO((reopened ? "" : reopened.error().reason));
  CHECK(reopened.has_value());
  CHECK(rows.writable());
  CHECK(rows.latest().read("first")->has_value());
  CHECK(write("later"));
}

} // namespace treadmill::cluster
