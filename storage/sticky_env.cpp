#include "storage/sticky_env.hpp"
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace treadmill {
namespace {

bool is_log(const std::string& name) {
  return name.size() > 4 && name.compare(name.size() - 4, 4, ".log") == 0;
}

leveldb::Status sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return leveldb::Status::IOError("the directory of the store cannot be opened");
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced ? leveldb::Status::OK()
                : leveldb::Status::IOError("the directory of the store cannot be synced");
}

} // namespace

class sticky_env::sticky_file : public leveldb::WritableFile {
public:
  sticky_file(sticky_env& env, leveldb::WritableFile* file, bool log)
      : env_(env), file_(file), log_(log) {}
  ~sticky_file() override {
    if (!closed_) Close();
  }

  leveldb::Status Append(const leveldb::Slice& data) override {
    unsynced_ = true;
    return step([&] { return file_->Append(data); });
  }
  leveldb::Status Flush() override {
    return step([&] { return file_->Flush(); });
  }
  leveldb::Status Sync() override {
    const leveldb::Status status = step([&] { return file_->Sync(); });
    if (status.ok()) unsynced_ = false;
    return status;
  }
  leveldb::Status Close() override {
    if (log_ && unsynced_) Sync();
    closed_ = true;
    const leveldb::Status closed = file_->Close();
    if (state_.ok()) state_ = env_.noted(closed);
    return state_;
  }

private:
  template<typename Operation>
  leveldb::Status step(Operation operation) {
    if (state_.ok()) state_ = env_.noted(operation());
    return state_;
  }

  sticky_env& env_;
  std::unique_ptr<leveldb::WritableFile> file_;
  leveldb::Status state_{};
  bool log_;
  bool unsynced_ = false;
  bool closed_ = false;
};

sticky_env::sticky_env(leveldb::Env* base, std::string directory)
    : leveldb::EnvWrapper(base), directory_(std::move(directory)) {}

leveldb::Status sticky_env::noted(leveldb::Status status) {
  if (!status.ok()) failed_.store(true, std::memory_order_release);
  return status;
}

leveldb::Status sticky_env::wrap(const std::string& name, leveldb::Status opened,
                                 leveldb::WritableFile** file) {
  if (!noted(opened).ok()) return opened;
  const bool log = is_log(name);
  *file = new sticky_file(*this, *file, log); // LevelDB owns it, by its interface
  if (!log || directory_.empty()) return opened;
  leveldb::Status synced = noted(sync_directory(directory_));
  if (!synced.ok()) {
    delete *file;
    *file = nullptr;
  }
  return synced;
}

leveldb::Status sticky_env::NewWritableFile(const std::string& name, leveldb::WritableFile** file) {
  return wrap(name, target()->NewWritableFile(name, file), file);
}

leveldb::Status sticky_env::NewAppendableFile(const std::string& name,
                                              leveldb::WritableFile** file) {
  return wrap(name, target()->NewAppendableFile(name, file), file);
}

leveldb::Status sticky_env::RenameFile(const std::string& from, const std::string& to) {
  return noted(target()->RenameFile(from, to));
}

} // namespace treadmill
