// In one file: the tests of one class share the folder, the failing file system and the rows below.
#include "storage/engine/store.hpp"
#include "storage/engine/keys.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/crash/faulty_env.hpp"
#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <leveldb/db.h>
#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace treadmill {
namespace {

using test::faulty_env;
using rows_map = std::map<std::string, std::string>;

/// A disk in memory with one store on it.
struct fixture {
  faulty_env disk{};
  store_options options{};
  std::unique_ptr<store> rows{};

  fixture() {
    options.directory = "/store";
    options.env = &disk;
    options.write_buffer_bytes = 64 * defaults::kibibyte;
    options.free_floor_bytes = 0;
    options.sync_directory = [this] { return disk.sync_directory(); };
  }

  error open_error() {
    rows.reset();
    auto opened = store::open(options);
    if (!opened) return opened.error();
    rows = std::move(*opened);
    return {ec::none, {}};
  }
  store& start() {
    const error problem = open_error();
    REQUIRE_MESSAGE(problem.code == ec::none, problem.reason);
    return *rows;
  }

  std::string* only_file(std::string_view part) {
    std::string* found = nullptr;
    for (const std::string& name : disk.names()) {
      if (name.find(part) != std::string::npos) found = disk.bytes_of(name);
    }
    REQUIRE(found != nullptr);
    return found;
  }
};

result<void> write(store& rows, const std::string& key, const std::string& value,
                   bool sync = true) {
  row_batch batch;
  batch.put(key, value);
  const row_batch* only = &batch;
  return rows.commit({&only, 1}, sync);
}

std::string read(const read_view& view, const std::string& key) {
  const auto found = view.read(key);
  if (!found) return "error: " + found.error().reason;
  return *found ? **found : "(none)";
}

rows_map scan(const read_view& view, const std::string& from, const std::string& to) {
  rows_map found;
  std::string before;
  const auto done = view.scan(from, to, [&](std::string_view key, std::string_view value) {
    CHECK(key > before);
    before = key;
    found.emplace(key, value);
    return true;
  });
  CHECK(done.has_value());
  return found;
}

void clean_up(store& rows) {
  for (int slices = 0; slices < 1000; ++slices) {
    const auto more = rows.clean_up();
    REQUIRE_MESSAGE(more.has_value(), more.error().reason);
    if (!*more) return;
  }
  FAIL("cleaning up has no end");
}

} // namespace

// Opening
// -------------------------------------------------------------------------------------------------

TEST_CASE("a store has a node id from its first start on") {
  fixture f;
  const std::string id = f.start().node_id();
  CHECK(id.size() == 36);
  CHECK(*f.disk.bytes_of("/store/FORMAT") == "treadmill store, format 2, node " + id + "\n");
  CHECK(f.start().node_id() == id);
  fixture other;
  CHECK(other.start().node_id() != id);
}

TEST_CASE("another format version is refused, and nothing is changed") {
  fixture f;
  f.start();
  f.rows.reset();
  std::string& line = *f.disk.bytes_of("/store/FORMAT");
  const std::string before = line;
  line.replace(line.find("format 2"), 8, "format 3");
  const uint64_t counted = f.disk.counted();
  const error problem = f.open_error();
  CHECK(problem.code == ec::io_error);
  CHECK(problem.reason == "the store has format 3, and this version reads the formats 1 and 2: "
                          "use the version that wrote it");
  CHECK(f.disk.counted() == counted);
  line = before;
  CHECK(f.open_error().code == ec::none);
}

TEST_CASE("the format version inside of the database is checked as well") {
  fixture f;
  REQUIRE(write(f.start(), keys::meta("format"), "7"));
  const error problem = f.open_error();
  CHECK(problem.code == ec::io_error);
  CHECK(problem.reason.find("the store has format 7") == 0);
}

TEST_CASE("a file FORMAT that is damaged in any byte is refused; one that is missing is made") {
  fixture f;
  const std::string id = f.start().node_id();
  f.rows.reset();
  const std::string whole = *f.disk.bytes_of("/store/FORMAT");
  for (size_t at = 0; at <= whole.size(); ++at) {
    std::string& line = *f.disk.bytes_of("/store/FORMAT");
    line = whole.substr(0, at);
    if (at < whole.size()) CHECK(f.open_error().code == ec::corrupt);
    if (at == whole.size()) break;
    line = whole;
    line[at] = static_cast<char>(line[at] ^ 1);
    const error problem = f.open_error();
    CHECK((problem.code == ec::corrupt || problem.reason.find("the store has format 3") == 0));
  }
  *f.disk.bytes_of("/store/FORMAT") = whole;
  REQUIRE(f.disk.RemoveFile("/store/FORMAT").ok());
  CHECK(f.start().node_id() == id);
  CHECK(*f.disk.bytes_of("/store/FORMAT") == whole);
}

