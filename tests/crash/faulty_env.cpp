#include "tests/crash/faulty_env.hpp"
#include <algorithm>
#include <cstring>
#include <thread>

namespace treadmill::test {
namespace {

using leveldb::Slice;
using leveldb::Status;

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

bool is_manifest(const std::string& path) { return base_name(path).rfind("MANIFEST", 0) == 0; }

Status broken() { return Status::IOError("the disk", "Input/output error"); }
Status full() { return Status::IOError("the disk", "No space left on device"); }
Status missing(const std::string& name) {
  return Status::NotFound(name, "No such file or directory");
}

size_t below(std::mt19937_64& random, size_t limit) {
  return std::uniform_int_distribution<size_t>(0, limit)(random);
}

} // namespace

class faulty_env::writer : public leveldb::WritableFile {
public:
  writer(faulty_env& env, std::string name, file_pointer file)
      : env_(env), name_(std::move(name)), file_(std::move(file)) {}

  Status Append(const Slice& bytes) override {
    const std::lock_guard lock(env_.mutex_);
    const verdict now = env_.count(call::append);
    const size_t size = now.done == verdict::extent::all    ? bytes.size()
                        : now.done == verdict::extent::half ? bytes.size() / 2
                                                            : 0;
    file_->data.append(bytes.data(), size);
    return now.status;
  }
  Status Flush() override { return Status::OK(); }
  Status Sync() override {
    const std::lock_guard lock(env_.mutex_);
    const verdict now = env_.count(call::sync);
    const bool complete = now.done == verdict::extent::all;
    if (complete && is_manifest(name_)) env_.names_are_durable();
    if (!env_.off_ || complete) env_.sync(*file_, complete);
    return now.status;
  }
  Status Close() override {
    const std::lock_guard lock(env_.mutex_);
    return env_.count(call::close).status;
  }

private:
  faulty_env& env_;
  std::string name_;
  file_pointer file_;
};

class faulty_env::sequential_reader : public leveldb::SequentialFile {
public:
  sequential_reader(faulty_env& env, file_pointer file) : env_(env), file_(std::move(file)) {}
  Status Read(size_t size, Slice* bytes, char* scratch) override {
    const std::lock_guard lock(env_.mutex_);
    const size_t there = std::min(size, file_->data.size() - std::min(at_, file_->data.size()));
    std::memcpy(scratch, file_->data.data() + at_, there);
    at_ += there;
    *bytes = Slice(scratch, there);
    return Status::OK();
  }
  Status Skip(uint64_t size) override {
    at_ += static_cast<size_t>(size);
    return Status::OK();
  }

private:
  faulty_env& env_;
  file_pointer file_;
  size_t at_ = 0;
};

class faulty_env::random_reader : public leveldb::RandomAccessFile {
public:
  random_reader(faulty_env& env, file_pointer file) : env_(env), file_(std::move(file)) {}
  Status Read(uint64_t offset, size_t size, Slice* bytes, char* scratch) const override {
    const std::lock_guard lock(env_.mutex_);
    const size_t at = std::min(static_cast<size_t>(offset), file_->data.size());
    const size_t there = std::min(size, file_->data.size() - at);
    std::memcpy(scratch, file_->data.data() + at, there);
    *bytes = Slice(scratch, there);
    return Status::OK();
  }

private:
  faulty_env& env_;
  file_pointer file_;
};

class faulty_env::held_lock : public leveldb::FileLock {
public:
  explicit held_lock(std::string held) : name(std::move(held)) {}
  const std::string name;
};

faulty_env::faulty_env() : leveldb::EnvWrapper(leveldb::Env::Default()) {}

// Faults
// -------------------------------------------------------------------------------------------------

void faulty_env::arm(uint64_t calls_from_now, fault what) {
  const std::lock_guard lock(mutex_);
  left_ = calls_from_now;
  one_kind_ = false;
  armed_ = what;
  fired_ = false;
}

void faulty_env::arm_at(call kind, uint64_t calls_from_now, fault what) {
  arm(calls_from_now, what);
  const std::lock_guard lock(mutex_);
  one_kind_ = true;
  kind_ = kind;
}

void faulty_env::disarm() {
  const std::lock_guard lock(mutex_);
  left_ = 0;
}

bool faulty_env::fired() const {
  const std::lock_guard lock(mutex_);
  return fired_;
}

faulty_env::call faulty_env::fired_at() const {
  const std::lock_guard lock(mutex_);
  return fired_at_;
}

void faulty_env::free_space() {
  const std::lock_guard lock(mutex_);
  full_ = false;
}

uint64_t faulty_env::counted() const {
  const std::lock_guard lock(mutex_);
  return counted_;
}

/// Precondition: the mutex is held, by whoever then does what the verdict says.
faulty_env::verdict faulty_env::count(call what) {
  using extent = verdict::extent;
  if (off_) return {broken(), extent::nothing};
  ++counted_;
  const bool counts = left_ > 0 && (!one_kind_ || what == kind_);
  if (!counts || --left_ > 0) {
    if (full_ && what == call::append) return {full(), extent::nothing};
    return {};
  }
  fired_ = true;
  fired_at_ = what;
  switch (armed_) {
  case fault::io_error: return {broken(), extent::nothing};
  case fault::disk_full: full_ = true; return {full(), extent::nothing};
  case fault::short_write: return {full(), what == call::append ? extent::half : extent::nothing};
  case fault::done_anyway: return {broken(), extent::all};
  case fault::power_off: off_ = true; return {broken(), extent::half};
  }
  return {broken(), extent::nothing};
}

/// Precondition: the mutex is held.
void faulty_env::sync(file_bytes& file, bool complete) {
  if (!complete) {
    if (file.durable.size() < file.data.size()) {
      file.forgotten.emplace_back(file.durable.size(), file.data.size());
    }
    return;
  }
  file.durable = file.data;
  for (const auto& [from, to] : file.forgotten) {
    std::fill(file.durable.begin() + static_cast<std::ptrdiff_t>(from),
              file.durable.begin() + static_cast<std::ptrdiff_t>(to), '\0');
  }
}

void faulty_env::apply(directory& names, const name_change& change) {
  if (!change.gone.empty()) names.erase(change.gone);
  if (!change.made.empty()) names[change.made] = change.file;
}

void faulty_env::change_name(name_change change) {
  apply(names_, change);
  pending_.push_back(std::move(change));
}

void faulty_env::names_are_durable() {
  for (const name_change& change : pending_) apply(durable_names_, change);
  pending_.clear();
}

bool faulty_env::sync_directory() {
  const std::lock_guard lock(mutex_);
  const verdict now = count(call::sync_directory);
  if (now.done == verdict::extent::all) names_are_durable();
  return now.status.ok();
}

// Crashes
// -------------------------------------------------------------------------------------------------

std::string faulty_env::after_crash(const file_bytes& file, std::mt19937_64& random) const {
  const std::string& durable = file.durable;
  std::string tail =
      file.data.size() > durable.size() ? file.data.substr(durable.size()) : std::string();
  if (tail.empty()) return durable;
  const size_t at = below(random, tail.size());
  switch (below(random, 5)) {
  case 0: break;                  // all reached the disk
  case 1: tail.clear(); break;    // nothing did
  case 2: tail.resize(at); break; // torn
  case 3: std::fill(tail.begin() + static_cast<std::ptrdiff_t>(at), tail.end(), '\0'); break;
  case 4: { // the size and later bytes did, some in between did not
    const size_t end = at + below(random, tail.size() - at);
    std::fill(tail.begin() + static_cast<std::ptrdiff_t>(at),
              tail.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    break;
  }
  default: // what lay there before
    for (size_t i = at; i < tail.size(); ++i) tail[i] = static_cast<char>(random());
  }
  return durable + tail;
}

void faulty_env::crash(std::mt19937_64& random) {
  const std::lock_guard lock(mutex_);
  const size_t kept = below(random, pending_.size());
  for (size_t i = 0; i < kept; ++i) apply(durable_names_, pending_[i]);
  pending_.clear();
  std::map<file_bytes*, file_pointer> restarted; // a file may have had two names
  for (auto& [name, file] : durable_names_) {
    file_pointer& fresh = restarted[file.get()];
    if (fresh == nullptr) {
      fresh = std::make_shared<file_bytes>();
      fresh->data = fresh->durable = after_crash(*file, random);
    }
    file = fresh;
  }
  names_ = durable_names_;
  locks_.clear();
  off_ = full_ = false;
  left_ = 0;
}

void faulty_env::crash_and_drop() {
  const std::lock_guard lock(mutex_);
  pending_.clear();
  for (auto& [name, file] : durable_names_) {
    auto fresh = std::make_shared<file_bytes>();
    fresh->data = fresh->durable = file->durable;
    file = std::move(fresh);
  }
  names_ = durable_names_;
  locks_.clear();
  off_ = full_ = false;
  left_ = 0;
}

std::string* faulty_env::bytes_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const file_pointer file = find(name);
  return file == nullptr ? nullptr : &file->data;
}

std::vector<std::string> faulty_env::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [name, file] : names_) all.push_back(name);
  return all;
}

