#pragma once
#include <atomic>
#include <cstdint>
#include <leveldb/env.h>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace treadmill::test {

/// A file system in memory that knows what of it is durable, can fail at a chosen call, and can
/// lose what was not synced. **Thread**: any, as LevelDB's background thread needs it.
///
/// Calls that are counted: making, appending to, syncing and closing a file, renaming and removing
/// one, syncing the directory. Reads are not.
///
/// Model of a disk: a file's bytes are durable once it was synced, its name once the directory was
/// (a manifest's sync does that too, as in LevelDB's own Env). Names become durable in the order in
/// which they were changed. A sync that fails leaves the bytes readable and forgets that they are
/// not on disk, as Linux does: a later sync succeeds without them.
class faulty_env : public leveldb::EnvWrapper {
public:
  enum class call { create, append, sync, close, rename, remove, sync_directory };
  static constexpr size_t calls = 7;
  enum class fault {
    io_error,    ///< the call fails, and nothing of it is done
    disk_full,   ///< this and every later append fails until `free_space`
    short_write, ///< half of an append is done; anything else: io_error
    done_anyway, ///< the call fails, and all of it is done
    power_off,   ///< half of it is done; from here on nothing is, until `crash`
  };
  static constexpr size_t faults = 5;

  faulty_env();

  /// The fault happens at the `calls_from_now`-th counted call, 1 being the next.
  void arm(uint64_t calls_from_now, fault what);
  /// The same, counting only calls of one kind.
  void arm_at(call kind, uint64_t calls_from_now, fault what);
  void disarm();
  bool fired() const; ///< since it was armed
  call fired_at() const;
  void free_space();
  uint64_t counted() const;

  /// The machine stops and starts again: names and bytes that were not synced are kept, lost, torn,
  /// zeroed or replaced by garbage, each file as chance has it.
  void crash(std::mt19937_64& random);
  /// The same, but all that was not synced is lost.
  void crash_and_drop();

  bool sync_directory();
  /// To look at and to damage what is stored; nullptr where there is no such file.
  std::string* bytes_of(const std::string& name);
  std::vector<std::string> names() const;

  leveldb::Status NewSequentialFile(const std::string& name,
                                    leveldb::SequentialFile** file) override;
  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** file) override;
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** file) override;
  bool FileExists(const std::string& name) override;
  leveldb::Status GetChildren(const std::string& directory,
                              std::vector<std::string>* names) override;
  leveldb::Status RemoveFile(const std::string& name) override;
  leveldb::Status CreateDir(const std::string& name) override;
  leveldb::Status RemoveDir(const std::string& name) override;
  leveldb::Status GetFileSize(const std::string& name, uint64_t* size) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status LockFile(const std::string& name, leveldb::FileLock** lock) override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override;
  void SleepForMicroseconds(int micros) override;

private:
  struct file_bytes {
    std::string data{};                                 ///< as it reads
    std::string durable{};                              ///< as it is on the disk
    std::vector<std::pair<size_t, size_t>> forgotten{}; ///< ranges that a failed sync lost
  };
  using file_pointer = std::shared_ptr<file_bytes>;
  using directory = std::map<std::string, file_pointer>;
  struct name_change {
    std::string gone{};
    std::string made{};
    file_pointer file{};
  };
  /// What becomes of a call.
  struct verdict {
    leveldb::Status status{};
    enum class extent { all, half, nothing } done = extent::all;
  };
  class writer;
  class sequential_reader;
  class random_reader;
  class held_lock;

  verdict count(call what);
  void change_name(name_change change);
  static void apply(directory& names, const name_change& change);
  void names_are_durable();
  void sync(file_bytes& file, bool complete);
  std::string after_crash(const file_bytes& file, std::mt19937_64& random) const;
  file_pointer find(const std::string& name) const;

  mutable std::mutex mutex_{};
  directory names_{};
  directory durable_names_{};
  std::vector<name_change> pending_{};
  std::set<std::string> locks_{};
  uint64_t counted_ = 0;
  uint64_t left_ = 0; ///< calls until the fault; 0: not armed
  bool one_kind_ = false;
  call kind_ = call::create;
  fault armed_ = fault::io_error;
  bool fired_ = false;
  call fired_at_ = call::create;
  bool full_ = false;
  bool off_ = false;
};

} // namespace treadmill::test