TEST_CASE("a LevelDB database of somebody else is refused and left as it was") {
  fixture f;
  leveldb::Options options;
  options.create_if_missing = true;
  options.env = &f.disk;
  const auto open = [&] {
    leveldb::DB* opened = nullptr;
    REQUIRE(leveldb::DB::Open(options, "/store", &opened).ok());
    return std::unique_ptr<leveldb::DB>(opened);
  };
  REQUIRE(open()->Put({}, "theirs", "value").ok());
  const error problem = f.open_error();
  CHECK(problem.code == ec::io_error);
  CHECK(problem.reason == "this is a LevelDB database, but not one of Treadmill's");
  const auto db = open();
  const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator({}));
  rows->SeekToFirst();
  REQUIRE(rows->Valid());
  CHECK(rows->key().ToString() == "theirs");
  rows->Next();
  CHECK(!rows->Valid());
  CHECK(f.disk.bytes_of("/store/FORMAT") == nullptr);
}

TEST_CASE("a directory has one owner, by whichever name, and is free after it") {
  const cluster::temporary_folder folder;
  store_options options;
  options.directory = folder / "a/b";
  auto first = store::open(options);
  REQUIRE(first);
  for (const std::string& name : {folder / "a/b", folder / "a/../a/b/", folder / "a//b"}) {
    store_options again;
    again.directory = name;
    const auto second = store::open(again);
    REQUIRE(!second);
    CHECK(second.error().code == ec::io_error);
    CHECK(second.error().reason.find("the data directory is in use by another node") == 0);
    CHECK(second.error().reason.find("one node owns one data directory") != std::string::npos);
  }
  REQUIRE(write(**first, keys::meta("test"), "v"));
  first->reset();
  const auto third = store::open(options);
  REQUIRE(third);
  CHECK(read((*third)->latest(), keys::meta("test")) == "v");
}

TEST_CASE("a directory that cannot be made is an io_error") {
  const cluster::temporary_folder folder;
  REQUIRE(leveldb::WriteStringToFile(leveldb::Env::Default(), "x", folder / "file").ok());
  store_options options;
  options.directory = folder / "file/store";
  const auto opened = store::open(options);
  REQUIRE(!opened);
  CHECK(opened.error().code == ec::io_error);
  CHECK(opened.error().reason.find("the data directory cannot be made") == 0);
}

// Commits
// -------------------------------------------------------------------------------------------------

TEST_CASE("several batches are one write, the later ones win, and all is there after a restart") {
  fixture f;
  store& rows = f.start();
  row_batch a;
  a.put("\x10k1", "a");
  a.put("\x10k2", "a");
  row_batch b;
  b.remove("\x10k1");
  b.put("\x10k2", "b");
  b.put("\x10k3", "b");
  const row_batch* both[] = {&a, &b};
  for (const bool sync : {true, false, false}) {
    REQUIRE(rows.commit(both, sync));
    CHECK(scan(rows.latest(), "\x10", "\x11") == rows_map{{"\x10k2", "b"}, {"\x10k3", "b"}});
  }
  REQUIRE(rows.sync());
  f.rows.reset();
  f.disk.crash_and_drop();
  CHECK(scan(f.start().latest(), "\x10", "\x11") == rows_map{{"\x10k2", "b"}, {"\x10k3", "b"}});
}

TEST_CASE("a follower's view shows no commit before its sync, and a crash takes back none of it") {
  fixture f;
  store& rows = f.start();
  const std::string key = keys::meta("test");
  REQUIRE(write(rows, key, "1"));
  CHECK(read(rows.synced(), key) == "1");
  REQUIRE(write(rows, key, "2", false));
  REQUIRE(write(rows, key, "3", false));
  CHECK(read(rows.latest(), key) == "3");
  CHECK(read(rows.synced(), key) == "1");
  REQUIRE(rows.sync());
  std::optional<read_view> kept = rows.synced();
  CHECK(read(*kept, key) == "3");
  REQUIRE(write(rows, key, "4", false));
  CHECK(read(rows.synced(), key) == "3");
  SUBCASE("a later commit with a sync makes all before it durable") {
    REQUIRE(write(rows, keys::meta("other"), "x"));
    CHECK(read(rows.synced(), key) == "4");
    CHECK(read(*kept, key) == "3");
  }
  SUBCASE("so does a bucket that is made") {
    REQUIRE(rows.create_bucket("b"));
    CHECK(read(rows.synced(), key) == "4");
  }
  SUBCASE("a sync that fails shows nothing; the reopen shows what is left") {
    f.disk.arm_at(faulty_env::call::sync, 1, faulty_env::fault::io_error);
    CHECK(rows.sync().error().code == ec::ambiguous);
    CHECK(read(rows.synced(), key) == "3");
    f.disk.disarm();
    REQUIRE(rows.try_reopen());
    CHECK(kept->read(key).error().code == ec::overloaded);
    CHECK(read(rows.synced(), key) == read(rows.latest(), key));
    REQUIRE(write(rows, key, "5", false));
    CHECK(read(rows.synced(), key) != "5");
  }
  SUBCASE("nothing more happens") {}
  const std::string followed = read(rows.synced(), key);
  kept.reset();
  f.disk.arm(1, faulty_env::fault::power_off);
  f.rows.reset();
  f.disk.crash_and_drop();
  CHECK(read(f.start().latest(), key) == followed);
}

