#include "storage/store.hpp"
#include "storage/coding.hpp"
#include "storage/keys.hpp"
#include "storage/log_check.hpp"
#include "storage/names.hpp"
#include "storage/row_batch_impl.hpp"
#include "storage/slice_gate.hpp"
#include "storage/sticky_env.hpp"
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <map>
#include <random>
#include <set>
#include <shared_mutex>

namespace treadmill {
namespace {

constexpr std::string_view format_version = "1";
constexpr int bloom_bits = 10;

leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const leveldb::Slice& text) { return {text.data(), text.size()}; }

/// LevelDB's own log of what it does is not kept: it grows without bound and nobody reads it.
class silent_logger : public leveldb::Logger {
public:
  void Logv(const char*, std::va_list) override {}
};

tl::unexpected<error> read_failure(const leveldb::Status& status) {
  if (status.IsCorruption()) {
    return fail(ec::corrupt, "stored data fails its check and is not served");
  }
  return fail(ec::io_error, "the store cannot be read");
}

tl::unexpected<error> read_only() {
  return fail(ec::disk_full, "the store takes no writes now: the disk is full or failing; "
                             "nothing was applied");
}

bool ends_with(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

hash128 random_hash() {
  std::random_device source;
  hash128 hash{};
  for (uint8_t& byte : hash) byte = static_cast<uint8_t>(source());
  return hash;
}

} // namespace

struct read_view::pinned {
  store::impl* owner = nullptr;
  const leveldb::Snapshot* snapshot = nullptr; ///< nullptr: died in a reopen
  ~pinned();
};

struct store::impl {
  explicit impl(store_options chosen)
      : options(std::move(chosen)),
        base(options.env != nullptr ? options.env : leveldb::Env::Default()) {}
  ~impl() {
    if (lock != nullptr) base->UnlockFile(lock);
  }

  // Opening
  result<void> prepare_directory();
  result<void> lock_directory();
  result<void> check_files(const std::vector<std::string>& names) const;
  result<void> check_logs(const std::vector<std::string>& names);
  result<void> cut_log(const std::string& path, std::string_view log, size_t intact_bytes);
  result<void> open_database();
  result<void> read_facts();
  result<void> write_first_facts();
  result<void> read_catalogue();
  void warn(const std::string& text) const {
    if (options.warn) options.warn(text);
  }

  disk_space ask_space() const;
  bool above_floor();
  result<void> write(leveldb::WriteBatch& rows, bool sync);
  result<std::optional<std::string>> read(std::string_view key,
                                          const leveldb::Snapshot* snapshot) const;
  result<uint32_t> take_bucket_number(row_batch& rows) const;

  store_options options;
  leveldb::Env* base;
  leveldb::FileLock* lock = nullptr;
  silent_logger logger{};
  std::unique_ptr<sticky_env> env{};
  std::unique_ptr<const leveldb::FilterPolicy> filter{leveldb::NewBloomFilterPolicy(bloom_bits)};
  std::unique_ptr<leveldb::Cache> cache{};
  bool fresh = false; ///< made by this open

  mutable slice_gate gate{};
  std::unique_ptr<leveldb::DB> db{}; ///< changed by the writer alone, with the gate closed
  mutable std::mutex pinned_mutex{};
  std::set<read_view::pinned*> pinned_views{};

  std::atomic<bool> failed{false}; ///< a write failed: read-only until the reopen
  std::atomic<bool> low_space{false};
  std::chrono::steady_clock::time_point space_asked{};

