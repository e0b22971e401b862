#include "storage/documents/names.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/row_batch_impl.hpp"
#include "storage/engine/store_files.hpp"
#include "storage/engine/store_impl.hpp"
#include <algorithm>
#include <filesystem>

namespace treadmill {
namespace {

constexpr int bloom_bits = 10;

// The file FORMAT is one line.
constexpr std::string_view format_name = "/FORMAT";
constexpr std::string_view format_begin = "treadmill store, format ";
constexpr std::string_view format_middle = ", node ";

/// LevelDB removes this file at its next start if the process ends before it does.
constexpr std::string_view probe_name = "/000000.dbtmp";

std::string format_line(std::string_view version, std::string_view node_id) {
  std::string line(format_begin);
  line.append(version).append(format_middle).append(node_id).append("\n");
  return line;
}

bool is_read(std::string_view version) {
  return version == format_version || version == upgraded_format;
}

tl::unexpected<error> wrong_format(std::string_view found) {
  return fail(ec::io_error, "the store has format " + std::string(found) +
                                ", and this version reads the formats " +
                                std::string(upgraded_format) + " and " +
                                std::string(format_version) + ": use the version that wrote it");
}

bool is_full(const leveldb::Status& status) {
  const std::string text = status.ToString();
  return text.find("No space left") != std::string::npos ||
         text.find("quota exceeded") != std::string::npos;
}

tl::unexpected<error> open_failure(const leveldb::Status& status) {
  if (status.IsCorruption() || status.IsInvalidArgument() || status.IsNotFound()) {
    return fail(ec::corrupt, "the store is damaged (" + status.ToString() +
                                 "): restore the directory from a backup, or move it away to "
                                 "start empty");
  }
  if (is_full(status)) {
    return fail(ec::disk_full, "the disk is too full to open the store: free some space (" +
                                   status.ToString() + ")");
  }
  return fail(ec::io_error, "the store cannot be opened: " + status.ToString());
}

/// Writes that many bytes to a file, syncs it, and removes it.
leveldb::Status try_to_write(leveldb::Env& env, const std::string& path, uint64_t bytes) {
  const std::string chunk(64 * defaults::kibibyte, '\0');
  leveldb::WritableFile* opened = nullptr;
  leveldb::Status status = env.NewWritableFile(path, &opened);
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  for (uint64_t done = 0; status.ok() && done < bytes; done += chunk.size()) {
    status = file->Append(chunk);
  }
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  env.RemoveFile(path);
  return status;
}

} // namespace

store::impl::impl(store_options chosen)
    : options(std::move(chosen)),
      base(options.env != nullptr ? options.env : leveldb::Env::Default()),
      filter(leveldb::NewBloomFilterPolicy(bloom_bits)) {}

store::impl::~impl() {
  release_synced();
  close_database(); // before the unlock: no other process may open the directory earlier
  if (lock != nullptr) base->UnlockFile(lock);
}

result<void> store::impl::open() {
  auto done = prepare_directory();
  if (done) done = lock_directory();
  if (done) done = read_format_file();
  if (done) done = open_database(!format.there);
  if (done) done = read_facts();
  if (done) done = read_catalogue();
  if (done) done = count_claims();
  if (done) done = upgrade_format();
  if (done && format.version != format_version) done = write_format_file();
  return done;
}

result<void> store::impl::prepare_directory() {
  if (options.env != nullptr) {
    base->CreateDir(options.directory); // it may exist; the next steps check if it is usable
    return {};
  }
  std::error_code failure;
  std::filesystem::create_directories(options.directory, failure);
  if (!failure) {
    // All spellings of a directory must lead to the same lock.
    const std::filesystem::path whole =
        std::filesystem::canonical(std::filesystem::path(options.directory), failure);
    if (!failure) options.directory = whole.string();
  }
  if (failure) {
    return fail(ec::io_error, "the data directory cannot be made: " + failure.message());
  }
  return {};
}

result<void> store::impl::lock_directory() {
  const leveldb::Status locked = base->LockFile(options.directory + "/NODE-LOCK", &lock);
  if (locked.ok()) return {};
  return fail(ec::io_error, "the data directory is in use by another node, or cannot be written: "
                            "one node owns one data directory (" +
                                locked.ToString() + ")");
}

/// Reads FORMAT before LevelDB writes anything. The file distinguishes a directory that lost its
/// data from a new one.
result<void> store::impl::read_format_file() {
  std::string line;
  std::vector<std::string> names;
  leveldb::Status status = base->GetChildren(options.directory, &names);
  if (status.ok() && std::find(names.begin(), names.end(), format_name.substr(1)) == names.end()) {
    return {};
  }
  if (status.ok()) {
    status = leveldb::ReadFileToString(base, options.directory + std::string(format_name), &line);
  }
  if (!status.ok()) {
    return fail(ec::io_error, "the data directory cannot be read: " + status.ToString());
  }
  const size_t middle = line.find(format_middle);
  if (line.compare(0, format_begin.size(), format_begin) == 0 && middle != std::string::npos) {
    format.there = true;
    format.version = line.substr(format_begin.size(), middle - format_begin.size());
    format.node_id = line.substr(middle + format_middle.size());
    if (!format.node_id.empty()) format.node_id.pop_back();
  }
  if (line != format_line(format.version, format.node_id)) {
    return fail(ec::corrupt, "the file FORMAT is damaged: restore the directory from a backup, or "
                             "move it away to start empty");
  }
  if (!is_read(format.version)) return wrong_format(format.version);
  return {};
}

result<void> store::impl::write_format_file() {
  format = {true, std::string(format_version), node_id};
  return replace_file(*env, options.directory + std::string(format_name),
                      format_line(format.version, format.node_id));
}

void store::impl::note_failure(const leveldb::Status& status) {
  if (failed.exchange(true)) return;
  failures.fetch_add(1, std::memory_order_acq_rel);
  lacks_files.store(is_too_many_files(status), std::memory_order_release);
  warn("a write failed, so the store only reads until it is reopened: " + status.ToString());
}

result<void> store::impl::open_database(bool may_create) {
  sticky_env::hooks hooks;
  hooks.failed = [this](const leveldb::Status& status) { note_failure(status); };
  if (options.sync_directory) {
    hooks.sync_directory = [this] {
      return options.sync_directory()
                 ? leveldb::Status::OK()
                 : leveldb::Status::IOError("the directory of the store cannot be synced");
    };
  } else if (options.env == nullptr) {
    hooks.sync_directory = [this] { return sync_directory(options.directory); };
  }
  env = std::make_unique<sticky_env>(base, std::move(hooks));
  auto files =
      repair_files(*env, options.directory, [this](const std::string& text) { warn(text); });
  if (!files) return tl::unexpected(files.error());
  const bool create = files->manifest.empty();
  if (create && !may_create) {
    return fail(ec::corrupt, "the data directory held a store, and its data is gone: restore the "
                             "directory from a backup, or move it away to start empty");
  }
  return open_leveldb(create);
}

result<void> store::impl::open_leveldb(bool create) {
  leveldb::Options chosen;
  chosen.env = env.get();
  chosen.create_if_missing = create;
  chosen.paranoid_checks = true;
  chosen.info_log = &logger;
  chosen.write_buffer_size = options.write_buffer_bytes;
  chosen.filter_policy = filter.get();
  cache.reset(leveldb::NewLRUCache(options.block_cache_bytes));
  chosen.block_cache = cache.get();
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(chosen, options.directory, &opened);
  if (!status.ok()) return open_failure(status);
  db.reset(opened);
  return {};
}

/// Handles a database without its first facts: it is new, its process ended right after creating
/// it, or it is not a Treadmill store.
result<void> store::impl::read_first_facts() {
  const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator(leveldb::ReadOptions()));
  rows->SeekToFirst();
  if (!rows->status().ok()) return read_failure(rows->status());
  if (rows->Valid()) {
    return fail(ec::io_error, "this is a LevelDB database, but not one of Treadmill's");
  }
  if (format.there) {
    return fail(ec::corrupt, "the store has lost all its data: restore the directory from a "
                             "backup, or move it away to start empty");
  }
  node_id = make_document_id();
  row_batch facts;
  facts.put(keys::meta("format"), format_version);
  facts.put(keys::meta("node"), node_id);
  facts.put(keys::meta(keys::claims_counted), "");
  return write(facts, true);
}

