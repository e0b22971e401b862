#include "storage/engine/keys.hpp"
#include "tests/crash/faulty_env.hpp"
#include "tests/crash/workload.hpp"
#include "tests/property/seed.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <iostream>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#include <map>
#include <mutex>

namespace treadmill::test {
namespace {

using call = faulty_env::call;
using fault = faulty_env::fault;

constexpr const char* call_names[] = {"create", "append", "sync",          "close",
                                      "rename", "remove", "sync directory"};
constexpr const char* fault_names[] = {"io error", "disk full", "short write", "done anyway",
                                       "power off"};

/// How many points at which a call fails or the machine ends. The tree with sanitizers, which is
/// five times as slow, looks at a quarter of those that the release tree looks at.
uint64_t points(uint64_t in_suite, uint64_t in_long_run) {
  if (std::getenv("TREADMILL_LONG") != nullptr) return in_long_run;
#ifdef __SANITIZE_ADDRESS__
  return in_suite / 4;
#else
  return in_suite;
#endif
}

store_options options_on(faulty_env& env) {
  store_options options;
  options.directory = "/store";
  options.env = &env;
  options.write_buffer_bytes = 64 * defaults::kibibyte; // memtables rotate and tables are compacted
  options.block_cache_bytes = 256 * defaults::kibibyte;
  options.reopen_free_bytes = 64 * defaults::kibibyte;
  options.free_floor_bytes = 0;
  options.sync_directory = [&env] { return env.sync_directory(); };
  return options;
}

/// One machine with one store on it, and everything that was written to it.
struct machine {
  machine(uint64_t seed, workload_options chosen) : writes(seed, chosen) {}

  /// Opens the store; a fault may be armed.
  result<void> start() {
    auto opened = store::open(options_on(env));
    if (!opened) return tl::unexpected(opened.error());
    rows = std::move(*opened);
    return {};
  }

  faulty_env env{};
  workload writes;
  std::unique_ptr<store> rows{};
};

/// Drives machines through faults and counts them.
class ordeal {
public:
  explicit ordeal(uint64_t seed) : random_(seed) {}

  void run(uint64_t points, bool interval) {
    for (uint64_t point = 0; point < points; ++point) {
      if (point % points_a_machine == 0) begin_machine(interval);
      INFO("point ", point, ", since which nothing is right");
      one_point();
    }
  }
  uint64_t acknowledged() const { return acknowledged_ + machine_->writes.acknowledged(); }
  uint64_t checked() const { return checked_ + machine_->writes.checked(); }
  const auto& hits() const { return hits_; }

private:
  static constexpr uint64_t points_a_machine = 12;
  static constexpr uint64_t steps_without_fault = 40;

  size_t below(size_t limit) { return random_() % limit; }

  void begin_machine(bool interval) {
    if (machine_ != nullptr) {
      acknowledged_ += machine_->writes.acknowledged();
      checked_ += machine_->writes.checked();
    }
    workload_options options;
    options.interval = interval;
    machine_ = std::make_unique<machine>(random_(), options);
  }

  void verify() {
    const std::string problem = machine_->writes.verify(*machine_->rows);
    REQUIRE_MESSAGE(problem.empty(), problem);
  }

  /// Writes until the fault happens, or for some steps.
  void write_on() {
    for (uint64_t step = 0; step < steps_without_fault; ++step) {
      const auto outcome = machine_->writes.step(*machine_->rows);
      if (outcome != workload::outcome::done || machine_->env.fired()) return;
    }
  }

  void one_point() {
    machine& m = *machine_;
    const auto what = static_cast<fault>(below(faulty_env::faults));
    if (below(2) == 0) {
      // Short spans meet what an opening does, long ones what goes on behind the writes.
      m.env.arm(1 + below(below(2) == 0 ? 25 : 150), what);
    } else {
      const auto kind = static_cast<call>(below(faulty_env::calls));
      if (kind == call::rename || kind == call::remove) m.rows.reset(); // most are at an opening
      m.env.arm_at(kind, 1 + below(kind == call::rename ? 3 : 6), what);
    }
    if (m.rows == nullptr) {
      if (const auto started = m.start(); started) verify();
    }
    if (m.rows != nullptr && !m.env.fired()) write_on();
    if (m.env.fired()) ++hits_[static_cast<size_t>(m.env.fired_at())][static_cast<size_t>(what)];
    if (m.env.fired() && what == fault::power_off) return power_on();
    m.env.disarm();
    m.env.free_space();
    go_on();
  }

