#include "storage/engine/keys.hpp"
#include "storage/engine/store.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/property/seed.hpp"
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <thread>

namespace treadmill {
namespace {

namespace fs = std::filesystem;

using rows_map = std::map<std::string, std::string>;

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  REQUIRE(file.good());
}

/// A store that was closed, and what is in it: tables, a log with several commits, a bucket.
class original {
public:
  original() {
    const auto opened = store::open(options_in(path()));
    REQUIRE(opened);
    store& rows = **opened;
    bucket_ = rows.create_bucket("b").value().number;
    std::mt19937_64 random(7);
    for (int i = 0; i < 150; ++i) write(rows, i, random);
    // Until the logs are gone whose rows are in tables.
    const auto late = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (names(".log").size() > 1 && std::chrono::steady_clock::now() < late)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(names(".log").size() == 1);
    // Tables are there, so one log with some commits goes on. The last commit has one row alone.
    for (int i = 150; i < 158; ++i) write(rows, i, random);
    last_ = {keys::document(bucket_, "last"), keys::document(bucket_, "d157")};
    put(rows, last_.front(), std::string(200, 'z'));
  }

  static store_options options_in(const std::string& directory) {
    store_options options;
    options.directory = directory;
    options.write_buffer_bytes = 64 * defaults::kibibyte;
    options.free_floor_bytes = 0;
    return options;
  }

  std::string path() const { return folder_ / "store"; }
  const rows_map& rows() const { return rows_; }
  const std::vector<std::string>& last() const {
    return last_;
  } ///< keys of the last commits, last first
  uint32_t bucket() const { return bucket_; }

