#pragma once
#include "storage/base/lock_rules.hpp"
#include <atomic>
#include <functional>
#include <leveldb/env.h>
#include <string>
#include <vector>

namespace treadmill {

/// A LevelDB environment that stops at its first failed write: from then on it writes, renames and
/// removes no file, for any thread. LevelDB 1.23 continues to write to a log whose last append
/// failed, at an offset that no longer matches the file, and so loses writes that it acknowledges
/// later. It also removes a manifest whose installation failed, although CURRENT may name it. This
/// environment prevents both: the files stay as they were at the failure.
///
/// It also syncs what LevelDB does not: it syncs a log before closing it (LevelDB switches to a new
/// log without syncing the old one, which matters if commits are not synced individually), and it
/// syncs the directory after a log is created, after another new file is first synced, and after a
/// file is renamed (LevelDB then removes the files that the replaced file needed).
///
/// And it holds spare descriptors: if opening a file fails because too many are open, it closes a
/// spare and retries, so that many connections, for example, do not cause a failed write.
///
/// **Lifetime**: `base` must outlive it. **Thread**: any.
class sticky_env : public leveldb::EnvWrapper {
public:
  struct hooks {
    /// Makes the entries of the store's directory durable; empty: no sync.
    std::function<leveldb::Status()> sync_directory{};
    /// Called once, by the thread that meets the first failure.
    std::function<void(const leveldb::Status&)> failed{};
  };

  sticky_env(leveldb::Env* base, hooks chosen);
  ~sticky_env() override;

  leveldb::Status NewSequentialFile(const std::string& name,
                                    leveldb::SequentialFile** file) override;
  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** file) override;
  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status RemoveFile(const std::string& name) override;

  /// True after any write to any file failed, including writes by LevelDB's background thread.
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  /// The status of the first failed write; OK if none failed.
  leveldb::Status failure() const;

private:
  class sticky_file;
  leveldb::Status noted(leveldb::Status status);
  leveldb::Status synced_directory();
  leveldb::Status wrap(const std::string& name, leveldb::Status opened,
                       leveldb::WritableFile** file);

  template<typename Open>
  leveldb::Status with_spares(Open open);
  bool give_up_spare();
  void take_spares();

  hooks hooks_;
  std::atomic<bool> failed_{false};
  mutable checked_mutex failure_mutex_{};
  leveldb::Status failure_ GUARDED_BY(failure_mutex_){};
  std::atomic<bool> lacks_spares_{false};
  checked_mutex spares_mutex_{};
  std::vector<int> spares_ GUARDED_BY(spares_mutex_){};
};

/// True if the status says that a file could not be opened because too many files are open.
bool is_too_many_files(const leveldb::Status& status);

/// Syncs a directory of the file system.
leveldb::Status sync_directory(const std::string& directory);

} // namespace treadmill
