#include "net/client/backup.hpp"
#include "net/client/document_source.hpp"
#include "net/client/export_merge.hpp"
#include "net/client/node_answer.hpp"
#include "net/client/text_input.hpp"
#include "net/http/url.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace treadmill::http {

namespace {

constexpr std::string_view list_file = "backup.json";

tl::unexpected<error> file_failure(const std::string& path) {
  return fail(ec::io_error, path + ": " + std::strerror(errno));
}

std::string file_of(const std::string& directory, const std::string& bucket) {
  return directory + "/" + bucket + ".ndjson";
}

tl::unexpected<error> no_backup(const std::string& what) {
  return fail(ec::corrupt, what + ": this is not a complete backup");
}

export_facts facts_of(const rapidjson::Value& object) {
  return {text_of(object, "bucket"),    text_of(object, "log"),    text_of(object, "digest"),
          count_of(object, "last_seq"), count_of(object, "count"), count_of(object, "documents")};
}

/// Scans an export that arrives in pieces, and keeps its first and last lines.
class line_watcher {
public:
  void take(std::string_view piece) {
    if (!head_done_) {
      const size_t end = piece.find('\n');
      head_ += piece.substr(0, end);
      head_done_ = end != std::string_view::npos;
    }
    const size_t last = piece.rfind('\n');
    if (last == std::string_view::npos) {
      tail_ += piece;
      return;
    }
    // The last complete line begins after the line end before that one.
    const std::string_view whole = piece.substr(0, last);
    const size_t before = whole.rfind('\n');
    if (before == std::string_view::npos) {
      line_ = tail_ + std::string(whole);
    } else {
      line_ = whole.substr(before + 1);
    }
    tail_ = piece.substr(last + 1);
  }

  result<export_facts> facts() const {
    const auto head = parse_answer(head_);
    const auto last = parse_answer(line_);
    if (!head || !last || !tail_.empty() || !last->HasMember("count") || !head->HasMember("digest"))
      return fail(ec::io_error, "the export did not come to its end");
    export_facts all = facts_of(*head);
    all.count = count_of(*last, "count");
    return all;
  }

private:
  std::string head_{};
  bool head_done_ = false;
  std::string line_{}; ///< the last complete one
  std::string tail_{}; ///< the bytes after it
};

/// A file that is written completely, or removed. Never replaces a file: an existing one is an
/// error.
class new_file {
public:
  explicit new_file(std::string path)
      : path_(std::move(path)),
        fd_(::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600)) {
    if (fd_ < 0) failed();
  }
  ~new_file() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;

  bool write(std::string_view bytes) {
    while (fd_ >= 0 && !bytes.empty()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return failed();
      bytes.remove_prefix(static_cast<size_t>(done));
    }
    return fd_ >= 0;
  }
  bool finish() {
    if (fd_ < 0) return false;
    if (::fsync(fd_) != 0) return failed();
    return ::close(std::exchange(fd_, -1)) == 0 || failed();
  }
  /// The error of the first call that failed.
  tl::unexpected<error> failure() const {
    return fail(ec::io_error, path_ + ": " + std::strerror(problem_));
  }

private:
  bool failed() {
    if (problem_ == 0) problem_ = errno;
    return false;
  }
  std::string path_;
  int fd_;
  int problem_ = 0;
};

/// The files of an unfinished backup. The destructor removes them, unless `keep` was called.
class unfinished_files {
public:
  unfinished_files() = default;
  ~unfinished_files() {
    for (const std::string& path : paths_) ::unlink(path.c_str());
  }
  unfinished_files(const unfinished_files&) = delete;
  unfinished_files& operator=(const unfinished_files&) = delete;
  void add(std::string path) { paths_.push_back(std::move(path)); }
  void keep() { paths_.clear(); }

private:
  std::vector<std::string> paths_{};
};

/// Refuses a path that exists: without a list the file is not part of a backup.
result<void> check_new(const std::string& path) {
  std::error_code failure;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, failure))) return {};
  return fail(ec::conflict, path + " exists already, and belongs to no complete backup: choose a "
                                   "new directory, or remove the file");
}

bool sync_folder(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced;
}

std::string list_text(const std::vector<export_facts>& all) {
  std::string text = R"({"backup":1,"buckets":[)";
  for (const export_facts& one : all)
    text += (&one == &all.front() ? "\n" : ",\n") + facts_json(one);
  return text + "\n]}\n";
}

result<std::vector<export_facts>> read_list(const std::string& directory) {
  const std::string path = directory + "/" + std::string(list_file);
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return no_backup(path + " cannot be read");
  const auto read = parse_answer(text);
  const rapidjson::Value* listed = read ? list_of(*read, "buckets") : nullptr;
  if (listed == nullptr || count_of(*read, "backup") != 1)
    return no_backup(path + " is not the list of a backup that this version reads");
  std::vector<export_facts> all;
  for (const auto& one : listed->GetArray()) {
    // The name becomes a part of a path, so accept only a valid bucket name.
    if (!one.IsObject() || !check_bucket_name(text_of(one, "bucket"))) return no_backup(path);
    all.push_back(facts_of(one));
  }
  return all;
}

