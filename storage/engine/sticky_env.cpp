#include "storage/engine/sticky_env.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace treadmill {
namespace {

bool is_log(const std::string& name) {
  return name.size() > 4 && name.compare(name.size() - 4, 4, ".log") == 0;
}

/// The number of files that LevelDB may open at the same time: a log, a manifest, tables that it
/// writes and reads.
constexpr size_t spare_files = 8;

leveldb::Status stopped() {
  return leveldb::Status::IOError("nothing is written after a failed write");
}

} // namespace

leveldb::Status sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return leveldb::Status::IOError("the directory of the store cannot be opened",
                                    std::strerror(errno));
  }
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced ? leveldb::Status::OK()
                : leveldb::Status::IOError("the directory of the store cannot be synced");
}

class sticky_env::sticky_file : public leveldb::WritableFile {
public:
  sticky_file(sticky_env& env, leveldb::WritableFile* file, bool log)
      : env_(env), file_(file), log_(log), named_(log) {}
  ~sticky_file() override {
    if (!closed_) close();
  }

  leveldb::Status Append(const leveldb::Slice& data) override {
    unsynced_ = true;
    return step([&] { return file_->Append(data); });
  }
  leveldb::Status Flush() override {
    return step([&] { return file_->Flush(); });
  }
  leveldb::Status Sync() override { return sync(); }
  leveldb::Status Close() override { return close(); }

private:
  template<typename Operation>
  leveldb::Status step(Operation operation) {
    if (env_.failed()) return stopped();
    return env_.noted(operation());
  }

  leveldb::Status sync() {
    leveldb::Status status = step([&] { return file_->Sync(); });
    if (!status.ok()) return status;
    unsynced_ = false;
    // Sync the directory now: a manifest that names this new table may reach the disk before the
    // manifest itself is synced.
    if (named_) return status;
    named_ = true;
    return env_.synced_directory();
  }

  leveldb::Status close() {
    closed_ = true;
    leveldb::Status status{};
    if (log_ && unsynced_) status = sync();
    const bool was_stopped = env_.failed();
    const leveldb::Status closed = file_->Close();
    if (was_stopped) return stopped();
    return status.ok() ? env_.noted(closed) : status;
  }

  sticky_env& env_;
  std::unique_ptr<leveldb::WritableFile> file_;
  bool log_;
  bool named_; ///< the directory was synced since the file was made
  bool unsynced_ = false;
  bool closed_ = false;
};

sticky_env::sticky_env(leveldb::Env* base, hooks chosen)
    : leveldb::EnvWrapper(base), hooks_(std::move(chosen)) {
  take_spares();
}

sticky_env::~sticky_env() {
  while (give_up_spare()) {
  }
}

bool is_too_many_files(const leveldb::Status& status) {
  if (status.ok()) return false;
  const std::string text = status.ToString();
  return text.find(std::strerror(EMFILE)) != std::string::npos ||
         text.find(std::strerror(ENFILE)) != std::string::npos;
}

bool sticky_env::give_up_spare() {
  const checked_lock lock(spares_mutex_);
  if (spares_.empty()) return false;
  ::close(spares_.back());
  spares_.pop_back();
  lacks_spares_.store(true, std::memory_order_release);
  return true;
}

void sticky_env::take_spares() {
  const checked_lock lock(spares_mutex_);
  spares_.reserve(spare_files);
  while (spares_.size() < spare_files) {
    const int spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (spare < 0) break;
    spares_.push_back(spare);
  }
  lacks_spares_.store(spares_.size() < spare_files, std::memory_order_release);
}

/// Another thread may take the freed descriptor first, so each spare allows one retry.
template<typename Open>
leveldb::Status sticky_env::with_spares(Open open) {
  leveldb::Status opened = open();
  while (is_too_many_files(opened) && give_up_spare()) opened = open();
  if (opened.ok() && lacks_spares_.load(std::memory_order_acquire)) take_spares();
  return opened;
}

leveldb::Status sticky_env::NewSequentialFile(const std::string& name,
                                              leveldb::SequentialFile** file) {
  return with_spares([&] { return target()->NewSequentialFile(name, file); });
}

leveldb::Status sticky_env::NewRandomAccessFile(const std::string& name,
                                                leveldb::RandomAccessFile** file) {
  return with_spares([&] { return target()->NewRandomAccessFile(name, file); });
}

leveldb::Status sticky_env::noted(leveldb::Status status) {
  if (status.ok()) return status;
  {
    const checked_lock lock(failure_mutex_);
    if (failed()) return status;
    failure_ = status;
    failed_.store(true, std::memory_order_release);
  }
  if (hooks_.failed) hooks_.failed(status);
  return status;
}

leveldb::Status sticky_env::failure() const {
  const checked_lock lock(failure_mutex_);
  return failure_;
}

leveldb::Status sticky_env::synced_directory() {
  if (!hooks_.sync_directory) return leveldb::Status::OK();
  return noted(with_spares([this] { return hooks_.sync_directory(); }));
}

leveldb::Status sticky_env::wrap(const std::string& name, leveldb::Status opened,
                                 leveldb::WritableFile** file) {
  if (!noted(opened).ok()) return opened;
  const bool log = is_log(name);
  *file = new sticky_file(*this, *file, log); // LevelDB's interface takes ownership
  if (!log) return opened;
  leveldb::Status synced = synced_directory();
  if (!synced.ok()) {
    delete *file;
    *file = nullptr;
  }
  return synced;
}

leveldb::Status sticky_env::NewWritableFile(const std::string& name, leveldb::WritableFile** file) {
  *file = nullptr;
  if (failed()) return stopped();
  return wrap(name, with_spares([&] { return target()->NewWritableFile(name, file); }), file);
}

leveldb::Status sticky_env::NewAppendableFile(const std::string& name,
                                              leveldb::WritableFile** file) {
  *file = nullptr;
  if (failed()) return stopped();
  return wrap(name, with_spares([&] { return target()->NewAppendableFile(name, file); }), file);
}

leveldb::Status sticky_env::RenameFile(const std::string& from, const std::string& to) {
  if (failed()) return stopped();
  leveldb::Status renamed = noted(target()->RenameFile(from, to));
  // If this sync fails, the store stops, but the file already has its new name. If RenameFile
  // reported an error, LevelDB would assume the old name.
  if (renamed.ok()) synced_directory();
  return renamed;
}

leveldb::Status sticky_env::RemoveFile(const std::string& name) {
  // A failed removal is not a failure of the store: the file only takes space until the next start.
  return failed() ? stopped() : target()->RemoveFile(name);
}

} // namespace treadmill