  void power_on() {
    machine_->rows.reset();
    machine_->env.crash(random_);
    start_again();
  }

  void start_again() {
    const auto started = machine_->start();
    REQUIRE_MESSAGE(started.has_value(), started.error().reason);
    verify();
  }

  /// After a fault that the process lived through.
  void go_on() {
    machine& m = *machine_;
    if (m.rows == nullptr) return start_again();
    if (!m.rows->writable()) stopped_store();
    for (int step = 0; step < 3; ++step) m.writes.step(*m.rows); // may meet a late failure
    if (!m.rows->writable()) stopped_store();
    switch (below(4)) {
    case 0: m.rows.reset(); break; // ends well, and starts at the next point
    case 1: power_on(); break;
    case 2:
      m.rows.reset();
      m.env.crash_and_drop();
      start_again();
      break;
    default: break;
    }
  }

  void stopped_store() {
    machine& m = *machine_;
    REQUIRE(m.writes.step(*m.rows) != workload::outcome::ambiguous); // it was not even tried
    row_batch batch;
    batch.put(keys::meta("test"), "never");
    const row_batch* only = &batch;
    const auto refused = m.rows->commit({&only, 1}, true);
    REQUIRE(!refused);
    REQUIRE(refused.error().code == ec::disk_full);
    const std::string unreadable = m.writes.verify_reads(*m.rows);
    REQUIRE_MESSAGE(unreadable.empty(), unreadable);
    const auto reopened = m.rows->try_reopen();
    REQUIRE_MESSAGE(reopened.has_value(), reopened.error().reason);
    REQUIRE(m.rows->writable());
    REQUIRE(!*m.rows->latest().read(keys::meta("test")));
    verify();
  }