  std::string node_id{};
  mutable std::shared_mutex catalogue_mutex{};
  std::map<std::string, bucket_info, std::less<>> catalogue{};
  std::set<uint32_t> live_numbers{};
};

read_view::pinned::~pinned() {
  const slice_gate::pass pass(owner->gate);
  const std::lock_guard lock(owner->pinned_mutex);
  owner->pinned_views.erase(this);
  if (snapshot != nullptr) owner->db->ReleaseSnapshot(snapshot);
}

// Opening
// ---------------------------------------------------------------------------------------------------------------

result<void> store::impl::prepare_directory() {
  if (options.env != nullptr) {
    base->CreateDir(options.directory); // it may be there; what follows says whether it is usable
    return {};
  }
  std::error_code failure;
  std::filesystem::create_directories(options.directory, failure);
  if (failure) {
    return fail(ec::io_error, "the data directory cannot be made: " + failure.message());
  }
  return {};
}

result<void> store::impl::lock_directory() {
  const leveldb::Status locked = base->LockFile(options.directory + "/NODE-LOCK", &lock);
  if (locked.ok()) return {};
  return fail(ec::io_error,
              "the data directory is in use by another process, or cannot be written: "
              "one node owns one data directory (" +
                  locked.ToString() + ")");
}

result<void> store::impl::check_files(const std::vector<std::string>& names) const {
  bool current = false;
  bool log = false;
  bool table = false;
  for (const std::string& name : names) {
    current = current || name == "CURRENT";
    log = log || ends_with(name, ".log");
    table = table || ends_with(name, ".ldb") || ends_with(name, ".sst");
  }
  if (!current && (log || table)) {
    return fail(ec::corrupt,
                "the file CURRENT is missing, but there is data: restore the directory from a "
                "backup, or move it away to start empty");
  }
  if (!current || log) return {};
  // A store that was being made when its process ended has a first manifest and no log yet; any
  // other one has a log.
  std::string manifest;
  const bool readable =
      leveldb::ReadFileToString(base, options.directory + "/CURRENT", &manifest).ok();
  if (!table && readable && manifest == "MANIFEST-000001\n") return {};
  return fail(ec::corrupt,
              "the newest log (*.log) is missing: restore the directory from a backup, or move "
              "it away to start empty");
}

result<void> store::impl::cut_log(const std::string& path, std::string_view log,
                                  size_t intact_bytes) {
  leveldb::WritableFile* opened = nullptr;
  const std::string repaired = path + ".repaired";
  leveldb::Status status = base->NewWritableFile(repaired, &opened);
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  if (status.ok()) status = file->Append(slice(log.substr(0, intact_bytes)));
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  if (status.ok()) status = base->RenameFile(repaired, path);
  if (status.ok()) return {};
  return fail(ec::io_error, "a torn log cannot be repaired: " + status.ToString());
}

result<void> store::impl::check_logs(const std::vector<std::string>& names) {
  std::vector<std::string> logs;
  for (const std::string& name : names) {
    if (ends_with(name, ".log")) logs.push_back(name);
  }
  std::sort(logs.begin(), logs.end());
  bool later_log_has_data = false;
  for (auto name = logs.rbegin(); name != logs.rend(); ++name) {
    const std::string path = options.directory + "/" + *name;
    std::string log;
    if (!leveldb::ReadFileToString(base, path, &log).ok()) {
      return fail(ec::io_error, "the log " + *name + " cannot be read");
    }
    const log_state state = check_log(log);
    const bool broken = state.what != log_state::kind::whole;
    if (state.what == log_state::kind::damaged || (broken && later_log_has_data)) {
      return fail(ec::corrupt,
                  "the log " + *name + " is damaged at byte " + std::to_string(state.broken_at) +
                      ", and acknowledged writes follow the damage: restore the directory "
                      "from a backup, or move it away to start empty");
    }
    if (broken) {
      warn("the log " + *name +
           " had a torn end: " + std::to_string(log.size() - state.intact_bytes) +
           " bytes of a write that was never acknowledged were cut off");
      if (auto cut = cut_log(path, log, state.intact_bytes); !cut) return cut;
    }
    later_log_has_data = later_log_has_data || state.intact_bytes > 0;
  }
  return {};
}

result<void> store::impl::open_database() {
  std::vector<std::string> names;
  base->GetChildren(options.directory, &names);
  if (auto files = check_files(names); !files) return files;
  if (auto logs = check_logs(names); !logs) return logs;
  fresh = std::find(names.begin(), names.end(), "CURRENT") == names.end();

  env = std::make_unique<sticky_env>(base, options.env != nullptr ? "" : options.directory);
  leveldb::Options chosen;
  chosen.env = env.get();
  chosen.create_if_missing = true; // check_files has seen to it that nothing is there
  chosen.paranoid_checks = true;
  chosen.info_log = &logger;
  chosen.write_buffer_size = options.write_buffer_bytes;
  chosen.filter_policy = filter.get();
  cache.reset(leveldb::NewLRUCache(options.block_cache_bytes));
  chosen.block_cache = cache.get();
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(chosen, options.directory, &opened);
  if (status.ok()) {
    db.reset(opened);
    return {};
  }
  if (status.IsCorruption() || status.IsInvalidArgument() || status.IsNotFound()) {
    return fail(ec::corrupt,
                "the store is damaged (" + status.ToString() +
                    "): restore the directory from a backup, or move it away to start empty");
  }
  return fail(ec::io_error, "the store cannot be opened: " + status.ToString());
}

result<void> store::impl::write_first_facts() {
  node_id = make_document_id();
  row_batch rows;
  rows.put(keys::meta("format"), format_version);
  rows.put(keys::meta("node"), node_id);
  return write(rows.impl_->rows, true);
}

result<void> store::impl::read_facts() {
  auto format = read(keys::meta("format"), nullptr);
  if (!format) return tl::unexpected(format.error());
  if (!*format) {
    bool empty = false;
    {
      const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator(leveldb::ReadOptions()));
      rows->SeekToFirst();
      empty = !rows->Valid() && rows->status().ok();
    }
    if (empty) return write_first_facts(); // also where a first start ended before this
    return fail(ec::io_error, "this is a LevelDB database, but not one of Treadmill's");
  }
  if (**format != format_version) {
    return fail(ec::io_error, "the store has format " + **format +
                                  ", and this version reads format " + std::string(format_version) +
                                  ": use the version that wrote it");
  }
  auto node = read(keys::meta("node"), nullptr);
  if (!node) return tl::unexpected(node.error());
  if (!*node) return fail(ec::corrupt, "the store has lost its node id");
  node_id = **node;
  return {};
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
  const std::unique_lock writing(catalogue_mutex);
  catalogue = std::move(found);
  live_numbers = std::move(numbers);
  return {};
}