/// Restores one bucket. Its file has to be the one that `backup.json` lists.
result<void> restore_one(node_client& node, const std::string& path, const export_facts& expected) {
  const auto file = file_source::open(path);
  if (!file) return no_backup(path + " cannot be read: " + file.error().reason);
  const auto unpacked = open_text(**file);
  if (!unpacked) return no_backup(path + ": " + unpacked.error().reason);
  text_window text(**unpacked);
  if (const auto begun = format_of(text); !begun) return tl::unexpected(begun.error());
  const auto lines = open_lines(text, {});
  source_document head;
  const auto there = lines->next(head);
  if (!there) return tl::unexpected(there.error());
  const auto read = parse_answer(head.text);
  const export_facts found = read ? facts_of(*read) : export_facts();
  if (!is_export_head(head.text) || found.bucket != expected.bucket || found.log != expected.log ||
      found.last_seq != expected.last_seq || found.digest != expected.digest)
    return no_backup(path + " is not the export that " + std::string(list_file) + " means");
  merge_options how;
  how.bucket = expected.bucket;
  const auto merged = merge_export(node, *lines, how);
  if (!merged) return fail(merged.error().code, path + ": " + merged.error().reason);
  return {};
}

result<void> compare_digest(node_client& node, const export_facts& expected) {
  const auto shown = node.get("/" + expected.bucket);
  if (!shown) return tl::unexpected(shown.error());
  const auto read = parse_answer(*shown);
  if (read && text_of(*read, "digest") == expected.digest) return {};
  return fail(ec::corrupt, "the digest of the restored bucket " + expected.bucket +
                               " is not that of the backup: it was written to meanwhile, or the "
                               "files were changed");
}

} // namespace

std::string facts_json(const export_facts& facts) {
  std::string text = R"({"bucket":)";
  append_json_string(text, facts.bucket);
  return text + R"(,"log":")" + facts.log + R"(","digest":")" + facts.digest + R"(","last_seq":)" +
         std::to_string(facts.last_seq) + R"(,"count":)" + std::to_string(facts.count) +
         R"(,"documents":)" + std::to_string(facts.documents) + "}";
}

result<export_facts> export_bucket(node_client& node, const std::string& bucket, uint64_t since,
                                   const std::string& log,
                                   const std::function<bool(std::string_view)>& piece) {
  line_watcher watcher;
  const std::string path = "/" + percent_encode(bucket) + "/_export?since=" + std::to_string(since);
  std::string held; // bytes kept until the first line shows whether the log is the right one
  bool right = log.empty();
  const auto read = node.get(path, [&](std::string_view bytes) {
    watcher.take(bytes);
    if (right) return piece(bytes);
    held += bytes;
    const size_t end = held.find('\n');
    if (end == std::string::npos) return true;
    const auto head = parse_answer(held.substr(0, end));
    right = head && text_of(*head, "log") == log;
    return right && piece(std::exchange(held, {}));
  });
  if (!held.empty() && !right)
    return fail(ec::conflict, "the bucket was dropped and made anew: its log is another one, and "
                              "what changed since then is not known (export it whole)");
  if (!read) return tl::unexpected(read.error());
  return watcher.facts();
}

result<std::vector<export_facts>> back_up(node_client& node, const std::string& directory,
                                          const backup_progress& progress) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) return fail(ec::io_error, directory + ": " + failure.message());
  const std::string list = directory + "/" + std::string(list_file);
  if (std::filesystem::exists(list, failure))
    return fail(ec::conflict, "there is a backup in " + directory + " already");
  const auto names = buckets_of(node);
  if (!names) return tl::unexpected(names.error());
  // Rename the list to its final name last: after a crash a partial list would look like a corrupt
  // backup, and block the next one.
  const std::string made_list = list + ".new";
  if (auto free = check_new(made_list); !free) return tl::unexpected(free.error());
  for (const std::string& name : *names)
    if (auto free = check_new(file_of(directory, name)); !free) return tl::unexpected(free.error());
  unfinished_files made;
  std::vector<export_facts> all;
  for (const std::string& name : *names) {
    const std::string path = file_of(directory, name);
    new_file file(path);
    bool written = true;
    const auto facts = export_bucket(
        node, name, 0, {}, [&](std::string_view bytes) { return written = file.write(bytes); });
    if (!written) return file.failure();
    if (!facts && facts.error().code == ec::not_found) continue; // dropped meanwhile
    if (!facts) return tl::unexpected(facts.error());
    if (!file.finish()) return file.failure();
    made.add(path);
    all.push_back(*facts);
    progress(*facts, all.size(), names->size());
  }
  new_file file(made_list);
  if (!file.write(list_text(all)) || !file.finish()) return file.failure();
  made.add(made_list);
  if (::rename(made_list.c_str(), list.c_str()) != 0) return file_failure(list);
  made.add(list);
  if (!sync_folder(directory)) return file_failure(directory);
  made.keep();
  return all;
}

result<std::vector<export_facts>> restore(node_client& node, const std::string& directory,
                                          bool merge, const backup_progress& progress) {
  auto all = read_list(directory);
  if (!all) return all;
  const auto there = buckets_of(node);
  if (!there) return tl::unexpected(there.error());
  for (const export_facts& one : *all)
    for (const std::string& name : *there)
      if (!merge && name == one.bucket)
        return fail(ec::conflict,
                    "the node has a bucket " + name + " already (--merge adds to what is there)");
  size_t done = 0;
  for (const export_facts& one : *all) {
    auto restored = restore_one(node, file_of(directory, one.bucket), one);
    if (!restored) return tl::unexpected(restored.error());
    if (!merge)
      if (auto equal = compare_digest(node, one); !equal) return tl::unexpected(equal.error());
    progress(one, ++done, all->size());
  }
  return all;
}

} // namespace treadmill::http