// The Env
// -------------------------------------------------------------------------------------------------

faulty_env::file_pointer faulty_env::find(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second;
}

Status faulty_env::NewSequentialFile(const std::string& name, leveldb::SequentialFile** file) {
  const std::lock_guard lock(mutex_);
  *file = nullptr;
  file_pointer found = find(name);
  if (found == nullptr) return missing(name);
  *file = new sequential_reader(*this, std::move(found));
  return Status::OK();
}

Status faulty_env::NewRandomAccessFile(const std::string& name, leveldb::RandomAccessFile** file) {
  const std::lock_guard lock(mutex_);
  *file = nullptr;
  file_pointer found = find(name);
  if (found == nullptr) return missing(name);
  *file = new random_reader(*this, std::move(found));
  return Status::OK();
}

Status faulty_env::NewWritableFile(const std::string& name, leveldb::WritableFile** file) {
  const std::lock_guard lock(mutex_);
  *file = nullptr;
  const verdict now = count(call::create);
  if (now.done != verdict::extent::all) return now.status;
  auto made = std::make_shared<file_bytes>();
  change_name({{}, name, made});
  if (now.status.ok()) *file = new writer(*this, name, std::move(made));
  return now.status;
}

Status faulty_env::NewAppendableFile(const std::string& name, leveldb::WritableFile** file) {
  const std::lock_guard lock(mutex_);
  *file = nullptr;
  const verdict now = count(call::create);
  if (now.done != verdict::extent::all || !now.status.ok()) return now.status;
  file_pointer found = find(name);
  if (found == nullptr) {
    found = std::make_shared<file_bytes>();
    change_name({{}, name, found});
  }
  *file = new writer(*this, name, std::move(found));
  return Status::OK();
}