store::store(std::unique_ptr<impl> opened) : impl_(std::move(opened)) {}
store::~store() = default;

result<std::unique_ptr<store>> store::open(store_options options) {
  auto opened = std::make_unique<impl>(std::move(options));
  auto done = opened->prepare_directory();
  if (done) done = opened->lock_directory();
  if (done) done = opened->open_database();
  if (done) done = opened->read_facts();
  if (done) done = opened->read_catalogue();
  if (!done) return tl::unexpected(done.error());
  return std::unique_ptr<store>(new store(std::move(opened)));
}

// Writer
// ----------------------------------------------------------------------------------------------------------------

disk_space store::impl::ask_space() const {
  if (options.space) return options.space();
  if (options.env != nullptr) return {UINT64_MAX, UINT64_MAX};
  std::error_code failure;
  const std::filesystem::space_info info = std::filesystem::space(options.directory, failure);
  if (failure) return {UINT64_MAX, UINT64_MAX}; // unknown: a write will tell
  return {info.available, info.capacity};
}

bool store::impl::above_floor() {
  if (options.free_floor_bytes == 0) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now - space_asked > defaults::free_space_age) {
    space_asked = now;
    const disk_space space = ask_space();
    const uint64_t floor = std::min(options.free_floor_bytes, space.total_bytes / 20);
    low_space.store(space.free_bytes < floor, std::memory_order_release);
  }
  return !low_space.load(std::memory_order_acquire);
}

result<void> store::impl::write(leveldb::WriteBatch& rows, bool sync) {
  leveldb::WriteOptions how;
  how.sync = sync;
  const leveldb::Status status = db->Write(how, &rows);
  if (status.ok()) return {};
  if (!failed.exchange(true)) {
    warn("a write failed, so the store only reads until it is reopened: " + status.ToString());
  }
  return fail(ec::ambiguous, "the write failed on its way to the disk: it may or may not be there");
}