result<void> store::impl::read_facts() {
  auto version = read(keys::meta("format"), nullptr);
  if (!version) return tl::unexpected(version.error());
  if (!*version) return read_first_facts();
  if (!is_read(**version)) return wrong_format(**version);
  // An upgrade rewrites FORMAT last, so the file is never ahead of the database.
  if (format.version == format_version && **version != format_version) {
    return fail(ec::corrupt, "the file FORMAT is of a later state than the database: restore the "
                             "directory from one backup");
  }
  auto node = read(keys::meta("node"), nullptr);
  if (!node) return tl::unexpected(node.error());
  if (!*node) return fail(ec::corrupt, "the store has lost its node id");
  if (format.there && format.node_id != **node) {
    return fail(ec::corrupt, "the file FORMAT belongs to another store: restore the directory "
                             "from one backup");
  }
  if (node_id.empty()) node_id = **node; // any thread may hold a reference to it
  if (node_id == **node) return {};
  return fail(ec::corrupt, "the store has another node id than before it was reopened");
}

result<void> store::impl::read_catalogue() {
  std::map<std::string, bucket_info, std::less<>> found;
  std::set<uint32_t> numbers;
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator(checked));
  const std::string end = keys::catalogue_end();
  for (rows->Seek(keys::catalogue("")); rows->Valid() && view(rows->key()) < end; rows->Next()) {
    auto row = catalogue_row::decode(view(rows->value()));
    if (!row) return tl::unexpected(row.error());
    std::string name(keys::bucket_name_of(view(rows->key())));
    numbers.insert(row->number);
    found[name] = bucket_info{name, row->number, row->log_id};
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  const checked_write_lock writing(catalogue_mutex);
  catalogue = std::move(found);
  live_numbers = std::move(numbers);
  return {};
}

