#include "storage/engine/store.hpp"
#include "storage/base/coding.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/row_batch_impl.hpp"
#include "storage/engine/store_files.hpp"
#include "storage/engine/store_impl.hpp"
#include <algorithm>
#include <filesystem>
#include <random>
#include <sstream>

namespace treadmill {
namespace {

hash128 random_hash() {
  std::random_device source;
  hash128 hash{};
  for (uint8_t& byte : hash) byte = static_cast<uint8_t>(source());
  return hash;
}

/// A key roughly halfway between two keys, computed from their first bytes as a number; `from` if
/// there is none.
std::string middle_key(std::string_view from, std::string_view to) {
  constexpr size_t digits = 24;
  std::array<unsigned, digits> sum{};
  unsigned carry = 0;
  for (size_t i = digits; i-- > 0;) {
    const unsigned a = i < from.size() ? static_cast<uint8_t>(from[i]) : 0;
    const unsigned b = i < to.size() ? static_cast<uint8_t>(to[i]) : 0;
    sum[i] = (a + b + carry) & 0xff;
    carry = (a + b + carry) >> 8;
  }
  std::string middle;
  for (const unsigned digit : sum) { // halved, from the top
    middle.push_back(static_cast<char>((carry << 7 | digit >> 1) & 0xff));
    carry = digit & 1;
  }
  return middle > from && middle < to ? middle : std::string(from);
}

} // namespace

store::store(std::unique_ptr<impl> opened) : impl_(std::move(opened)) {}
store::~store() = default;

result<std::unique_ptr<store>> store::open(store_options options) {
  auto opened = std::make_unique<impl>(std::move(options));
  if (auto done = opened->open(); !done) return tl::unexpected(done.error());
  return std::unique_ptr<store>(new store(std::move(opened)));
}

// Writer
// ----------------------------------------------------------------------------------------------------------------

error store::impl::why_read_only() const {
  if (lacks_files.load(std::memory_order_acquire) && failed) {
    return {ec::overloaded,
            "the store takes no writes now: too many files are open in this process; "
            "nothing was applied"};
  }
  return {ec::disk_full, "the store takes no writes now: the disk is full or failing; "
                         "nothing was applied"};
}

disk_space store::impl::ask_space() const {
  if (options.space) return options.space();
  if (options.env != nullptr) return {UINT64_MAX, UINT64_MAX};
  std::error_code failure;
  const std::filesystem::space_info info = std::filesystem::space(options.directory, failure);
  if (failure) return {UINT64_MAX, UINT64_MAX}; // unknown: let a write find out
  return {info.available, info.capacity};
}

/// The space that LevelDB's background compactions may need: for tables made from all of the first
/// two levels, and, on lower levels, from one table and those that it overlaps.
uint64_t store::impl::compaction_need() const {
  constexpr uint64_t lower_levels = 26 * defaults::mebibyte;
  std::string stats;
  if (db == nullptr || !db->GetProperty("leveldb.stats", &stats)) return 0;
  uint64_t need = 0;
  std::istringstream lines(stats);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    unsigned level = 0;
    uint64_t files = 0;
    uint64_t mebibytes = 0;
    if (!(words >> level >> files >> mebibytes)) continue; // a header line
    need += level < 2 ? mebibytes * defaults::mebibyte : 0;
    if (level >= 2 && files > 0) return need + lower_levels;
  }
  return need;
}

/// On a small file system the floor is lower than the setting: 5 % of it, but at least what a
/// reopen needs, so that the store can still reopen after another program fills the disk. The need
/// of compactions is added.
uint64_t store::impl::floor_of(const disk_space& space) const {
  const uint64_t reopen = options.reopen_free_bytes + 2 * options.write_buffer_bytes;
  return std::min(options.free_floor_bytes, std::max(space.total_bytes / 20, reopen)) +
         compaction_need();
}

/// Measures the free space periodically, and whenever the bytes written since may have used it up.
bool store::impl::above_floor() {
  if (options.free_floor_bytes == 0) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now - space_asked > defaults::free_space_age || written >= spare_space) {
    space_asked = now;
    const disk_space space = ask_space();
    const uint64_t floor = floor_of(space);
    written = 0;
    spare_space = space.free_bytes - std::min(space.free_bytes, floor);
    low_space.store(space.free_bytes < floor, std::memory_order_release);
  }
  return !low_space.load(std::memory_order_acquire);
}