  std::vector<std::string> names(const std::string& part) const {
    std::vector<std::string> found;
    for (const auto& one : fs::directory_iterator(path())) {
      const std::string name = one.path().filename().string();
      if (name.find(part) != std::string::npos) found.push_back(name);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

private:
  void put(store& rows, const std::string& key, const std::string& value) {
    row_batch batch;
    batch.put(key, value);
    const row_batch* only = &batch;
    REQUIRE(rows.commit({&only, 1}, true));
    rows_[key] = value;
  }
  void write(store& rows, int number, std::mt19937_64& random) {
    std::string value(1000, ' ');
    for (char& byte : value) byte = static_cast<char>(random());
    put(rows, keys::document(bucket_, "d" + std::to_string(number)), value);
  }

  cluster::temporary_folder folder_{};
  uint32_t bucket_ = 0;
  std::vector<std::string> last_{};
  rows_map rows_{};
};

const original& one_store() {
  static const original made;
  return made;
}

/// What became of a damaged copy.
enum class fate { refused, repaired, unreadable, whole };

/// A copy of the store that is to be damaged and opened.
class copy_of_store {
public:
  copy_of_store() { fs::copy(one_store().path(), path(), fs::copy_options::recursive); }

  std::string path() const { return folder_ / "store"; }
  fs::path file(const std::string& name) const { return fs::path(path()) / name; }
  std::string bytes(const std::string& name) const { return read_bytes(file(name)); }
  void flip(const std::string& name, size_t at, int mask) const {
    std::string bytes = read_bytes(file(name));
    REQUIRE(at < bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ mask);
    write_bytes(file(name), bytes);
  }
  void remove(const std::string& name) const { REQUIRE(fs::remove(file(name))); }

  /// Opens it and reads everything. Whatever the damage, no row may be wrong, and none may be
  /// missing but those of the last commits, where that was said: of so many as the damage can
  /// reach.
  fate open(size_t commits_at_end = 1) {
    commits_at_end_ = commits_at_end;
    warnings_.clear();
    store_options options = original::options_in(path());
    options.warn = [this](std::string_view text) { warnings_ += std::string(text) + "\n"; };
    const auto opened = store::open(options);
    if (!opened) {
      problem_ = opened.error();
      CHECK((problem_.code == ec::corrupt || problem_.code == ec::io_error));
      CHECK(problem_.reason.size() > 20);
      return fate::refused;
    }
    const bool cut = warnings_.find("had a torn end") != std::string::npos;
    const bool readable = read_rows(**opened, cut) && scan_rows(**opened, cut);
    if (!readable) return fate::unreadable;
    CHECK((*opened)->find_bucket("b").has_value());
    return cut ? fate::repaired : fate::whole;
  }

  const error& problem() const { return problem_; }
  const std::string& warnings() const { return warnings_; }

private:
  static void check_failure(const error& problem) {
    CHECK((problem.code == ec::corrupt || problem.code == ec::io_error));
  }

  /// What was cut off with the end: commits from the last one on.
  std::vector<std::string> cut_off(const std::function<bool(const std::string&)>& there) const {
    std::vector<std::string> gone;
    for (const std::string& key : one_store().last()) {
      if (gone.size() == commits_at_end_ || there(key)) break;
      gone.push_back(key);
    }
    return gone;
  }

  bool read_rows(const store& rows, bool cut) const {
    bool readable = true;
    const auto gone = cut_off([&](const std::string& key) {
      const auto found = rows.latest().read(key);
      return !cut || !found || found->has_value();
    });
    for (const auto& [key, value] : one_store().rows()) {
      const auto found = rows.latest().read(key);
      if (!found) {
        check_failure(found.error());
        readable = false;
      } else if (!*found) {
        CHECK_MESSAGE(std::count(gone.begin(), gone.end(), key) == 1,
                      "a row is gone and nobody said so");
      } else {
        CHECK_MESSAGE(**found == value, "a row has another value");
      }
    }
    return readable;
  }

  bool scan_rows(const store& rows, bool cut) const {
    bool readable = true;
    const uint32_t bucket = one_store().bucket();
    for (const bool upwards : {true, false}) {
      rows_map found;
      const auto note = [&](std::string_view key, std::string_view value) {
        found.emplace(key, value);
        return true;
      };
      const read_view view = rows.latest();
      const std::string from = keys::bucket_begin(bucket);
      const std::string to = keys::bucket_end(bucket);
      const auto done = upwards ? view.scan(from, to, note) : view.scan_back(from, to, note);
      if (!done) check_failure(done.error());
      readable = readable && done.has_value();
      // All up to the damage, and nothing after it.
      rows_map wanted = one_store().rows();
      for (const std::string& key :
           cut_off([&](const std::string& one) { return !cut || found.count(one) == 1; }))
        wanted.erase(key);
      if (done) CHECK(found.size() == wanted.size());
      if (found.size() > wanted.size()) continue;
      const auto count = static_cast<std::ptrdiff_t>(found.size());
      const rows_map begin(wanted.begin(), std::next(wanted.begin(), count));
      const rows_map end(std::prev(wanted.end(), count), wanted.end());
      CHECK(found == (upwards ? begin : end));
    }
    return readable;
  }

  cluster::temporary_folder folder_{};
  error problem_{};
  std::string warnings_{};
  size_t commits_at_end_ = 1;
};

std::string newest(const std::string& part) {
  const auto names = one_store().names(part);
  REQUIRE(!names.empty());
  return names.back();
}

} // namespace

TEST_CASE("the store that is damaged below has tables, a log and all its rows") {
  CHECK(one_store().names(".ldb").size() >= 2);
  copy_of_store copy;
  CHECK(copy.bytes(newest(".log")).size() > 4000);
  CHECK(copy.open() == fate::whole);
  CHECK(copy.warnings().empty());
  CHECK(copy.open() == fate::whole);
}

TEST_CASE("a torn end of the log is cut off with a warning, once") {
  const std::string log = newest(".log");
  const std::string whole = copy_of_store().bytes(log);
  const auto torn = [&](const std::string& bytes) {
    copy_of_store copy;
    write_bytes(copy.file(log), bytes);
    REQUIRE(copy.open() == fate::repaired);
    CHECK(copy.warnings().find("the file " + log + " had a torn end: ") == 0);
    CHECK(copy.warnings().find("writes that were never synced were cut off") != std::string::npos);
    // What was cut is gone for good, without another word.
    store_options options = original::options_in(copy.path());
    std::string again;
    options.warn = [&](std::string_view text) { again += text; };
    const auto opened = store::open(options);
    REQUIRE(opened);
    CHECK(again.empty());
    const auto first = (*opened)->latest().read(one_store().rows().begin()->first);
    CHECK(first.value() == one_store().rows().begin()->second);
  };
  for (const size_t cut : {1, 50, 150, 220}) torn(whole.substr(0, whole.size() - cut));
  torn(whole + std::string(5000, '\0'));
  torn(whole + "garbage that is no record");
  torn(whole.substr(0, whole.size() - 100) + std::string(100, '\0'));
}

TEST_CASE("damage in the middle of the log is refused, and the files stay as they are") {
  const std::string log = newest(".log");
  const size_t size = copy_of_store().bytes(log).size();
  for (size_t at = 0; at + 1000 < size; at += size / 12) {
    CAPTURE(at);
    copy_of_store copy;
    copy.flip(log, at, 0x20);
    const std::string damaged = copy.bytes(log);
    for (int attempt = 0; attempt < 2; ++attempt) {
      CHECK(copy.open() == fate::refused);
      CHECK(copy.problem().code == ec::corrupt);
      CHECK(copy.problem().reason.find("the log " + log + " is damaged at byte ") == 0);
      CHECK(copy.problem().reason.find("restore the directory from a backup") != std::string::npos);
      CHECK(copy.bytes(log) == damaged);
    }
    copy.flip(log, at, 0x20);
    CHECK(copy.open() == fate::whole);
  }
}

TEST_CASE("a manifest that is damaged or cut short is refused, or repaired and nothing is lost") {
  const std::string manifest = newest("MANIFEST-");
  const size_t size = copy_of_store().bytes(manifest).size();
  for (size_t at = 0; at < size; at += 1 + size / 40) {
    CAPTURE(at);
    copy_of_store flipped;
    flipped.flip(manifest, at, 0x04);
    CHECK(flipped.open() == fate::refused);
    CHECK(flipped.problem().code == ec::corrupt);
    copy_of_store cut;
    fs::resize_file(cut.file(manifest), at);
    CHECK(cut.open() == fate::refused);
  }
  copy_of_store tail;
  write_bytes(tail.file(manifest), tail.bytes(manifest) + std::string(100, '\0'));
  CHECK(tail.open() == fate::repaired);
  CHECK(tail.warnings().find("the file " + manifest + " had a torn end") == 0);
  CHECK(tail.open() == fate::whole);
}

TEST_CASE("a CURRENT that is damaged in any byte, cut short or empty is refused") {
  const std::string whole = copy_of_store().bytes("CURRENT");
  for (size_t at = 0; at < whole.size(); ++at) {
    copy_of_store copy;
    copy.flip("CURRENT", at, 0x01);
    CHECK(copy.open() == fate::refused);
    write_bytes(copy.file("CURRENT"), whole.substr(0, at));
    CHECK(copy.open() == fate::refused);
    CHECK(copy.problem().code == ec::corrupt);
    write_bytes(copy.file("CURRENT"), whole);
    CHECK(copy.open() == fate::whole);
  }
}

TEST_CASE("a file that is missing is refused by name, and never replaced by an empty store") {
  const auto without = [](const std::vector<std::string>& names, const std::string& reason) {
    CAPTURE(reason);
    copy_of_store copy;
    for (const std::string& name : names) copy.remove(name);
    for (int attempt = 0; attempt < 2; ++attempt) {
      CHECK(copy.open() == fate::refused);
      CHECK(copy.problem().code == ec::corrupt);
      CHECK_MESSAGE(copy.problem().reason.find(reason) == 0, copy.problem().reason);
      CHECK(copy.problem().reason.find("restore the directory from a backup") != std::string::npos);
    }
  };
  const std::string log = newest(".log");
  const std::string manifest = newest("MANIFEST-");
  without({"CURRENT"}, "the file CURRENT is missing, but there is data");
  without({"CURRENT", "FORMAT"}, "the file CURRENT is missing, but there is data");
  without({manifest}, "the file " + manifest + " is missing");
  without({log}, "a log (*.log, number ");
  without({newest(".ldb")}, "a table (*.ldb, number ");
  without(one_store().names(".ldb"), "a table (*.ldb, number ");
  std::vector<std::string> all{"CURRENT", manifest, log};
  for (const std::string& table : one_store().names(".ldb")) all.push_back(table);
  without(all, "the data directory held a store, and its data is gone");
}

TEST_CASE("a table that is damaged or cut short is answered `corrupt`, and the rest is read") {
  for (const std::string& table : one_store().names(".ldb")) {
    CAPTURE(table);
    const size_t size = copy_of_store().bytes(table).size();
    size_t noticed = 0;
    for (const size_t at : {size_t{10}, size / 3, 2 * size / 3, size - 1}) {
      copy_of_store copy;
      copy.flip(table, at, 0x80);
      const fate what = copy.open();
      CHECK(what != fate::repaired);
      if (what != fate::whole) ++noticed;
    }
    CHECK(noticed >= 4);
    copy_of_store cut;
    fs::resize_file(cut.file(table), size / 2);
    const fate what = cut.open();
    CHECK((what == fate::refused || what == fate::unreadable));
  }
}

TEST_CASE("files of two stores are not taken for one") {
  copy_of_store copy;
  const cluster::temporary_folder folder;
  { REQUIRE(store::open(original::options_in(folder / "other"))); }
  fs::copy_file(folder / "other/FORMAT", copy.file("FORMAT"), fs::copy_options::overwrite_existing);
  CHECK(copy.open() == fate::refused);
  CHECK(copy.problem().reason.find("the file FORMAT belongs to another store") == 0);
  copy.remove("FORMAT"); // of itself, it is made again
  CHECK(copy.open() == fate::whole);
  CHECK(fs::exists(copy.file("FORMAT")));
}

TEST_CASE("no flipped bits anywhere make the store serve wrong data") {
  const uint64_t seed = property_seed("damage");
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> names = one_store().names(".ldb");
  const std::vector<std::string> logs = one_store().names(".log");
  const std::vector<std::string> manifests = one_store().names("MANIFEST-");
  names.insert(names.end(), logs.begin(), logs.end());
  names.insert(names.end(), manifests.begin(), manifests.end());
  names.insert(names.end(), {"CURRENT", "FORMAT"});
  const int flips = std::getenv("TREADMILL_LONG") != nullptr ? 5000 : 250;
  std::array<int, 4> fates{};
  for (int flip = 0; flip < flips; ++flip) {
    copy_of_store copy;
    const std::string& name = names[random() % names.size()];
    const size_t size = copy.bytes(name).size();
    const size_t at = random() % size;
    const size_t length = random() % 8 == 0 ? 1 + random() % 600 : 1;
    INFO("flip ", flip, " of ", name, " from byte ", at, ", ", length, " bytes");
    for (size_t i = at; i < std::min(size, at + length); ++i) {
      copy.flip(name, i, static_cast<int>(1 + random() % 255));
    }
    // The last commit has some 250 bytes, the one before it 1,050.
    ++fates[static_cast<size_t>(copy.open(length > 1 ? 2 : 1))];
  }
  std::cout << flips << " damages: " << fates[0] << " refused, " << fates[1] << " repaired, "
            << fates[2] << " unreadable in part, " << fates[3] << " without effect" << std::endl;
  CHECK(fates[0] > 0);
  CHECK(fates[2] > 0);
}

} // namespace treadmill