bool faulty_env::FileExists(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return find(name) != nullptr;
}

Status faulty_env::GetChildren(const std::string& path, std::vector<std::string>* names) {
  const std::lock_guard lock(mutex_);
  names->clear();
  const std::string prefix = path + "/";
  for (const auto& [name, file] : names_) {
    if (name.rfind(prefix, 0) == 0) names->push_back(name.substr(prefix.size()));
  }
  return Status::OK();
}

Status faulty_env::RemoveFile(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const verdict now = count(call::remove);
  if (now.done != verdict::extent::all) return now.status;
  if (find(name) == nullptr) return missing(name);
  change_name({name, {}, nullptr});
  return now.status;
}

Status faulty_env::CreateDir(const std::string&) { return Status::OK(); }
Status faulty_env::RemoveDir(const std::string&) { return Status::OK(); }

Status faulty_env::GetFileSize(const std::string& name, uint64_t* size) {
  const std::lock_guard lock(mutex_);
  const file_pointer found = find(name);
  if (found == nullptr) return missing(name);
  *size = found->data.size();
  return Status::OK();
}

Status faulty_env::RenameFile(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const verdict now = count(call::rename);
  if (now.done != verdict::extent::all) return now.status;
  const file_pointer found = find(from);
  if (found == nullptr) return missing(from);
  change_name({from, to, found});
  return now.status;
}

Status faulty_env::LockFile(const std::string& name, leveldb::FileLock** lock) {
  const std::lock_guard guard(mutex_);
  *lock = nullptr;
  if (!locks_.insert(name).second) return Status::IOError("lock " + name, "already held");
  *lock = new held_lock(name);
  return Status::OK();
}

Status faulty_env::UnlockFile(leveldb::FileLock* lock) {
  const std::lock_guard guard(mutex_);
  const std::unique_ptr<held_lock> held(static_cast<held_lock*>(lock));
  locks_.erase(held->name);
  return Status::OK();
}

void faulty_env::SleepForMicroseconds(int) { std::this_thread::yield(); }

} // namespace treadmill::test