result<void> store::impl::write(std::span<const row_batch* const> batches, bool sync) {
  leveldb::WriteOptions how;
  how.sync = sync;
  leveldb::WriteBatch joined;
  leveldb::WriteBatch* rows = &joined;
  if (batches.size() == 1 && !unsynced) {
    rows = &batches.front()->impl_->rows;
  } else {
    // Writes after an unsynced commit may reach the disk out of order. The mark tells log_check.hpp
    // that a hole left by a crash is not damage.
    if (unsynced) joined.Delete(slice(unsynced_mark().substr(2)));
    for (const row_batch* batch : batches) joined.Append(batch->impl_->rows);
  }
  ++writes;
  written += rows->ApproximateSize();
  const leveldb::Status status = db->Write(how, rows);
  ++writes;
  if (!status.ok()) note_failure(status);
  // This also covers a successful write: LevelDB may have switched to a new log and failed to sync
  // the old one.
  if (failed) {
    return fail(ec::ambiguous,
                "the write failed on its way to the disk: it may or may not be there");
  }
  unsynced = !sync;
  if (sync) {
    doubts.synced();
    release_synced();
  } else {
    for (const row_batch* batch : batches) doubts.unsynced(batch->impl_->writers);
  }
  return {};
}

/// Called before a commit without sync: followers continue to see the data as of now.
void store::impl::hold_synced() {
  const checked_lock guard(pinned_mutex);
  if (synced == nullptr) synced = pin();
}

void store::impl::release_synced() {
  std::shared_ptr<read_view::pinned> held;
  const checked_lock guard(pinned_mutex);
  held.swap(synced);
}

result<void> store::impl::write(const row_batch& batch, bool sync) {
  const row_batch* only = &batch;
  return write({&only, 1}, sync);
}

result<void> store::commit(std::span<const row_batch* const> batches, bool sync, room changes) {
  auto done = impl_->commit(batches, sync, changes);
  if (done) return done;
  for (const row_batch* batch : batches) impl_->doubts.refused(batch->impl_->writers);
  return done;
}

result<void> store::impl::commit(std::span<const row_batch* const> batches, bool sync,
                                 room changes) {
  if (failed || (changes == room::taken && !above_floor())) return read_only();
  if (!sync) hold_synced();
  return write(batches, sync);
}

/// Any thread can meet a failure. Nothing is committed between it and the reopen, so it is enough
/// to look for it here and before the reopen.
bool store::in_doubt(const writer& who) {
  if (impl_->failed) impl_->doubts.failed();
  return impl_->doubts.contains(who);
}

void store::clear_doubt(const writer& who) { impl_->doubts.clear(who); }

result<void> store::sync() {
  if (impl_->failed) return impl_->read_only();
  if (!impl_->unsynced) return {};
  return impl_->write(std::span<const row_batch* const>(), true); // syncs the whole log before it
}

result<void> store::try_reopen() { return impl_->reopen(); }

bool store::check_space() { return impl_->above_floor(); }

// Buckets
// ----------------------------------------------------------------------------------------------------------------

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

size_t store::impl::bucket_count() const {
  const checked_read_lock reading(catalogue_mutex);
  return catalogue.size();
}

result<bucket_info> store::create_bucket(std::string_view name, bool for_peer) {
  if (auto good = check_bucket_name(name); !good) return tl::unexpected(good.error());
  if (auto there = find_bucket(name)) return *there;
  const size_t kept = for_peer ? impl_->options.buckets / defaults::buckets_of_clients : 0;
  if (impl_->bucket_count() + kept >= impl_->options.buckets) {
    return fail(ec::too_large,
                "the node has its " + std::to_string(impl_->options.buckets) + " buckets already");
  }
  if (impl_->failed) return impl_->read_only();
  row_batch rows;
  auto number = impl_->take_bucket_number(rows);
  if (!number) return tl::unexpected(number.error());
  bucket_info info{std::string(name), *number, random_hash()};
  rows.put(keys::catalogue(name), catalogue_row{info.number, info.log_id}.encode());
  rows.remove(keys::left_bucket(name));
  const row_batch* batch = &rows;
  if (auto done = commit({&batch, 1}, true); !done) return tl::unexpected(done.error());
  const checked_write_lock lock(impl_->catalogue_mutex);
  impl_->catalogue[info.name] = info;
  impl_->live_numbers.insert(info.number);
  return info;
}

