#include "net/backup.hpp"
#include "net/node_answer.hpp"
#include "storage/json.hpp"
#include "storage/names.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace treadmill::http {

namespace {

/// Bytes of one request of a restore: small beside what a node takes.
constexpr size_t request_bytes = 1024 * 1024;
constexpr size_t request_lines = 2000;
constexpr std::string_view list_file = "backup.json";

tl::unexpected<error> file_failure(const std::string& path) {
  return fail(ec::io_error, path + ": " + std::strerror(errno));
}

std::string file_of(const std::string& directory, const std::string& bucket) {
  return directory + "/" + bucket + ".ndjson";
}

tl::unexpected<error> no_backup(const std::string& what) {
  return fail(ec::corrupt, what + ": this is no whole backup");
}

export_facts facts_of(const rapidjson::Value& object) {
  return {text_of(object, "bucket"),    text_of(object, "log"),    text_of(object, "digest"),
          count_of(object, "last_seq"), count_of(object, "count"), count_of(object, "documents")};
}

/// Follows the lines of an export that comes in pieces: keeps the first one and the last one.
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
    // The last whole line begins after the line end before that.
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
  std::string line_{}; ///< the last whole one
  std::string tail_{}; ///< what came after it
};

/// A file that is written as a whole, or is not there.
class new_file {
public:
  explicit new_file(std::string path)
      : path_(std::move(path)),
        fd_(::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600)) {}
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
      if (done < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(done));
    }
    return fd_ >= 0;
  }
  bool finish() {
    if (fd_ < 0 || ::fsync(fd_) != 0) return false;
    return ::close(std::exchange(fd_, -1)) == 0;
  }

private:
  std::string path_;
  int fd_;
};

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
    // What becomes a path is a bucket's name and nothing else.
    if (!one.IsObject() || !check_bucket_name(text_of(one, "bucket"))) return no_backup(path);
    all.push_back(facts_of(one));
  }
  return all;
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
                                   const std::function<bool(std::string_view)>& piece) {
  line_watcher watcher;
  const auto read = node.get("/" + bucket + "/_export?since=" + std::to_string(since),
                             [&](std::string_view bytes) {
                               watcher.take(bytes);
                               return piece(bytes);
                             });
  if (!read) return tl::unexpected(read.error());
  return watcher.facts();
}

bool is_export_head(std::string_view line) {
  if (!line.starts_with(R"({"bucket":")")) return false;
  for (const std::string_view member :
       {R"(","log":")", R"(","since":)", R"(,"last_seq":)", R"(,"digest":")"})
    if (line.find(member) == std::string_view::npos) return false;
  return true;
}

result<uint64_t> import_lines(node_client& node, const std::string& bucket, std::istream& lines) {
  std::string request;
  std::string line;
  uint64_t count = 0;
  size_t waiting = 0;
  const auto send = [&]() -> result<void> {
    if (request.empty()) return {};
    auto merged = node.post("/" + bucket + "/_import", request, "application/x-ndjson");
    if (!merged) return tl::unexpected(merged.error());
    request.clear();
    waiting = 0;
    return {};
  };
  std::string last;
  while (std::getline(lines, line)) {
    if (line.starts_with(R"({"id":)")) {
      ++count;
      ++waiting;
      request += line;
      request += '\n';
    }
    last = std::move(line);
    if (request.size() < request_bytes && waiting < request_lines) continue;
    if (auto sent = send(); !sent) return tl::unexpected(sent.error());
  }
  if (last != R"({"count":)" + std::to_string(count) + "}")
    return fail(ec::corrupt, "the export does not come to its end");
  if (auto sent = send(); !sent) return tl::unexpected(sent.error());
  return count;
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
  std::vector<export_facts> all;
  for (const std::string& name : *names) {
    const std::string path = file_of(directory, name);
    new_file file(path);
    bool written = true;
    const auto facts = export_bucket(
        node, name, 0, [&](std::string_view bytes) { return written = file.write(bytes); });
    if (!written) return file_failure(path);
    if (!facts && facts.error().code == ec::not_found) continue; // dropped meanwhile
    if (!facts) return tl::unexpected(facts.error());
    if (!file.finish()) return file_failure(path);
    all.push_back(*facts);
    progress(*facts, all.size(), names->size());
  }
  new_file file(list);
  if (!file.write(list_text(all)) || !file.finish() || !sync_folder(directory))
    return file_failure(list);
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
        return fail(ec::conflict, "the node has a bucket " + name + " already");
  size_t done = 0;
  for (const export_facts& one : *all) {
    const std::string path = file_of(directory, one.bucket);
    std::ifstream file(path, std::ios::binary);
    if (!file) return no_backup(path + " cannot be read");
    const auto sent = import_lines(node, one.bucket, file);
    if (!sent) return tl::unexpected(sent.error());
    if (*sent == 0)
      if (auto made = node.put("/" + one.bucket); !made) return tl::unexpected(made.error());
    if (!merge)
      if (auto equal = compare_digest(node, one); !equal) return tl::unexpected(equal.error());
    progress(one, ++done, all->size());
  }
  return all;
}

} // namespace treadmill::http