  std::mt19937_64 random_;
  std::unique_ptr<machine> machine_{};
  std::array<std::array<uint64_t, faulty_env::faults>, faulty_env::calls> hits_{};
  uint64_t acknowledged_ = 0;
  uint64_t checked_ = 0;
};

void report(const ordeal& done, uint64_t points) {
  std::cout << points << " points, " << done.acknowledged() << " acknowledged writes, "
            << done.checked() << " entries checked; faults met:\n";
  for (size_t c = 0; c < faulty_env::calls; ++c) {
    std::cout << "  " << call_names[c] << ":";
    for (size_t f = 0; f < faulty_env::faults; ++f) {
      std::cout << "  " << fault_names[f] << " " << done.hits()[c][f];
    }
    std::cout << "\n";
  }
}

void run_ordeal(uint64_t seed, uint64_t points, bool interval) {
  ordeal all(seed);
  all.run(points, interval);
  report(all, points);
  if (points < 2'000) return; // too few to meet each fault in each call
  for (size_t c = 0; c < faulty_env::calls; ++c) {
    for (size_t f = 0; f < faulty_env::faults; ++f) {
      CHECK_MESSAGE(all.hits()[c][f] > 0, call_names[c] << " never met " << fault_names[f]);
    }
  }
}

} // namespace

TEST_CASE("no acknowledged write is lost, whichever storage call fails or is the last one") {
  run_ordeal(property_seed("crash"), points(4'000, 100'000), false);
}

TEST_CASE("with commits that are synced later, what was synced is never lost") {
  run_ordeal(property_seed("crash by interval"), points(2'000, 50'000), true);
}

namespace {

/// Makes a closed store one of format 1.
void make_old(machine& m) {
  row_batch batch;
  batch.put(keys::meta("format"), "1");
  const row_batch* only = &batch;
  REQUIRE(m.rows->commit({&only, 1}, true));
  const std::string line = "treadmill store, format 1, node " + m.rows->node_id() + "\n";
  m.rows.reset();
  leveldb::WritableFile* opened = nullptr;
  REQUIRE(m.env.NewWritableFile("/store/FORMAT", &opened).ok());
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  REQUIRE(file->Append(line).ok());
  REQUIRE(file->Sync().ok());
  REQUIRE(file->Close().ok());
  REQUIRE(m.env.sync_directory());
}

/// The version in the file FORMAT; '?' if it is damaged.
char format_in_file(machine& m) {
  const std::string* line = m.env.bytes_of("/store/FORMAT");
  const std::string begin = "treadmill store, format ";
  return line != nullptr && line->size() > begin.size() && line->find(begin) == 0
             ? (*line)[begin.size()]
             : '?';
}

} // namespace

TEST_CASE("an upgrade of the format that any storage call ends is finished by the next opening") {
  size_t met = 0;
  std::map<char, size_t> left; // by what the file FORMAT says after the fault
  for (size_t what = 0; what < faulty_env::faults; ++what) {
    for (uint64_t at = 1;; ++at) {
      machine m(7, {});
      REQUIRE(m.start());
      for (int step = 0; step < 10; ++step) m.writes.step(*m.rows);
      REQUIRE(m.writes.verify(*m.rows).empty());
      make_old(m);
      m.env.arm(at, static_cast<fault>(what));
      if (m.start()) m.rows.reset();
      const bool fired = m.env.fired();
      m.env.disarm();
      m.env.free_space();
      m.env.crash_and_drop();
      if (!fired) break; // the whole opening was met
      ++met;
      ++left[format_in_file(m)];
      CAPTURE(what);
      CAPTURE(at);
      const auto started = m.start();
      REQUIRE_MESSAGE(started.has_value(), started.error().reason);
      const std::string problem = m.writes.verify(*m.rows);
      CHECK_MESSAGE(problem.empty(), problem);
      CHECK(format_in_file(m) == '2');
      CHECK(*m.rows->latest().read(keys::meta("format")).value() == "2");
    }
  }
  CHECK(met > 50);
  CHECK(left['1'] > 0);
  CHECK(left['2'] > 0);
  CHECK(left['?'] == 0);
}

// What the store is for, shown on LevelDB alone: it must lose writes in this very file system.

TEST_CASE("LevelDB alone loses acknowledged writes after a full disk") {
  faulty_env env;
  leveldb::Options options;
  options.create_if_missing = true;
  options.env = &env;
  leveldb::WriteOptions synced;
  synced.sync = true;
  const std::string value(1000, 'v');
  size_t acknowledged = 0;
  {
    leveldb::DB* opened = nullptr;
    REQUIRE(leveldb::DB::Open(options, "/raw", &opened).ok());
    const std::unique_ptr<leveldb::DB> db(opened);
    REQUIRE(db->Put(synced, "before", value).ok());
    env.arm(1, fault::short_write);
    REQUIRE(!db->Put(synced, "refused", value).ok());
    for (int i = 0; i < 200; ++i) {
      if (db->Put(synced, "after" + std::to_string(i), value).ok()) ++acknowledged;
    }
  }
  CHECK(acknowledged == 200);
  env.crash_and_drop();
  leveldb::DB* opened = nullptr;
  REQUIRE(leveldb::DB::Open(options, "/raw", &opened).ok());
  const std::unique_ptr<leveldb::DB> db(opened);
  std::string found;
  CHECK(db->Get({}, "before", &found).ok());
  size_t lost = 0;
  for (int i = 0; i < 200; ++i) {
    if (!db->Get({}, "after" + std::to_string(i), &found).ok()) ++lost;
  }
  CHECK(lost > 0);
}

TEST_CASE("the store, after the same full disk, acknowledges nothing that it then loses") {
  faulty_env env;
  auto opened = store::open(options_on(env));
  REQUIRE(opened);
  store& rows = **opened;
  const auto write = [&](const std::string& name) {
    row_batch batch;
    batch.put(keys::meta(name), std::string(1000, 'v'));
    const row_batch* only = &batch;
    const auto done = rows.commit({&only, 1}, true);
    return done ? ec::none : done.error().code;
  };
  REQUIRE(write("before") == ec::none);
  env.arm(1, fault::short_write);
  CHECK(write("first") == ec::ambiguous);
  for (int i = 0; i < 200; ++i) CHECK(write("refused" + std::to_string(i)) == ec::disk_full);
  CHECK(rows.latest().read(keys::meta("before"))->has_value());
  REQUIRE(rows.try_reopen());
  for (int i = 0; i < 200; ++i) REQUIRE(write("after" + std::to_string(i)) == ec::none);
  opened->reset();
  env.crash_and_drop();
  opened = store::open(options_on(env));
  REQUIRE(opened);
  const read_view view = (*opened)->latest();
  CHECK(view.read(keys::meta("before"))->has_value());
  for (int i = 0; i < 200; ++i) {
    CHECK(view.read(keys::meta("after" + std::to_string(i)))->has_value());
    CHECK(!view.read(keys::meta("refused" + std::to_string(i)))->has_value());
  }
}

TEST_CASE("what was synced at an interval survives a crash across a rotation of the memtable") {
  faulty_env env;
  auto opened = store::open(options_on(env));
  REQUIRE(opened);
  const auto write = [&](int number) {
    row_batch batch;
    batch.put(keys::meta("row" + std::to_string(number)), std::string(1000, 'v'));
    const row_batch* only = &batch;
    REQUIRE((*opened)->commit({&only, 1}, false));
  };
  constexpr int synced = 200; // about three memtables
  for (int i = 0; i < synced; ++i) write(i);
  REQUIRE((*opened)->sync());
  for (int i = synced; i < synced + 10; ++i) write(i);
  env.arm(1, fault::power_off);
  REQUIRE(!(*opened)->sync());
  opened->reset();
  env.crash_and_drop();
  opened = store::open(options_on(env));
  REQUIRE_MESSAGE(opened.has_value(), opened.error().reason);
  for (int i = 0; i < synced; ++i) {
    CHECK((*opened)->latest().read(keys::meta("row" + std::to_string(i)))->has_value());
  }
}

TEST_CASE("a log that could not be synced when LevelDB turned to the next one is no success") {
  // The fault: commits without sync fill a memtable; the sync of its log at the turn fails; the
  // call that made the turn goes well in the new log.
  for (uint64_t at = 1; at < 200; ++at) {
    faulty_env env;
    auto opened = store::open(options_on(env));
    REQUIRE(opened);
    bool acknowledged = true;
    env.arm(at, fault::io_error);
    for (int i = 0; i < 70 && acknowledged; ++i) { // the 64th or so turns
      row_batch batch;
      batch.put(keys::meta("row" + std::to_string(i)), std::string(1000, 'v'));
      const row_batch* only = &batch;
      acknowledged = (*opened)->commit({&only, 1}, false).has_value();
    }
    acknowledged = acknowledged && (*opened)->sync().has_value();
    opened->reset();
    env.disarm();
    env.crash_and_drop();
    opened = store::open(options_on(env));
    REQUIRE_MESSAGE(opened.has_value(), opened.error().reason);
    for (int i = 0; i < 70 && acknowledged; ++i) {
      REQUIRE((*opened)->latest().read(keys::meta("row" + std::to_string(i)))->has_value());
    }
  }
}

TEST_CASE("what a failed sync left off the disk is not needed after a crash in the next opening") {
  // The edit that takes a table or log out of use reads well, but is not on the disk: when the
  // power fails before there is a new manifest, that table or log is needed again.
  constexpr int synced = 100;
  const auto write = [](store& rows, int number) {
    row_batch batch;
    batch.put(keys::meta("row" + std::to_string(number)), std::string(1000, 'v'));
    batch.put(keys::meta("all"), "tables overlap, so that they are compacted");
    const row_batch* only = &batch;
    return rows.commit({&only, 1}, false).has_value();
  };
  uint64_t met = 0;
  for (uint64_t at = 1; at < 30; ++at) {
    for (uint64_t last = 1; last < 30; ++last) {
      faulty_env env;
      {
        const auto opened = store::open(options_on(env));
        REQUIRE(opened);
        for (int i = 0; i < synced; ++i) REQUIRE(write(**opened, i));
        REQUIRE((*opened)->sync());
        env.arm_at(call::sync, at, fault::io_error);
        for (int i = 0; i < 400 && write(**opened, i); ++i) continue;
      }
      env.arm(last, fault::power_off);
      { const auto opened = store::open(options_on(env)); }
      if (env.fired()) ++met;
      env.crash_and_drop();
      const auto opened = store::open(options_on(env));
      CAPTURE(at);
      CAPTURE(last);
      CHECK_MESSAGE(opened.has_value(), opened.error().reason);
      if (!opened) continue;
      for (int i = 0; i < synced; ++i) {
        REQUIRE((*opened)->latest().read(keys::meta("row" + std::to_string(i)))->has_value());
      }
    }
  }
  CHECK(met > 0);
}

} // namespace treadmill::test