result<void> store::commit(std::span<const row_batch* const> batches, bool sync) {
  if (impl_->env->failed())
    impl_->failed.store(true); // LevelDB's background thread met the fault first
  if (impl_->failed || impl_->db == nullptr || !impl_->above_floor()) return read_only();
  if (batches.size() == 1) return impl_->write(batches.front()->impl_->rows, sync);
  leveldb::WriteBatch all;
  for (const row_batch* batch : batches) all.Append(batch->impl_->rows);
  return impl_->write(all, sync);
}

result<void> store::sync() {
  if (impl_->failed || impl_->db == nullptr) return read_only();
  leveldb::WriteBatch
      nothing; // LevelDB has no call for it, but a synced write syncs all of the log before it
  return impl_->write(nothing, true);
}

result<void> store::try_reopen() {
  impl& in = *impl_;
  const disk_space space = in.ask_space();
  std::vector<std::string> names;
  in.base->GetChildren(in.options.directory, &names);
  uint64_t needed = in.options.reopen_free_bytes;
  for (const std::string& name : names) {
    uint64_t size = 0;
    if (!ends_with(name, ".log")) continue;
    // Recovery writes what the log holds to a table before the log is removed.
    if (in.base->GetFileSize(in.options.directory + "/" + name, &size).ok()) needed += size;
  }
  if (in.db != nullptr && space.free_bytes < needed) return read_only();

  in.gate.close();
  {
    const std::lock_guard lock(in.pinned_mutex);
    for (read_view::pinned* view : in.pinned_views) {
      in.db->ReleaseSnapshot(std::exchange(view->snapshot, nullptr));
    }
    in.pinned_views.clear();
  }
  in.db.reset();
  auto done = in.open_database();
  if (done) done = in.read_catalogue();
  if (done) in.failed.store(false);
  if (!done) in.warn("the store cannot be reopened: " + done.error().reason);
  in.gate.open();
  return done;
}

result<uint32_t> store::impl::take_bucket_number(row_batch& rows) const {
  auto last = read(keys::meta("last_bucket"), nullptr);
  if (!last) return tl::unexpected(last.error());
  uint32_t number = 0;
  if (*last) {
    std::string_view bytes = **last;
    if (!take_fixed32_be(bytes, number) || !bytes.empty()) {
      return fail(ec::corrupt, "the last bucket number cannot be read");
    }
  }
  if (number == UINT32_MAX) return fail(ec::too_large, "the store has used up its bucket numbers");
  std::string bytes;
  put_fixed32_be(bytes, ++number);
  rows.put(keys::meta("last_bucket"), bytes);
  return number;
}

result<bucket_info> store::create_bucket(std::string_view name) {
  if (auto good = check_bucket_name(name); !good) return tl::unexpected(good.error());
  if (auto there = find_bucket(name)) return *there;
  if (buckets().size() >= impl_->options.buckets) {
    return fail(ec::too_large,
                "the node has its " + std::to_string(impl_->options.buckets) + " buckets already");
  }
  if (impl_->failed || impl_->db == nullptr) return read_only();
  row_batch rows;
  auto number = impl_->take_bucket_number(rows);
  if (!number) return tl::unexpected(number.error());
  bucket_info info{std::string(name), *number, random_hash()};
  rows.put(keys::catalogue(name), catalogue_row{info.number, info.log_id}.encode());
  const row_batch* batch = &rows;
  if (auto done = commit({&batch, 1}, true); !done) return tl::unexpected(done.error());
  const std::unique_lock lock(impl_->catalogue_mutex);
  impl_->catalogue[info.name] = info;
  impl_->live_numbers.insert(info.number);
  return info;
}

result<bucket_info> store::drop_bucket(std::string_view name) {
  const std::optional<bucket_info> info = find_bucket(name);
  if (!info) return fail(ec::not_found, "there is no such bucket");
  row_batch rows;
  rows.remove(keys::catalogue(name));
  rows.put(keys::dead_bucket(info->number), "");
  const row_batch* batch = &rows;
  if (auto done = commit({&batch, 1}, true); !done) return tl::unexpected(done.error());
  const std::unique_lock lock(impl_->catalogue_mutex);
  impl_->catalogue.erase(info->name);
  impl_->live_numbers.erase(info->number);
  return *info;
}