result<bucket_info> store::drop_bucket(std::string_view name) {
  const std::optional<bucket_info> info = find_bucket(name);
  if (!info) return fail(ec::not_found, "there is no such bucket");
  if (impl_->failed) return impl_->read_only();
  row_batch rows;
  rows.remove(keys::catalogue(name));
  rows.put(keys::dead_bucket(info->number), "");
  if (!stays_local(name)) rows.put(keys::left_bucket(name), "");
  if (auto done = impl_->write(rows, true); !done) return tl::unexpected(done.error());
  const checked_write_lock lock(impl_->catalogue_mutex);
  impl_->catalogue.erase(info->name);
  impl_->live_numbers.erase(info->number);
  return *info;
}

// Dropped buckets and indexes
// ----------------------------------------------------------------------------------------------------------------

result<std::vector<store::impl::dead_range>> store::impl::dead_ranges() const {
  std::vector<dead_range> found;
  const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator(leveldb::ReadOptions()));
  const std::string end = keys::dead_buckets_end();
  for (rows->Seek(keys::dead_bucket(0)); rows->Valid() && view(rows->key()) < end; rows->Next()) {
    const std::string_view mark = view(rows->key());
    const uint32_t bucket = keys::number_of(mark);
    if (const auto index = keys::dead_index_of(mark)) {
      found.push_back(
          {std::string(mark), keys::index_begin(bucket, *index), keys::index_end(bucket, *index)});
    } else {
      found.push_back({std::string(mark), keys::bucket_begin(bucket), keys::bucket_end(bucket)});
    }
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  return found;
}

/// Removes a slice of the rows. False: no rows are left.
result<bool> store::impl::remove_rows(const dead_range& dead) {
  // Each slice begins where the last one ended, since LevelDB's iterators must still skip the
  // removed rows for a while.
  std::string& from = cleaned[dead.mark].rows_from;
  if (from.empty()) from = dead.begin;
  leveldb::ReadOptions once;
  once.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator(once));
  row_batch removal;
  size_t count = 0;
  for (rows->Seek(from);
       rows->Valid() && view(rows->key()) < dead.end && count < defaults::clean_up_rows;
       rows->Next()) {
    removal.remove(view(rows->key()));
    from = view(rows->key());
    ++count;
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  if (count == 0) return false;
  if (auto done = write(removal, false); !done) return tl::unexpected(done.error());
  return true;
}

result<void> store::impl::forget(const dead_range& dead) {
  row_batch removal;
  removal.remove(dead.mark);
  auto done = write(removal, false);
  if (done) cleaned.erase(dead.mark);
  return done;
}

/// Compacts a part of a range, starting at its beginning, so that the space of removed rows returns
/// to the file system; returns the start of the rest. Only the writer may call it: LevelDB 1.23
/// crashes if a write fails while CompactRange runs in another thread.
std::string store::impl::compact_some(const std::string& from, std::string to) {
  while (true) {
    uint64_t bytes = 0;
    const leveldb::Range range(from, to);
    db->GetApproximateSizes(&range, 1, &bytes);
    const std::string middle = middle_key(from, to);
    if (bytes <= defaults::compaction_bytes || middle == from) break;
    to = middle;
  }
  const leveldb::Slice first = slice(from);
  const leveldb::Slice last = slice(to);
  db->CompactRange(&first, &last);
  return to;
}

