#include "storage/engine/sticky_env.hpp"
#include "tests/crash/faulty_env.hpp"
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace treadmill {
namespace {

using test::faulty_env;

/// A sticky environment over one that fails on demand.
struct fixture {
  faulty_env disk{};
  int failures = 0;
  sticky_env env;

  fixture()
      : env(&disk, {[this] {
                      return disk.sync_directory() ? leveldb::Status::OK()
                                                   : leveldb::Status::IOError("directory");
                    },
                    [this](const leveldb::Status&) { ++failures; }}) {}

  std::unique_ptr<leveldb::WritableFile> make(const std::string& name) {
    leveldb::WritableFile* file = nullptr;
    CHECK(env.NewWritableFile(name, &file).ok());
    return std::unique_ptr<leveldb::WritableFile>(file);
  }
  std::string durable(const std::string& name) {
    disk.crash_and_drop();
    const std::string* bytes = disk.bytes_of(name);
    return bytes == nullptr ? "(no such file)" : *bytes;
  }
};

} // namespace

// UBSan opens files of its own when it meets a type, and cannot where no process can.
#ifndef __SANITIZE_ADDRESS__

namespace {

/// This process can open nothing more, until it is gone.
class no_files_left {
public:
  no_files_left() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = std::min<rlim_t>(before_.rlim_cur, 256);
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int one = 0; (one = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) held_.push_back(one);
  }
  ~no_files_left() {
    for (const int one : held_) ::close(one);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  no_files_left(const no_files_left&) = delete;
  no_files_left& operator=(const no_files_left&) = delete;

private:
  rlimit before_{};
  std::vector<int> held_{};
};

} // namespace

TEST_CASE("where too many files are open the store still opens its own, again and again") {
  std::string folder = (std::filesystem::temp_directory_path() / "treadmill-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  int failures = 0;
  {
    sticky_env env(leveldb::Env::Default(), {[&] { return sync_directory(folder); },
                                             [&](const leveldb::Status&) { ++failures; }});
    const no_files_left crowd;
    for (int round = 0; round < 3; ++round) {
      std::vector<std::unique_ptr<leveldb::WritableFile>> files;
      for (int i = 0; i < 6; ++i) {
        leveldb::WritableFile* file = nullptr;
        REQUIRE(env.NewWritableFile(folder + "/00000" + std::to_string(i) + ".log", &file).ok());
        files.emplace_back(file);
        REQUIRE(files.back()->Append("x").ok());
        REQUIRE(files.back()->Sync().ok());
      }
      leveldb::SequentialFile* read = nullptr;
      REQUIRE(env.NewSequentialFile(folder + "/000000.log", &read).ok());
      delete read;
    }
    CHECK(failures == 0);
    // Not without end: what is over it fails, and says why.
    std::vector<std::unique_ptr<leveldb::WritableFile>> files;
    leveldb::Status opened;
    for (int i = 0; opened.ok() && i < 100; ++i) {
      leveldb::WritableFile* file = nullptr;
      opened = env.NewWritableFile(folder + "/1.ldb", &file);
      files.emplace_back(file);
    }
    CHECK(is_too_many_files(opened));
    CHECK(failures == 1);
  }
  std::filesystem::remove_all(folder);
}

#endif

TEST_CASE("after a failed append nothing is written to that file or any other") {
  fixture f;
  const auto log = f.make("/d/000001.log");
  const auto table = f.make("/d/000002.ldb");
  REQUIRE(log->Append("one").ok());
  REQUIRE(log->Sync().ok());
  f.disk.arm(1, faulty_env::fault::short_write);
  CHECK(!log->Append("two").ok());
  CHECK(f.env.failed());
  const uint64_t counted = f.disk.counted();
  CHECK(!log->Append("three").ok());
  CHECK(!log->Sync().ok());
  CHECK(!table->Append("four").ok());
  leveldb::WritableFile* file = nullptr;
  CHECK(!f.env.NewWritableFile("/d/000003.log", &file).ok());
  CHECK(file == nullptr);
  CHECK(!f.env.NewAppendableFile("/d/000003.log", &file).ok());
  CHECK(file == nullptr);
  CHECK(!f.env.RenameFile("/d/000002.ldb", "/d/000004.ldb").ok());
  CHECK(!f.env.RemoveFile("/d/000002.ldb").ok());
  CHECK(f.disk.counted() == counted); // none of it reached the disk
  CHECK(!log->Close().ok());
  CHECK(f.failures == 1);
  CHECK(f.durable("/d/000001.log") == "one");
}

TEST_CASE("every kind of failed write stops the environment") {
  using call = faulty_env::call;
  for (const auto fault : {faulty_env::fault::io_error, faulty_env::fault::disk_full,
                           faulty_env::fault::done_anyway}) {
    for (const call kind : {call::create, call::append, call::sync, call::close, call::rename,
                            call::sync_directory}) {
      fixture f;
      f.disk.arm_at(kind, 1, fault);
      leveldb::WritableFile* made = nullptr;
      f.env.NewWritableFile("/d/a.log", &made);
      const std::unique_ptr<leveldb::WritableFile> file(made);
      if (file != nullptr) {
        file->Append("x");
        file->Sync();
        file->Close();
        f.env.RenameFile("/d/a.log", "/d/b.log");
      }
      CHECK(f.env.failed());
      CHECK(f.failures == 1);
    }
  }
}

TEST_CASE("a failed removal is no fault") {
  fixture f;
  CHECK(!f.env.RemoveFile("/d/none").ok());
  CHECK(!f.env.failed());
}

TEST_CASE("a log is durable when it is closed, also without a sync, and so is its name") {
  fixture f;
  {
    const auto log = f.make("/d/000001.log");
    REQUIRE(log->Append("one").ok());
  } // LevelDB drops a log's file without closing it
  CHECK(f.durable("/d/000001.log") == "one");
}

TEST_CASE("a log whose last sync fails at its close stops the environment") {
  fixture f;
  auto log = f.make("/d/000001.log");
  REQUIRE(log->Append("one").ok());
  f.disk.arm(1, faulty_env::fault::io_error);
  log.reset();
  CHECK(f.env.failed());
}

TEST_CASE("a log's name is durable once it is made, another file's once that is synced") {
  fixture f;
  const auto log = f.make("/d/000001.log");
  const auto table = f.make("/d/000002.ldb");
  CHECK(f.durable("/d/000001.log").empty());
  fixture g;
  const auto other = g.make("/d/000002.ldb");
  REQUIRE(other->Append("one").ok());
  REQUIRE(other->Sync().ok());
  CHECK(g.durable("/d/000002.ldb") == "one");
}

TEST_CASE("a renamed file has its name for good, or the environment stops") {
  fixture f;
  {
    const auto file = f.make("/d/000001.dbtmp");
    REQUIRE(file->Append("one").ok());
    REQUIRE(file->Sync().ok());
  }
  REQUIRE(f.env.RenameFile("/d/000001.dbtmp", "/d/CURRENT").ok());
  CHECK(f.durable("/d/CURRENT") == "one");
  // Where the directory cannot be synced the rename is done all the same: told otherwise, LevelDB
  // would remove what the new name needs.
  fixture g;
  {
    const auto file = g.make("/d/000001.dbtmp");
    REQUIRE(file->Sync().ok());
  }
  g.disk.arm(2, faulty_env::fault::io_error);
  CHECK(g.env.RenameFile("/d/000001.dbtmp", "/d/CURRENT").ok());
  CHECK(g.env.failed());
  CHECK(g.env.FileExists("/d/CURRENT"));
}

TEST_CASE("a directory that is not there cannot be synced") {
  CHECK(sync_directory("/").ok());
  CHECK(!sync_directory("/there/is/no/such/directory").ok());
}

} // namespace treadmill