// Reopening
// -------------------------------------------------------------------------------------------------

/// LevelDB writes when it is reopened: recovery makes a table from the log. So this function really
/// writes a file of that size: quotas and failing disks do not show in the free space.
result<void> store::impl::make_sure_of_space() {
  auto files = look_at_files(*base, options.directory);
  if (!files) return tl::unexpected(files.error());
  const uint64_t needed = options.reopen_free_bytes + files->log_bytes;
  // The reopen first removes the leftovers of a failed compaction. They may be what fills the disk,
  // and LevelDB has them open: only closing LevelDB frees their space.
  const uint64_t wanted = needed > files->leftover_bytes ? needed - files->leftover_bytes : 0;
  if (ask_space().free_bytes < wanted) return read_only();
  const std::string probe = options.directory + std::string(probe_name);
  const leveldb::Status tried = try_to_write(*base, probe, std::max<uint64_t>(wanted, 1));
  if (tried.ok() || (wanted == 0 && is_full(tried))) return {};
  return read_only();
}

/// Leaves the gate closed. The caller must release the returned snapshot only after opening the
/// gate, since its destructor is a slice of work.
std::shared_ptr<read_view::pinned> store::impl::close_database() {
  gate.close();
  std::shared_ptr<read_view::pinned> held;
  {
    const checked_lock guard(pinned_mutex);
    held = std::move(synced);
    for (read_view::pinned* view : pinned_views) {
      db->ReleaseSnapshot(std::exchange(view->snapshot, nullptr));
    }
    pinned_views.clear();
  }
  db.reset();
  cleaned.clear();
  return held;
}

result<void> store::impl::reopen() {
  if (db != nullptr) {
    if (auto room = make_sure_of_space(); !room) return room;
  }
  if (failed.exchange(true)) doubts.failed();
  const auto held = close_database();
  writes += 2; // an ambiguous write may be present
  auto done = open_database(false);
  if (done) done = read_facts();
  if (done) done = read_catalogue();
  if (done) done = count_claims();
  if (done) {
    unsynced = false; // recovery synced the data that it found
    doubts.synced();
    ++reopens;
    failed.store(false);
    // If LevelDB's background thread failed meanwhile, the hook did not count it: the store was
    // still marked as failed.
    if (env->failed()) note_failure(env->failure());
  } else {
    db.reset();
  }
  gate.open();
  return done;
}

} // namespace treadmill