/// Removes a slice of the bodies that the first requested compaction drops. False: none are left.
result<bool> store::impl::drop_superseded() {
  asked_range next;
  {
    const checked_lock guard(asked_mutex);
    if (asked.empty() || asked.front().drop_from == asked.front().drop_end) return false;
    next = asked.front();
  }
  leveldb::ReadOptions once;
  once.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> rows(db->NewIterator(once));
  row_batch removal;
  size_t count = 0;
  for (rows->Seek(next.drop_from);
       rows->Valid() && view(rows->key()) < next.drop_end && count < defaults::clean_up_rows;
       rows->Next()) {
    removal.remove(view(rows->key()));
    next.drop_from = view(rows->key());
    ++count;
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  if (count == 0) next.drop_from = next.drop_end;
  if (count > 0)
    if (auto done = write(removal, false); !done) return tl::unexpected(done.error());
  const checked_lock guard(asked_mutex);
  asked.front().drop_from = next.drop_from; // other threads only append
  return count > 0;
}

/// False: no requested compaction is left.
bool store::impl::compact_asked() {
  asked_range next;
  {
    const checked_lock guard(asked_mutex);
    if (asked.empty()) return false;
    next = asked.front();
  }
  const std::string done = compact_some(next.from, next.end);
  const checked_lock guard(asked_mutex);
  asked.front().from = done; // other threads only append
  if (done >= next.end) asked.pop_front();
  return !asked.empty();
}

result<bool> store::clean_up() {
  impl& in = *impl_;
  if (in.failed) return in.read_only();
  auto all_dead = in.dead_ranges();
  if (!all_dead) return tl::unexpected(all_dead.error());
  if (all_dead->empty()) {
    if (!compacting()) return false;
    const auto dropped = in.drop_superseded();
    if (!dropped || *dropped) return dropped;
    // The snapshot held for followers would keep superseded rows, so release it.
    if (auto done = sync(); !done) return tl::unexpected(done.error());
    return in.compact_asked();
  }
  const impl::dead_range& dead = all_dead->front();
  impl::cleaning& state = in.cleaned[dead.mark];
  if (!state.rows_gone) {
    auto removed = in.remove_rows(dead);
    if (!removed) return tl::unexpected(removed.error());
    if (*removed) return true;
    state.rows_gone = true;
    state.compact_from = dead.begin;
  }
  if (state.compact_from < dead.end) {
    // The snapshot held for followers would keep the removed rows, so release it.
    if (auto done = sync(); !done) return tl::unexpected(done.error());
    state.compact_from = in.compact_some(state.compact_from, dead.end);
    return true;
  }
  if (auto done = in.forget(dead); !done) return tl::unexpected(done.error());
  return all_dead->size() > 1 || compacting();
}

// Any thread
// --------------------------------------------------------------------------------------------------------------

void store::ask_compaction(std::optional<uint32_t> bucket) {
  const checked_lock guard(impl_->asked_mutex);
  impl::asked_range wanted{bucket ? keys::bucket_begin(*bucket) : keys::bucket_begin(0),
                           bucket ? keys::bucket_end(*bucket) : keys::buckets_end(),
                           {},
                           {}};
  if (bucket) {
    wanted.drop_from = keys::superseded_bodies_begin(*bucket);
    wanted.drop_end = keys::superseded_bodies_end(*bucket);
  }
  const bool there = std::any_of(impl_->asked.begin(), impl_->asked.end(), [&](const auto& one) {
    return one.from == wanted.from && one.end == wanted.end;
  });
  if (!there) impl_->asked.push_back(std::move(wanted));
}

bool store::compacting() const {
  const checked_lock guard(impl_->asked_mutex);
  return !impl_->asked.empty();
}

error store::why_not_writable() const { return impl_->why_read_only(); }

uint64_t store::free_floor() const {
  const slice_gate::pass pass(impl_->gate); // keeps the database open meanwhile
  return impl_->floor_of(impl_->ask_space());
}

bool store::failed() const { return impl_->failed.load(std::memory_order_acquire); }

bool store::writable() const {
  return !failed() && !impl_->low_space.load(std::memory_order_acquire);
}

uint64_t store::failures() const { return impl_->failures.load(std::memory_order_acquire); }

uint64_t store::reopens() const { return impl_->reopens.load(std::memory_order_acquire); }

const std::string& store::node_id() const { return impl_->node_id; }

std::optional<bucket_info> store::find_bucket(std::string_view name) const {
  const checked_read_lock lock(impl_->catalogue_mutex);
  const auto found = impl_->catalogue.find(name);
  if (found == impl_->catalogue.end()) return std::nullopt;
  return found->second;
}

std::vector<bucket_info> store::buckets() const {
  const checked_read_lock lock(impl_->catalogue_mutex);
  std::vector<bucket_info> all;
  all.reserve(impl_->catalogue.size());
  for (const auto& [name, info] : impl_->catalogue) all.push_back(info);
  return all;
}

bool store::alive(uint32_t bucket) const {
  const checked_read_lock lock(impl_->catalogue_mutex);
  return impl_->live_numbers.count(bucket) != 0;
}

uint64_t store::approximate_bytes(uint32_t bucket) const {
  return approximate_bytes(keys::bucket_begin(bucket), keys::bucket_end(bucket));
}

uint64_t store::approximate_bytes(std::string_view from, std::string_view to) const {
  const slice_gate::pass pass(impl_->gate);
  if (impl_->db == nullptr) return 0;
  const leveldb::Range range(slice(from), slice(to));
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

disk_space store::space() const { return impl_->ask_space(); }

} // namespace treadmill