TEST_CASE("a store that cannot be opened again answers `overloaded` until it can") {
  fixture f;
  store& rows = f.start();
  REQUIRE(write(rows, keys::meta("test"), "v"));
  const read_view pinned = rows.snapshot();
  const std::string whole = *f.only_file(".log");
  std::string& log = *f.only_file(".log");
  log[10] = static_cast<char>(log[10] ^ 1);
  const auto failed = rows.try_reopen();
  REQUIRE(!failed);
  CHECK(failed.error().code == ec::corrupt);
  CHECK(!rows.writable());
  const auto ignore = [](std::string_view, std::string_view) { return true; };
  for (const read_view& view : {rows.latest(), rows.snapshot()}) {
    const auto row = view.read(keys::meta("test"));
    REQUIRE(!row);
    CHECK(row.error().code == ec::overloaded);
    CHECK(!view.scan("a", "b", ignore));
    CHECK(!view.scan_back("a", "b", ignore));
  }
  CHECK(rows.latest().read("x").error().code == ec::overloaded);
  CHECK(write(rows, "x", "y").error().code == ec::disk_full);
  CHECK(rows.approximate_bytes(1) == 0);
  CHECK(!rows.property("leveldb.stats"));
  *f.only_file(".log") = whole;
  REQUIRE(rows.try_reopen());
  CHECK(rows.writable());
  CHECK(read(rows.latest(), keys::meta("test")) == "v");
  CHECK(pinned.read("x").error().code == ec::overloaded);
}

// Buckets
// -------------------------------------------------------------------------------------------------

namespace {

/// A disk that can delay LevelDB's background work until the store opens the next table, and then
/// fails the first file that the work creates.
struct late_background : faulty_env {
  bool holds = false;
  std::vector<std::pair<void (*)(void*), void*>> held{};

  void Schedule(void (*work)(void*), void* argument) override {
    if (!holds) return faulty_env::Schedule(work, argument);
    held.emplace_back(work, argument);
  }
  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** file) override {
    for (const auto& [work, argument] : std::exchange(held, {})) {
      arm_at(call::create, 1, fault::io_error);
      work(argument);
    }
    return faulty_env::NewRandomAccessFile(name, file);
  }
};

} // namespace

TEST_CASE(
    "a failure of LevelDB's background work during a reopen counts, and the store reports it") {
  late_background disk;
  fixture f;
  std::string told;
  f.options.env = &disk;
  f.options.sync_directory = [&] { return disk.sync_directory(); };
  f.options.warn = [&](std::string_view text) { told += text; };
  store& rows = f.start();
  for (const char* value : {"1", "2", "3", "4"}) {
    REQUIRE(write(rows, "k", value));
    disk.holds = value == std::string("4"); // each reopen makes a table: the fourth, a compaction
    REQUIRE(rows.try_reopen());
  }
  disk.holds = false;
  REQUIRE(disk.fired());
  CHECK(rows.failed());
  CHECK(rows.failures() == 1);
  CHECK(told.find("a write failed") != std::string::npos);
  CHECK(told.find("Input/output error") != std::string::npos);
  disk.disarm();
  REQUIRE(rows.try_reopen());
  CHECK(read(rows.latest(), "k") == "4");
  CHECK(write(rows, "k", "5"));
}

