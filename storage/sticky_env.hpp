#pragma once
#include <atomic>
#include <functional>
#include <leveldb/env.h>
#include <mutex>
#include <string>
#include <vector>

namespace treadmill {

/// A LevelDB environment that stops at its first failed write: from then on nothing is written,
/// renamed or removed through it, by no thread. LevelDB 1.23 goes on writing to a log whose last
/// append failed, at an offset that no longer matches the file, and so loses what it acknowledges
/// later; it also removes a manifest whose installation failed, although CURRENT may name it.
/// Behind this environment it can do neither: what was on disk at the failure stays.
///
/// It also makes durable what LevelDB leaves open: a log is synced before it is closed (LevelDB
/// turns to a new log without syncing the old one, which matters where commits are not synced one
/// by one), and the directory is synced when a log was made, when another new file was synced for
/// the first time, and when a file was renamed (LevelDB then removes what the older name needed).
///
/// And it holds spare descriptors: where no file can be opened because too many are open, it gives
/// one up and tries again, so that a crowd of connections, say, is no failed write.
///
/// **Thread**: any. `base` outlives it.
class sticky_env : public leveldb::EnvWrapper {
public:
  struct hooks {
    /// Makes the entries of the store's directory durable; empty: nothing to do.
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

  /// True after any write of any file failed, those of LevelDB's background thread included.
  bool failed() const { return failed_.load(std::memory_order_acquire); }

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
  std::atomic<bool> lacks_spares_{false};
  std::mutex spares_mutex_{};
  std::vector<int> spares_{};
};

/// Whether that is what the system says where no file can be opened because too many are open.
bool is_too_many_files(const leveldb::Status& status);

/// Syncs a directory of the file system.
leveldb::Status sync_directory(const std::string& directory);

} // namespace treadmill
