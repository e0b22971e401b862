#include "storage/engine/store_files.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/log_check.hpp"
#include "storage/engine/manifest.hpp"
#include <algorithm>
#include <charconv>
#include <leveldb/env.h>
#include <memory>

namespace treadmill {
namespace {

constexpr std::string_view what_to_do =
    ": restore the directory from a backup, or move it away to start empty";
constexpr std::string_view manifest_prefix = "MANIFEST-";
constexpr std::string_view repaired = ".repaired";
constexpr size_t commit_header = 12; // in LevelDB: sequence 8 bytes, count 4

tl::unexpected<error> damage(const std::string& what) {
  return fail(ec::corrupt, what + std::string(what_to_do));
}

bool ends_with(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

/// A LevelDB file with a number in its name.
struct numbered {
  enum class kind { other, log, table, manifest, temporary };
  kind what = kind::other;
  uint64_t number = 0;
};

numbered parse_name(std::string_view name) {
  numbered file;
  auto what = numbered::kind::other;
  std::string_view digits = name.substr(0, name.find('.'));
  if (name.substr(0, manifest_prefix.size()) == manifest_prefix) {
    what = numbered::kind::manifest;
    digits = name.substr(manifest_prefix.size());
  } else if (const std::string_view tail = name.substr(digits.size()); tail == ".log") {
    what = numbered::kind::log;
  } else if (tail == ".ldb" || tail == ".sst") {
    what = numbered::kind::table;
  } else if (tail == ".dbtmp") {
    what = numbered::kind::temporary;
  }
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), file.number);
  const bool all_digits =
      !digits.empty() && parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
  file.what = all_digits ? what : numbered::kind::other;
  return file;
}

uint64_t fixed(std::string_view bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

/// Reads the files of one store.
class reader {
public:
  reader(leveldb::Env& env, const std::string& directory) : env_(env), directory_(directory) {}

  result<std::vector<std::string>> names() const {
    std::vector<std::string> found;
    if (const auto listed = env_.GetChildren(directory_, &found); !listed.ok()) {
      return fail(ec::io_error, "the data directory cannot be read: " + listed.ToString());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  result<std::string> read(const std::string& name) const {
    std::string bytes;
    const leveldb::Status status = leveldb::ReadFileToString(&env_, path(name), &bytes);
    if (status.ok()) return bytes;
    if (status.IsNotFound()) return damage("the file " + name + " is missing");
    return fail(ec::io_error, "the file " + name + " cannot be read: " + status.ToString());
  }

  uint64_t size(const std::string& name) const {
    uint64_t bytes = 0;
    return env_.GetFileSize(path(name), &bytes).ok() ? bytes : 0;
  }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  leveldb::Env& env() const { return env_; }

private:
  leveldb::Env& env_;
  const std::string& directory_;
};

/// The name of the manifest that CURRENT refers to.
result<std::string> current_manifest(const reader& files) {
  auto current = files.read("CURRENT");
  if (!current) return current;
  if (current->empty() || current->back() != '\n') return damage("the file CURRENT is damaged");
  current->pop_back();
  if (parse_name(*current).what != numbered::kind::manifest) {
    return damage("the file CURRENT is damaged");
  }
  return current;
}

struct manifest_file {
  std::string bytes{};
  log_state state{};
  manifest says{};
};

result<manifest_file> read_manifest(const reader& files, const std::string& name) {
  auto bytes = files.read(name);
  if (!bytes) return tl::unexpected(bytes.error());
  manifest_file file;
  file.bytes = std::move(*bytes);
  log_commits edits;
  edits.next = [&](std::string_view edit) { return file.says.apply(edit); };
  file.state = check_log(file.bytes, edits);
  if (file.state.what == log_state::kind::damaged || !file.says.complete) {
    return damage("the file " + name + " is damaged at byte " +
                  std::to_string(file.state.broken_at));
  }
  return file;
}

/// True for a table that was created after the manifest and that the manifest never named: no state
/// of this manifest on disk needs it, and no older manifest does.
bool never_needed(uint64_t table, uint64_t manifest_number, const manifest& says) {
  return table > manifest_number && says.tables.count(table) == 0 &&
         says.former_tables.count(table) == 0;
}

/// Finds the files that the manifest needs, and the files that no manifest state can need.
result<store_files> sort_files(const reader& files, const std::vector<std::string>& names,
                               const std::string& manifest_name, const manifest& says) {
  store_files sorted;
  sorted.manifest = manifest_name;
  sorted.last_sequence = says.last_sequence;
  const uint64_t manifest_number = parse_name(manifest_name).number;
  std::set<uint64_t> missing = says.tables;
  bool first_log = says.log_number == 0; // there was no log when the manifest was created
  std::vector<std::pair<uint64_t, std::string>> logs;
  for (const std::string& name : names) {
    const numbered file = parse_name(name);
    bool left_over = false;
    if (file.what == numbered::kind::log) {
      if (file.number >= says.log_number ||
          (says.previous_log != 0 && file.number == says.previous_log)) {
        logs.emplace_back(file.number, name);
      }
      first_log = first_log || file.number == says.log_number;
    } else if (file.what == numbered::kind::table) {
      missing.erase(file.number);
      left_over = never_needed(file.number, manifest_number, says);
    } else {
      left_over = file.what == numbered::kind::temporary || ends_with(name, repaired);
    }
    if (left_over) {
      sorted.leftover.push_back(name);
      sorted.leftover_bytes += files.size(name);
    }
  }
  if (!missing.empty()) {
    return damage("a table (*.ldb, number " + std::to_string(*missing.begin()) + ") is missing");
  }
  if (!first_log) {
    return damage("a log (*.log, number " + std::to_string(says.log_number) + ") is missing");
  }
  std::sort(logs.begin(), logs.end());
  for (const auto& [number, name] : logs) {
    sorted.log_bytes += files.size(name);
    sorted.logs.push_back(name);
  }
  return sorted;
}

/// A directory without CURRENT: it never held a store, or CURRENT was lost.
result<store_files> without_current(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const numbered::kind what = parse_name(name).what;
    if (what == numbered::kind::log || what == numbered::kind::table) {
      return damage("the file CURRENT is missing, but there is data");
    }
  }
  return store_files{};
}

struct looked {
  store_files files{};
  manifest_file manifest{};
};

result<looked> look(const reader& files) {
  auto names = files.names();
  if (!names) return tl::unexpected(names.error());
  if (std::find(names->begin(), names->end(), "CURRENT") == names->end()) {
    auto none = without_current(*names);
    if (!none) return tl::unexpected(none.error());
    return looked{std::move(*none), {}};
  }
  auto name = current_manifest(files);
  if (!name) return tl::unexpected(name.error());
  auto manifest = read_manifest(files, *name);
  if (!manifest) return tl::unexpected(manifest.error());
  auto sorted = sort_files(files, *names, *name, manifest->says);
  if (!sorted) return tl::unexpected(sorted.error());
  return looked{std::move(*sorted), std::move(*manifest)};
}

struct broken_file {
  std::string name{};
  std::string bytes{};
  log_state state{};
};

/// Cuts off the torn end of a file. A file whose last commit is incomplete stays unchanged: LevelDB
/// ignores that commit.
result<void> cut(const reader& files, const broken_file& file,
                 const std::function<void(const std::string&)>& warn) {
  const std::string_view intact(file.bytes.data(), file.state.intact_bytes);
  const std::string lost = std::to_string(file.bytes.size() - intact.size());
  if (file.state.what == log_state::kind::torn) {
    auto done = replace_file(files.env(), files.path(file.name), intact);
    if (!done) return done;
  }
  warn("the file " + file.name + " had a torn end: " + lost +
       " bytes of writes that were never synced were cut off");
  return {};
}

/// Checks the numbers of writes: LevelDB numbers them without gaps across all logs.
class write_numbers {
public:
  explicit write_numbers(uint64_t known) : known_(known) {}

  bool follow(std::string_view commit) {
    if (commit.size() < commit_header) return false;
    const uint64_t first = fixed(commit, 8);
    const bool fits = next_ == 0 ? first <= known_ + 1 : first == next_;
    next_ = first + fixed(commit.substr(8), 4);
    return fits;
  }

private:
  uint64_t known_; ///< the last number that the tables may hold
  uint64_t next_ = 0;
};

tl::unexpected<error> damaged_log(const std::string& name, const log_state& state) {
  return damage("the log " + name + " is damaged at byte " + std::to_string(state.broken_at) +
                ", and acknowledged writes follow the damage");
}

/// Checks all logs together. Returns the logs whose end must be cut off.
result<std::vector<broken_file>> check_logs(const reader& files, const store_files& found) {
  write_numbers numbers(found.last_sequence);
  std::vector<broken_file> broken;
  for (const std::string& name : found.logs) {
    auto bytes = files.read(name);
    if (!bytes) return tl::unexpected(bytes.error());
    bool any = false;
    bool gap = false;
    log_commits commits;
    commits.next = [&](std::string_view commit) {
      any = true;
      gap = !numbers.follow(commit);
      return !gap;
    };
    commits.follows_sync = [](std::string_view beginning) {
      const std::string_view mark = unsynced_mark();
      return beginning.substr(std::min(beginning.size(), commit_header), mark.size()) != mark;
    };
    const log_state state = check_log(*bytes, commits);
    // sticky_env syncs a log before LevelDB writes to the next one, so a broken end followed by
    // commits is damage.
    if (any && !broken.empty()) return damaged_log(broken.front().name, broken.front().state);
    if (gap) {
      return damage("acknowledged writes are missing before byte " +
                    std::to_string(state.broken_at) + " of the log " + name);
    }
    if (state.what == log_state::kind::damaged) return damaged_log(name, state);
    if (state.what != log_state::kind::whole) broken.push_back({name, std::move(*bytes), state});
  }
  return broken;
}

} // namespace

std::string_view unsynced_mark() {
  static const std::string mark = [] {
    const std::string key = keys::meta("unsynced");
    return std::string(1, '\0') + static_cast<char>(key.size()) + key; // LevelDB's deletion
  }();
  return mark;
}

result<void> replace_file(leveldb::Env& env, const std::string& path, std::string_view bytes) {
  const std::string made = path + std::string(repaired);
  leveldb::WritableFile* opened = nullptr;
  leveldb::Status status = env.NewWritableFile(made, &opened);
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  if (status.ok()) status = file->Append({bytes.data(), bytes.size()});
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  if (status.ok()) status = env.RenameFile(made, path);
  if (status.ok()) return {};
  env.RemoveFile(made);
  return fail(ec::io_error, "a file of the store cannot be written: " + status.ToString());
}

result<store_files> look_at_files(leveldb::Env& env, const std::string& directory) {
  auto found = look(reader(env, directory));
  if (!found) return tl::unexpected(found.error());
  return std::move(found->files);
}

result<store_files> repair_files(leveldb::Env& env, const std::string& directory,
                                 const std::function<void(const std::string&)>& warn) {
  const reader files(env, directory);
  auto found = look(files);
  if (!found) return tl::unexpected(found.error());
  if (found->files.manifest.empty()) return std::move(found->files);
  auto broken = check_logs(files, found->files);
  if (!broken) return tl::unexpected(broken.error());
  manifest_file& manifest = found->manifest;
  if (manifest.state.what != log_state::kind::whole) {
    broken->push_back({found->files.manifest, std::move(manifest.bytes), manifest.state});
  }
  // Remove these files first, so that a full disk has room for the rest.
  for (const std::string& name : found->files.leftover) env.RemoveFile(files.path(name));
  for (const broken_file& file : *broken) {
    if (auto done = cut(files, file, warn); !done) return tl::unexpected(done.error());
  }
  return std::move(found->files);
}

} // namespace treadmill