TEST_CASE("other threads read the node id while the store reopens") {
  fixture f;
  store& rows = f.start();
  const std::string id = rows.node_id();
  std::atomic<bool> ends{false};
  std::atomic<size_t> reads{0};
  std::atomic<size_t> wrong{0};
  std::thread reader([&] {
    for (; !ends; ++reads)
      if (rows.node_id() != id) ++wrong;
  });
  for (size_t reopens = 0; reopens < 5 || reads < 5; ++reopens) CHECK(rows.try_reopen());
  ends = true;
  reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("the catalogue knows the buckets by name, also after a restart") {
  fixture f;
  store& rows = f.start();
  const bucket_info b = rows.create_bucket("b").value();
  const bucket_info a = rows.create_bucket("a").value();
  const bucket_info again = rows.create_bucket("b").value();
  CHECK(again.number == b.number);
  CHECK(again.log_id == b.log_id);
  CHECK(a.number != b.number);
  CHECK(a.log_id != b.log_id);
  CHECK(rows.create_bucket("Not A Name").error().code == ec::bad_bucket);
  CHECK(rows.drop_bucket("none").error().code == ec::not_found);
  for (int start = 0; start < 2; ++start) {
    store& opened = start == 0 ? rows : f.start();
    const auto all = opened.buckets();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "a");
    CHECK(all[0].number == a.number);
    CHECK(all[0].log_id == a.log_id);
    CHECK(all[1].name == "b");
    CHECK(opened.find_bucket("b")->log_id == b.log_id);
    CHECK(!opened.find_bucket("c"));
    CHECK(opened.alive(a.number));
    CHECK(!opened.alive(a.number + b.number));
  }
}

TEST_CASE("a bucket that was made or dropped is so after a crash that loses what was not synced") {
  fixture f;
  const auto crash = [&] {
    f.disk.arm(1, faulty_env::fault::power_off);
    f.rows.reset();
    f.disk.crash_and_drop();
    f.start();
  };
  f.start();
  const bucket_info made = f.rows->create_bucket("b").value();
  crash();
  REQUIRE(f.rows->find_bucket("b"));
  CHECK(f.rows->find_bucket("b")->log_id == made.log_id);
  REQUIRE(write(*f.rows, keys::document(made.number, "x"), "v"));
  REQUIRE(f.rows->drop_bucket("b"));
  crash();
  CHECK(!f.rows->find_bucket("b"));
  CHECK(!f.rows->alive(made.number));
  CHECK(read(f.rows->latest(), keys::dead_bucket(made.number)).empty());
  clean_up(*f.rows);
  CHECK(read(f.rows->latest(), keys::document(made.number, "x")) == "(none)");
}

TEST_CASE("a compaction that is asked for gives back the space of removed rows, a part a call") {
  fixture f;
  f.options.write_buffer_bytes = 64 * defaults::kibibyte;
  store& rows = f.start();
  const uint32_t kept = rows.create_bucket("kept").value().number;
  const uint32_t other = rows.create_bucket("other").value().number;
  std::mt19937_64 random(5);
  constexpr int count = 3000;
  const auto key = [&](int i) { return keys::document(kept, std::to_string(i)); };
  for (int i = 0; i < count; ++i) {
    std::string value(4096, ' ');
    for (char& c : value) c = static_cast<char>(random()); // snappy finds nothing in it
    REQUIRE(write(rows, key(i), value));
    if (i % 10 == 0) REQUIRE(write(rows, keys::document(other, std::to_string(i)), value));
  }
  for (int i = 0; i < count; ++i) {
    row_batch removal;
    removal.remove(key(i));
    const row_batch* only = &removal;
    if (i % 4 != 0) REQUIRE(rows.commit({&only, 1}, false));
  }
  CHECK(!rows.compacting());
  CHECK(!rows.clean_up().value());
  const uint64_t before = rows.approximate_bytes(kept);
  rows.ask_compaction(kept);
  rows.ask_compaction(kept); // once is enough
  CHECK(rows.compacting());
  int calls = 1;
  for (; rows.clean_up().value(); ++calls) CHECK(rows.compacting());
  CHECK(!rows.compacting());
  CHECK(calls > 1);
  CHECK(rows.approximate_bytes(kept) < before / 2);
  CHECK(rows.approximate_bytes(kept) > count / 4 * 4000);
  for (int i = 0; i < count; ++i)
    REQUIRE((read(rows.latest(), key(i)) == "(none)") == (i % 4 != 0));
  CHECK(rows.approximate_bytes(other) > count / 10 * 4000);
  rows.ask_compaction(std::nullopt);
  clean_up(rows);
  CHECK(!rows.compacting());
}

TEST_CASE("a node has so many buckets and no more") {
  fixture f;
  f.options.buckets = 2;
  store& rows = f.start();
  REQUIRE(rows.create_bucket("a"));
  REQUIRE(rows.create_bucket("b"));
  CHECK(rows.create_bucket("c").error().code == ec::too_large);
  REQUIRE(rows.create_bucket("a"));
  REQUIRE(rows.drop_bucket("a"));
  CHECK(rows.create_bucket("c"));
}

