#pragma once
#include <atomic>
#include <leveldb/env.h>
#include <string>

namespace treadmill {

/// A LevelDB environment whose files stay failed after their first failed write. LevelDB 1.23 goes
/// on writing to a log whose last append failed, at an offset that no longer matches the file, and
/// so loses what it acknowledges later; behind this environment it cannot.
///
/// It also makes what LevelDB leaves open durable: a log is synced before it is closed (LevelDB
/// turns to a new log without syncing the old one, which matters where commits are not synced one
/// by one), and the directory is synced when a log is made.
///
/// **Thread**: any. `base` outlives it.
class sticky_env : public leveldb::EnvWrapper {
public:
  /// `directory`: the store's; synced when a log is made there. Empty where there is no such thing
  /// (tests in memory).
  sticky_env(leveldb::Env* base, std::string directory);

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;

  /// True after any write of any file failed, those of LevelDB's background thread included.
  bool failed() const { return failed_.load(std::memory_order_acquire); }

private:
  class sticky_file;
  leveldb::Status noted(leveldb::Status status);
  leveldb::Status wrap(const std::string& name, leveldb::Status opened,
                       leveldb::WritableFile** file);

  std::string directory_;
  std::atomic<bool> failed_{false};
};

} // namespace treadmill