result<bool> store::clean_up() {
  if (!writable() || impl_->db == nullptr) return read_only();
  leveldb::ReadOptions once;
  once.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> rows(impl_->db->NewIterator(once));
  rows->Seek(keys::dead_bucket(0));
  if (!rows->Valid() || view(rows->key()) >= keys::dead_bucket(UINT32_MAX)) return false;
  const std::string dead(view(rows->key()));
  const uint32_t number = keys::number_of(dead);
  const std::string end = keys::bucket_end(number);
  row_batch removal;
  size_t count = 0;
  for (rows->Seek(keys::bucket_begin(number));
       rows->Valid() && view(rows->key()) < end && count < defaults::clean_up_rows; rows->Next()) {
    removal.remove(view(rows->key()));
    ++count;
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  if (count < defaults::clean_up_rows) removal.remove(dead);
  const row_batch* batch = &removal;
  if (auto done = commit({&batch, 1}, false); !done) return tl::unexpected(done.error());
  return true;
}

// Any thread
// --------------------------------------------------------------------------------------------------------------

bool store::writable() const {
  return !impl_->failed.load(std::memory_order_acquire) &&
         !impl_->low_space.load(std::memory_order_acquire);
}

const std::string& store::node_id() const { return impl_->node_id; }

std::optional<bucket_info> store::find_bucket(std::string_view name) const {
  const std::shared_lock lock(impl_->catalogue_mutex);
  const auto found = impl_->catalogue.find(name);
  if (found == impl_->catalogue.end()) return std::nullopt;
  return found->second;
}

std::vector<bucket_info> store::buckets() const {
  const std::shared_lock lock(impl_->catalogue_mutex);
  std::vector<bucket_info> all;
  all.reserve(impl_->catalogue.size());
  for (const auto& [name, info] : impl_->catalogue) all.push_back(info);
  return all;
}

bool store::alive(uint32_t bucket) const {
  const std::shared_lock lock(impl_->catalogue_mutex);
  return impl_->live_numbers.count(bucket) != 0;
}

read_view store::latest() const {
  read_view view;
  view.store_ = this;
  return view;
}

read_view store::snapshot() const {
  read_view view = latest();
  const slice_gate::pass pass(impl_->gate);
  auto pinned = std::make_shared<read_view::pinned>();
  pinned->owner = impl_.get();
  if (impl_->db != nullptr) {
    const std::lock_guard lock(impl_->pinned_mutex);
    pinned->snapshot = impl_->db->GetSnapshot();
    impl_->pinned_views.insert(pinned.get());
  }
  view.pinned_ = std::move(pinned);
  return view;
}

uint64_t store::approximate_bytes(uint32_t bucket) const {
  const slice_gate::pass pass(impl_->gate);
  if (impl_->db == nullptr) return 0;
  const std::string begin = keys::bucket_begin(bucket);
  const std::string end = keys::bucket_end(bucket);
  const leveldb::Range range(begin, end);
  uint64_t bytes = 0;
  impl_->db->GetApproximateSizes(&range, 1, &bytes);
  return bytes;
}

std::optional<std::string> store::property(std::string_view name) const {
  const slice_gate::pass pass(impl_->gate);
  std::string value;
  if (impl_->db == nullptr || !impl_->db->GetProperty(slice(name), &value)) return std::nullopt;
  return value;
}

bool store::check_space() { return impl_->above_floor(); }

disk_space store::space() const { return impl_->ask_space(); }

// Reading
// -----------------------------------------------------------------------------------------------------------------

result<std::optional<std::string>> store::impl::read(std::string_view key,
                                                     const leveldb::Snapshot* snapshot) const {
  if (db == nullptr) return fail(ec::overloaded, "the store is being reopened");
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  checked.snapshot = snapshot;
  std::string value;
  const leveldb::Status status = db->Get(checked, slice(key), &value);
  if (status.ok()) return value;
  if (status.IsNotFound()) return std::nullopt;
  return read_failure(status);
}

namespace {
tl::unexpected<error> dead_snapshot() {
  return fail(ec::io_error, "the store was reopened during this read: ask again");
}
} // namespace

result<std::optional<std::string>> read_view::read(std::string_view key) const {
  const store::impl& in = *store_->impl_;
  const slice_gate::pass pass(in.gate);
  if (pinned_ != nullptr && pinned_->snapshot == nullptr) return dead_snapshot();
  return in.read(key, pinned_ != nullptr ? pinned_->snapshot : nullptr);
}

result<void>
read_view::scan(std::string_view from, std::string_view to,
                const std::function<bool(std::string_view, std::string_view)>& row) const {
  const store::impl& in = *store_->impl_;
  const slice_gate::pass pass(in.gate);
  if (in.db == nullptr) return fail(ec::overloaded, "the store is being reopened");
  if (pinned_ != nullptr && pinned_->snapshot == nullptr) return dead_snapshot();
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  checked.fill_cache = false; // a long listing must not push out what point reads use
  checked.snapshot = pinned_ != nullptr ? pinned_->snapshot : nullptr;
  const std::unique_ptr<leveldb::Iterator> rows(in.db->NewIterator(checked));
  for (rows->Seek(slice(from)); rows->Valid() && view(rows->key()) < to; rows->Next()) {
    if (!row(view(rows->key()), view(rows->value()))) return {};
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  return {};
}

result<void>
read_view::scan_back(std::string_view from, std::string_view to,
                     const std::function<bool(std::string_view, std::string_view)>& row) const {
  const store::impl& in = *store_->impl_;
  const slice_gate::pass pass(in.gate);
  if (in.db == nullptr) return fail(ec::overloaded, "the store is being reopened");
  if (pinned_ != nullptr && pinned_->snapshot == nullptr) return dead_snapshot();
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  checked.fill_cache = false;
  checked.snapshot = pinned_ != nullptr ? pinned_->snapshot : nullptr;
  const std::unique_ptr<leveldb::Iterator> rows(in.db->NewIterator(checked));
  rows->Seek(slice(to));
  if (rows->Valid()) {
    rows->Prev();
  } else if (rows->status().ok()) {
    rows->SeekToLast();
  }
  for (; rows->Valid() && view(rows->key()) >= from; rows->Prev()) {
    if (!row(view(rows->key()), view(rows->value()))) return {};
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  return {};
}

result<bucket_state> read_view::state(uint32_t bucket) const {
  auto row = read(keys::bucket_state(bucket));
  if (!row) return tl::unexpected(row.error());
  if (!*row) return bucket_state{};
  return bucket_state::decode(**row);
}

result<revision_tree> read_view::full_tree(uint32_t bucket, std::string_view id) const {
  auto bytes = read(keys::document(bucket, id));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return fail(ec::not_found, "missing");
  auto row = document_row::decode(**bytes);
  if (!row) return tl::unexpected(row.error());
  auto tree = row->tree();
  if (!tree || !row->older) return tree;
  auto older_bytes = read(keys::older_ancestry(bucket, id));
  if (!older_bytes) return tl::unexpected(older_bytes.error());
  if (!*older_bytes) return fail(ec::corrupt, "a document has lost its older ancestry");
  auto older = revision_tree::decode(**older_bytes);
  if (!older) return older;
  tree->merge(*older);
  return tree;
}

result<std::string> read_view::leaf_body(uint32_t bucket, std::string_view id,
                                         const revision& rev) const {
  auto bytes = read(keys::document(bucket, id));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return fail(ec::not_found, "missing");
  auto row = document_row::decode(**bytes);
  if (!row) return tl::unexpected(row.error());
  if (row->winner == rev) {
    if (row->deleted) return fail(ec::not_found, "deleted");
    return std::string(row->body);
  }
  auto losing = read(keys::losing_body(bucket, id, rev.text()));
  if (!losing) return tl::unexpected(losing.error());
  if (*losing) return std::move(**losing);
  auto tree = full_tree(bucket, id);
  if (!tree) return tl::unexpected(tree.error());
  const revision_tree::node* node = tree->find(rev);
  if (node == nullptr) return fail(ec::not_found, "missing");
  return fail(ec::not_found, node->leaf ? "deleted" : "superseded");
}

} // namespace treadmill