TEST_CASE("a bucket's number and log id are never used again, also after drop and restart") {
  fixture f;
  f.start();
  std::set<uint32_t> numbers;
  std::set<hash128> ids;
  for (int round = 0; round < 6; ++round) {
    const bucket_info made = f.rows->create_bucket("b").value();
    CHECK(numbers.insert(made.number).second);
    CHECK(ids.insert(made.log_id).second);
    REQUIRE(f.rows->drop_bucket("b"));
    CHECK(!f.rows->find_bucket("b"));
    CHECK(!f.rows->alive(made.number));
    if (round % 2 == 0) clean_up(*f.rows);
    if (round % 3 == 0) f.start();
    CHECK(!f.rows->alive(made.number));
    CHECK(!f.rows->find_bucket("b"));
  }
}

TEST_CASE("a bucket's name is marked as left when it is dropped, until the bucket is made again") {
  fixture f;
  f.start();
  const std::string mark = keys::left_bucket("b");
  const auto marked = [&] { return read(f.rows->latest(), mark) != "(none)"; };
  REQUIRE(f.rows->create_bucket("b"));
  REQUIRE(f.rows->create_bucket("bb"));
  CHECK(!marked());
  for (int round = 0; round < 2; ++round) {
    REQUIRE(f.rows->drop_bucket("b"));
    CHECK(read(f.rows->latest(), mark).empty());
    CHECK(read(f.rows->latest(), keys::left_bucket("bb")) == "(none)");
    clean_up(*f.rows);
    f.start();
    CHECK(marked());
    CHECK(f.rows->drop_bucket("b").error().code == ec::not_found);
    CHECK(f.rows->create_bucket("Not A Name").error().code == ec::bad_bucket);
    CHECK(marked());
    REQUIRE(f.rows->create_bucket("b"));
    CHECK(!marked());
    f.start();
    CHECK(!marked());
    CHECK(f.rows->find_bucket("b"));
  }
}

TEST_CASE("the mark of a left bucket comes and goes with the bucket, wherever the power fails") {
  int dropped = 0;
  int made = 0;
  for (const bool drop : {true, false}) {
    for (uint64_t call = 1;; ++call) {
      fixture f;
      f.start().create_bucket("b");
      if (!drop) REQUIRE(f.rows->drop_bucket("b"));
      f.disk.arm(call, faulty_env::fault::power_off);
      const bool answered =
          drop ? f.rows->drop_bucket("b").has_value() : f.rows->create_bucket("b").has_value();
      f.rows.reset();
      f.disk.crash_and_drop();
      f.start();
      const bool there = f.rows->find_bucket("b").has_value();
      CHECK((read(f.rows->latest(), keys::left_bucket("b")) == "(none)") == there);
      if (answered) CHECK(there != drop);
      ++(there ? made : dropped);
      if (answered) break;
      REQUIRE(call < 100);
    }
  }
  CHECK(dropped > 0);
  CHECK(made > 0);
}

TEST_CASE("the rows of a dropped bucket are removed in slices, also over restarts") {
  fixture f;
  f.start();
  constexpr int count = 12'000;
  static_assert(count > 2 * defaults::clean_up_rows);
  const uint32_t kept = f.rows->create_bucket("kept").value().number;
  const uint32_t gone = f.rows->create_bucket("gone").value().number;
  const uint32_t above = f.rows->create_bucket("above").value().number;
  row_batch batch;
  for (int i = 0; i < count; ++i) batch.put(keys::document(gone, std::to_string(i)), "value");
  for (const uint32_t bucket : {kept, above}) batch.put(keys::document(bucket, "x"), "value");
  const row_batch* only = &batch;
  REQUIRE(f.rows->commit({&only, 1}, true));
  REQUIRE(f.rows->drop_bucket("gone"));
  REQUIRE(f.rows->clean_up().value());
  const auto left = [&] {
    return scan(f.rows->latest(), keys::bucket_begin(gone), keys::bucket_end(gone)).size();
  };
  CHECK(left() == count - defaults::clean_up_rows);
  f.start();
  REQUIRE(f.rows->clean_up().value());
  REQUIRE(f.rows->try_reopen());
  clean_up(*f.rows);
  CHECK(left() == 0);
  CHECK(f.rows->approximate_bytes(gone) == 0);
  CHECK(read(f.rows->latest(), keys::dead_bucket(gone)) == "(none)");
  for (const uint32_t bucket : {kept, above}) {
    CHECK(read(f.rows->latest(), keys::document(bucket, "x")) == "value");
  }
  CHECK(!f.rows->clean_up().value());
}

