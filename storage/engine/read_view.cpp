#include "storage/engine/keys.hpp"
#include "storage/engine/store_impl.hpp"

namespace treadmill {
namespace {

tl::unexpected<error> closed() {
  return fail(ec::overloaded, "the store is closed until it can be reopened: retry");
}

tl::unexpected<error> dead_snapshot() {
  return fail(ec::overloaded, "the store was reopened during this read: retry");
}

/// LevelDB reports a missing key and a missing file with the same code; only the status of a
/// missing file has a text.
bool is_absent(const leveldb::Status& status) {
  static const std::string absent = leveldb::Status::NotFound("").ToString();
  return status.IsNotFound() && status.ToString() == absent;
}

leveldb::ReadOptions checked_scan(const leveldb::Snapshot* snapshot, bool keep_blocks) {
  leveldb::ReadOptions chosen;
  chosen.verify_checksums = true;
  chosen.fill_cache = keep_blocks;
  chosen.snapshot = snapshot;
  return chosen;
}

} // namespace

tl::unexpected<error> read_failure(const leveldb::Status& status) {
  if (status.IsCorruption() || status.IsNotFound()) { // a table is damaged, or missing
    return fail(ec::corrupt, "stored data fails its check and is not served");
  }
  return fail(ec::io_error, "the store cannot be read");
}

read_view::pinned::~pinned() {
  const slice_gate::pass pass(owner->gate);
  const checked_lock lock(owner->pinned_mutex);
  owner->pinned_views.erase(this);
  if (snapshot != nullptr) owner->db->ReleaseSnapshot(snapshot);
}

read_view store::latest() const {
  read_view view;
  view.store_ = this;
  return view;
}

/// Precondition: the caller has passed the gate, or is the writer.
std::shared_ptr<read_view::pinned> store::impl::pin() {
  auto made = std::make_shared<read_view::pinned>();
  made->owner = this;
  if (db != nullptr) {
    const uint64_t before = writes;
    made->snapshot = db->GetSnapshot();
    if (before % 2 == 0 && before == writes) made->version = before;
    pinned_views.insert(made.get());
  }
  return made;
}

read_view store::snapshot() const {
  read_view view = latest();
  const slice_gate::pass pass(impl_->gate);
  const checked_lock lock(impl_->pinned_mutex);
  view.pinned_ = impl_->pin();
  return view;
}

/// The writer sets `synced` under the same lock before it writes unsynced rows. So if `synced` is
/// null, a new snapshot cannot contain such rows.
read_view store::synced() const {
  read_view view = latest();
  const slice_gate::pass pass(impl_->gate);
  const checked_lock lock(impl_->pinned_mutex);
  view.pinned_ = impl_->synced != nullptr ? impl_->synced : impl_->pin();
  return view;
}

result<std::optional<std::string>> store::impl::read(std::string_view key,
                                                     const leveldb::Snapshot* snapshot) const {
  if (db == nullptr) return closed();
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  checked.snapshot = snapshot;
  std::string value;
  const leveldb::Status status = db->Get(checked, slice(key), &value);
  if (status.ok()) return value;
  if (is_absent(status)) return std::nullopt;
  return read_failure(status);
}

result<std::optional<std::string>> read_view::read(std::string_view key) const {
  const store::impl& in = *store_->impl_;
  const slice_gate::pass pass(in.gate);
  if (in.db == nullptr) return closed();
  if (pinned_ != nullptr && pinned_->snapshot == nullptr) return dead_snapshot();
  return in.read(key, pinned_ != nullptr ? pinned_->snapshot : nullptr);
}

/// Precondition: the caller has passed the gate.
result<std::unique_ptr<leveldb::Iterator>> read_view::open_rows() const {
  const store::impl& in = *store_->impl_;
  if (in.db == nullptr) return closed();
  if (pinned_ != nullptr && pinned_->snapshot == nullptr) return dead_snapshot();
  return std::unique_ptr<leveldb::Iterator>(in.db->NewIterator(
      checked_scan(pinned_ != nullptr ? pinned_->snapshot : nullptr, keep_blocks_)));
}

// LevelDB's iterators skip unreadable rows and only record the error in their status. Checking the
// status costs about as much as a step to the next row, so scans check it once, at the end.

result<void>
read_view::scan(std::string_view from, std::string_view to,
                const std::function<bool(std::string_view, std::string_view)>& row) const {
  const slice_gate::pass pass(store_->impl_->gate);
  auto opened = open_rows();
  if (!opened) return tl::unexpected(opened.error());
  const auto& rows = *opened;
  for (rows->Seek(slice(from)); rows->Valid(); rows->Next()) {
    const std::string_view key = view(rows->key());
    if (key >= to || !row(key, view(rows->value()))) break;
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  return {};
}

result<void>
read_view::scan_on(std::string_view from, std::string_view to,
                   const std::function<bool(std::string_view, std::string_view)>& row) const {
  std::string next(from);
  for (bool more = true; more;) {
    more = false;
    size_t count = 0;
    auto scanned = scan(next, to, [&](std::string_view key, std::string_view value) {
      if (count++ == defaults::slice_rows) {
        next = key;
        more = true;
        return false;
      }
      return row(key, value);
    });
    if (!scanned) return scanned;
  }
  return {};
}

result<void>
read_view::scan_back(std::string_view from, std::string_view to,
                     const std::function<bool(std::string_view, std::string_view)>& row) const {
  const slice_gate::pass pass(store_->impl_->gate);
  auto opened = open_rows();
  if (!opened) return tl::unexpected(opened.error());
  const auto& rows = *opened;
  rows->Seek(slice(to));
  if (rows->Valid()) {
    rows->Prev();
  } else if (rows->status().ok()) {
    rows->SeekToLast();
  }
  for (; rows->Valid(); rows->Prev()) {
    const std::string_view key = view(rows->key());
    if (key < from || !row(key, view(rows->value()))) break;
  }
  if (!rows->status().ok()) return read_failure(rows->status());
  return {};
}

std::optional<uint64_t> read_view::version() const {
  return pinned_ != nullptr ? pinned_->version : std::nullopt;
}

struct row_finder::impl {
  /// The number of ascending keys before the finder tries steps, and the number of steps it tries.
  /// Keys in no order are searched individually.
  static constexpr size_t ascending_keys = 8;
  static constexpr size_t steps = 8;

  explicit impl(const read_view& from) : view(from), pass(from.store_->impl_->gate) {}
  bool step_to(std::string_view key);

  const read_view& view;
  slice_gate::pass pass;
  std::unique_ptr<leveldb::Iterator> rows{}; ///< at the first row at or after the last key
  size_t ascended = 0;
  std::string last{};
  std::string found{};
};

row_finder::row_finder(const read_view& view) : impl_(std::make_unique<impl>(view)) {}
row_finder::~row_finder() = default;

/// Steps to the first row at or after the key. False: it is too far away.
bool row_finder::impl::step_to(std::string_view key) {
  for (size_t i = 0; rows->Valid() && treadmill::view(rows->key()) < key; ++i) {
    if (i == steps) return false;
    rows->Next();
  }
  return true;
}

result<std::optional<std::string_view>> row_finder::read(std::string_view key) {
  impl& in = *impl_;
  in.ascended = key > in.last ? in.ascended + 1 : 0;
  in.last = key;
  const bool near = in.ascended >= impl::ascending_keys;
  if (near && in.rows == nullptr) {
    auto opened = in.view.open_rows();
    if (!opened) return tl::unexpected(opened.error());
    in.rows = std::move(*opened);
    in.rows->Seek(slice(key));
  }
  // If a neighbour is damaged, the row itself may still be readable.
  if (!near || !in.step_to(key) || !in.rows->status().ok()) {
    if (near) in.ascended = 0;
    in.rows.reset();
    auto row = in.view.read(key);
    if (!row) return tl::unexpected(row.error());
    if (!*row) return std::nullopt;
    in.found = std::move(**row);
    return in.found;
  }
  if (!in.rows->Valid() || view(in.rows->key()) != key) return std::nullopt;
  return view(in.rows->value());
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
  return whole_tree(*tree, **older_bytes);
}

result<std::optional<std::string>> read_view::superseded_body(uint32_t bucket, std::string_view id,
                                                              const revision& rev) const {
  return read(keys::superseded_body(bucket, id, rev.text()));
}

result<std::optional<std::string>> read_view::local_row(uint32_t bucket,
                                                        std::string_view name) const {
  return read(keys::local_row(bucket, name));
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