TEST_CASE("a hole among commits that were never synced is cut off; one before a synced commit is "
          "refused") {
  for (const bool synced : {false, true}) {
    CAPTURE(synced);
    fixture f;
    store& rows = f.start();
    REQUIRE(write(rows, keys::meta("kept"), "v"));
    const size_t end = f.only_file(".log")->size();
    REQUIRE(write(rows, keys::meta("first"), "v", synced));
    REQUIRE(write(rows, keys::meta("second"), "v", false));
    REQUIRE(write(rows, keys::meta("third"), "v", synced));
    REQUIRE(write(rows, keys::meta("fourth"), "v", synced));
    f.rows.reset();
    std::string& log = *f.only_file(".log");
    log[end + 10] = static_cast<char>(log[end + 10] ^ 1);
    const error problem = f.open_error();
    CHECK(problem.code == (synced ? ec::corrupt : ec::none));
    if (synced) continue;
    CHECK(read(f.rows->latest(), keys::meta("kept")) == "v");
    CHECK(read(f.rows->latest(), keys::meta("first")) == "(none)");
    CHECK(read(f.rows->latest(), keys::meta("fourth")) == "(none)");
  }
}

TEST_CASE("a whole commit that is missing in a log is noticed") {
  fixture f;
  store& rows = f.start();
  REQUIRE(write(rows, keys::meta("first"), "v"));
  const size_t begin = f.only_file(".log")->size();
  REQUIRE(write(rows, keys::meta("second"), "v"));
  const size_t end = f.only_file(".log")->size();
  REQUIRE(write(rows, keys::meta("third"), "v"));
  f.rows.reset();
  f.only_file(".log")->erase(begin, end - begin);
  const error problem = f.open_error();
  CHECK(problem.code == ec::corrupt);
  CHECK(problem.reason.find("acknowledged writes are missing before byte") == 0);
}

TEST_CASE("a scan that came to a damaged block fails, also where its caller ended it behind that") {
  fixture f;
  f.start();
  std::mt19937_64 random(1); // what compresses would lie in one block
  for (int i = 100; i < 150; ++i) {
    std::string value(1000, ' ');
    for (char& byte : value) byte = static_cast<char>(random());
    REQUIRE(write(*f.rows, "k" + std::to_string(i), value));
  }
  f.start(); // of the log a table is made
  f.rows.reset();
  std::string* table = nullptr;
  for (const std::string& name : f.disk.names()) {
    std::string* bytes = f.disk.bytes_of(name);
    if (name.ends_with(".ldb") && bytes->size() > 40'000) table = bytes;
  }
  REQUIRE(table != nullptr);
  (*table)[table->size() / 2] = static_cast<char>((*table)[table->size() / 2] ^ 1);
  f.start();
  const read_view view = f.rows->latest();
  std::string last; // the row at which the caller ends the scan
  const auto up_to_last = [&](std::string_view key, std::string_view) { return key != last; };
  for (const bool back : {false, true}) {
    CAPTURE(back);
    const auto scan = [&](const std::string& end) {
      last = end;
      return back ? view.scan_back("k", "l", up_to_last) : view.scan("k", "l", up_to_last);
    };
    CHECK(scan("").error().code == ec::corrupt);
    CHECK(scan(back ? "k100" : "k149").error().code == ec::corrupt);
    CHECK(scan(back ? "k149" : "k100"));
  }
}

TEST_CASE("what is held for followers does not keep the rows of a dropped bucket") {
  fixture f;
  store& rows = f.start();
  const uint32_t gone = rows.create_bucket("gone").value().number;
  const std::string text(1000, 'x');
  for (int i = 0; i < 200; ++i) REQUIRE(write(rows, keys::document(gone, std::to_string(i)), text));
  REQUIRE(rows.drop_bucket("gone"));
  REQUIRE(write(rows, keys::meta("test"), "v", false));
  clean_up(rows);
  CHECK(rows.approximate_bytes(gone) == 0);
}

// Free space
// -------------------------------------------------------------------------------------------------

TEST_CASE("below the floor of free space only what makes room is written") {
  fixture f;
  disk_space space{1000, 100'000};
  f.options.free_floor_bytes = 500;
  f.options.space = [&] { return space; };
  store& rows = f.start();
  const bucket_info made = rows.create_bucket("b").value();
  REQUIRE(write(rows, keys::document(made.number, "x"), "v"));
  CHECK(rows.writable());
  const auto wait_for = [&](bool writable) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (rows.check_space() != writable) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::sleep_for(10ms);
    }
    CHECK(rows.writable() == writable);
  };
  space.free_bytes = 499;
  CHECK(rows.space().free_bytes == 499);
  wait_for(false);
  CHECK(write(rows, "x", "y").error().code == ec::disk_full);
  CHECK(rows.create_bucket("c").error().code == ec::disk_full);
  CHECK(!rows.find_bucket("c"));
  CHECK(read(rows.latest(), "x") == "(none)");
  CHECK(read(rows.latest(), keys::document(made.number, "x")) == "v");
  REQUIRE(rows.drop_bucket("b"));
  clean_up(rows);
  CHECK(read(rows.latest(), keys::document(made.number, "x")) == "(none)");
  CHECK(!rows.writable());
  space.free_bytes = rows.free_floor();
  wait_for(true);
  CHECK(write(rows, "x", "y"));
  CHECK(rows.create_bucket("c"));
}

TEST_CASE("on a small file system the floor is 5 % of it or what a reopen needs, and 0 is none") {
  fixture f;
  f.options.free_floor_bytes = 500 * defaults::mebibyte;
  f.options.reopen_free_bytes = 2 * defaults::mebibyte;
  f.options.write_buffer_bytes = 4 * defaults::mebibyte;
  const auto writes_with = [&](uint64_t free, uint64_t total) {
    f.options.space = [free, total] { return disk_space{free, total}; };
    store& rows = f.start();
    const auto done = write(rows, "x", "y");
    if (!done) CHECK(done.error().code == ec::disk_full);
    CHECK(rows.writable() == done.has_value());
    return done.has_value();
  };
  const uint64_t large = 400 * defaults::mebibyte;
  CHECK(writes_with(large / 20, large));
  CHECK_FALSE(writes_with(large / 20 - 1, large));
  const uint64_t small = 100 * defaults::mebibyte;
  CHECK(writes_with(10 * defaults::mebibyte, small));
  CHECK_FALSE(writes_with(10 * defaults::mebibyte - 1, small));
  CHECK(f.start().free_floor() == 10 * defaults::mebibyte);
  f.options.free_floor_bytes = 0;
  CHECK(writes_with(0, small));
}

TEST_CASE("what a compaction may need is left free beside the floor") {
  fixture f;
  f.options.free_floor_bytes = 500;
  f.options.write_buffer_bytes = defaults::mebibyte;
  f.options.space = [] { return disk_space{uint64_t{1} << 40, uint64_t{1} << 40}; };
  store& rows = f.start();
  CHECK(rows.free_floor() == 500);
  std::mt19937 random(1);
  for (int i = 0; i < 40; ++i) {
    std::string value(100'000, ' ');
    for (char& c : value) c = static_cast<char>(random());
    REQUIRE(write(rows, "k" + std::to_string(random()), value));
  }
  CHECK(rows.free_floor() >= 500 + 2 * defaults::mebibyte);
}

TEST_CASE("the floor holds against what is written between two looks at the free space") {
  fixture f;
  uint64_t free = 2 * defaults::mebibyte;
  f.options.free_floor_bytes = defaults::mebibyte;
  f.options.space = [&] { return disk_space{free, uint64_t{1} << 30}; };
  store& rows = f.start();
  const std::string value(100'000, 'x');
  int written = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (; written < 100 && write(rows, "k" + std::to_string(written), value); ++written)
    free -= std::min<uint64_t>(free, value.size());
  MESSAGE("refused after " << (std::chrono::steady_clock::now() - begin) / 1us << " us");
  CHECK(written >= 10);
  CHECK(written <= 12);
}

// Reading
// -------------------------------------------------------------------------------------------------

TEST_CASE("snapshots have the same version exactly while nothing is written") {
  fixture f;
  store& rows = f.start();
  CHECK(!rows.latest().version());
  REQUIRE(write(rows, "a", "1", false));
  const auto first = rows.snapshot().version();
  REQUIRE(first);
  CHECK(rows.snapshot().version() == first);
  CHECK(rows.synced().version() < first);
  REQUIRE(rows.sync()); // writes nothing, and yet it may count as a write
  REQUIRE(write(rows, "a", "1"));
  const auto second = rows.snapshot().version();
  CHECK(second > first);
  REQUIRE(rows.try_reopen());
  CHECK(rows.snapshot().version() > second);
}

TEST_CASE("rows are found one by one in whatever order their keys come") {
  fixture f;
  store& rows = f.start();
  std::mt19937 random(7);
  rows_map there;
  const auto key_of = [](unsigned number) { return "k" + std::to_string(100'000 + number); };
  for (unsigned i = 0; i < 2000; ++i) {
    if (random() % 4 == 0) continue; // gaps, some of them wide
    if (i % 500 < 40) continue;
    there[key_of(i)] = std::to_string(i);
    REQUIRE(write(rows, key_of(i), std::to_string(i), false));
  }
  const read_view view = rows.snapshot();
  REQUIRE(write(rows, key_of(10), "later", false));
  row_finder finder(view);
  const auto check = [&](unsigned number) {
    const auto expected = there.find(key_of(number));
    const auto found = finder.read(key_of(number));
    REQUIRE(found);
    REQUIRE(found->has_value() == (expected != there.end()));
    if (*found) CHECK(**found == expected->second);
  };
  for (unsigned i = 0; i < 2000; ++i) check(i);
  for (unsigned i = 0; i < 2000; i += 3) check(i);
  for (unsigned i = 0; i < 2000; i += 17) check(i);
  for (unsigned i = 2000; i-- > 0;) check(i);
  for (unsigned i = 0; i < 2000; ++i) check(static_cast<unsigned>(random() % 2000));
}

TEST_CASE("a snapshot stays the same under writes, and dies in a reopen") {
  fixture f;
  store& rows = f.start();
  for (int i = 100; i < 300; ++i) {
    REQUIRE(write(rows, "k" + std::to_string(i), std::string(1000, 'a'), false));
  }
  const read_view view = rows.snapshot();
  const read_view copy = view; // NOLINT(performance-unnecessary-copy-initialization): both live
  const rows_map before = scan(view, "k", "l");
  CHECK(before.size() == 200);
  for (int i = 0; i < 200; ++i) { // over what is there, and between it; tables are compacted
    REQUIRE(write(rows, "k" + std::to_string(200 + i), std::string(1000, 'b'), false));
  }
  row_batch removal;
  for (int i = 100; i < 200; ++i) removal.remove("k" + std::to_string(i));
  const row_batch* only = &removal;
  REQUIRE(rows.commit({&only, 1}, true));
  CHECK(scan(view, "k", "l") == before);
  CHECK(scan(rows.latest(), "k", "l").size() == 200);
  CHECK(read(view, "k100") == std::string(1000, 'a'));
  CHECK(read(copy, "k250") == std::string(1000, 'a'));
  CHECK(read(view, "k350") == "(none)");

  REQUIRE(rows.try_reopen());
  const auto ignore = [](std::string_view, std::string_view) { return true; };
  for (const read_view& dead : {view, copy}) {
    const auto row = dead.read("k100");
    REQUIRE(!row);
    CHECK(row.error().code == ec::overloaded);
    CHECK(row.error().reason == "the store was reopened during this read: retry");
    CHECK(dead.scan("k", "l", ignore).error().code == ec::overloaded);
    CHECK(dead.scan_back("k", "l", ignore).error().code == ec::overloaded);
    CHECK(dead.state(1).error().code == ec::overloaded);
    CHECK(dead.full_tree(1, "x").error().code == ec::overloaded);
    CHECK(dead.leaf_body(1, "x", {}).error().code == ec::overloaded);
  }
  CHECK(scan(rows.snapshot(), "k", "l").size() == 200);
}

TEST_CASE("scans give what lies between their ends, upwards or downwards") {
  fixture f;
  store& rows = f.start();
  row_batch batch;
  for (const char* key : {"a", "b", "b\xff", "c", "d"}) batch.put(key, std::string("v") + key);
  const row_batch* only = &batch;
  REQUIRE(rows.commit({&only, 1}, true));
  struct range {
    std::string from{};
    std::string to{};
    std::vector<std::string> keys{};
  };
  for (const range& wanted : {range{"a", "e", {"a", "b", "b\xff", "c", "d"}},
                              {"b", "c", {"b", "b\xff"}},
                              {"b", "d", {"b", "b\xff", "c"}},
                              {"ab", "bb", {"b"}},
                              {"d", "z", {"d"}},
                              {"e", "z", {}},
                              {"c", "c", {}},
                              {"d", "a", {}},
                              {"a", "a\x01", {"a"}}}) {
    for (const read_view& view : {rows.latest(), rows.snapshot()}) {
      std::vector<std::string> up;
      REQUIRE(view.scan(wanted.from, wanted.to, [&](std::string_view key, std::string_view value) {
        CHECK(value == "v" + std::string(key));
        up.emplace_back(key);
        return true;
      }));
      CHECK(up == wanted.keys);
      std::vector<std::string> down;
      REQUIRE(
          view.scan_back(wanted.from, wanted.to, [&](std::string_view key, std::string_view value) {
            CHECK(value == "v" + std::string(key));
            down.emplace(down.begin(), key);
            return true;
          }));
      CHECK(down == wanted.keys);
    }
  }
}

TEST_CASE("a scan ends where its callback says so, and the callback may read") {
  fixture f;
  store& rows = f.start();
  for (const char* key : {"a", "b", "c"}) REQUIRE(write(rows, key, key));
  const read_view view = rows.latest();
  std::string up;
  REQUIRE(view.scan("a", "d", [&](std::string_view key, std::string_view) {
    up += read(view, std::string(key));
    return up.size() < 2;
  }));
  CHECK(up == "ab");
  std::string down;
  REQUIRE(view.scan_back("a", "d", [&](std::string_view key, std::string_view) {
    down += read(view, std::string(key));
    return down.size() < 2;
  }));
  CHECK(down == "cb");
}

} // namespace treadmill
