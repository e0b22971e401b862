#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include "storage/engine/store_impl.hpp"
#include <algorithm>

/// One-time upgrades of stores that older versions wrote.
namespace treadmill {

namespace {

/// Computes the digest of a bucket from its documents' rows; besides them it only reads the bodies
/// of losing leaves.
class digest_sum {
public:
  explicit digest_sum(std::function<result<std::optional<std::string>>(std::string_view)> read,
                      uint32_t bucket)
      : read_(std::move(read)), bucket_(bucket) {}

  result<void> take(std::string_view id, std::string_view bytes) {
    const auto row = document_row::decode(bytes);
    if (!row) return tl::unexpected(row.error());
    const auto tree = row->tree();
    if (!tree) return tl::unexpected(tree.error());
    sum_ = add(sum_, document_digest(id, *tree));
    for (const revision_tree::node& leaf : tree->nodes()) {
      if (!leaf.leaf || !leaf.elsewhere()) continue;
      claims_ = true;
      auto body = body_of(id, *row, leaf);
      if (!body) return tl::unexpected(body.error());
      sum_ = add(sum_, claim_digest(id, leaf, *body));
    }
    return {};
  }
  bool claims() const { return claims_; } ///< true if some leaf was made elsewhere
  const hash128& value() const { return sum_; }

private:
  result<std::string> body_of(std::string_view id, const document_row& row,
                              const revision_tree::node& leaf) const {
    if (leaf.deleted) return std::string();
    if (leaf.rev == row.winner) return std::string(row.body);
    auto body = read_(keys::losing_body(bucket_, id, leaf.rev.text()));
    if (!body) return tl::unexpected(body.error());
    if (!*body) return fail(ec::corrupt, "a losing leaf has lost its body");
    return std::move(**body);
  }

  std::function<result<std::optional<std::string>>(std::string_view)> read_;
  uint32_t bucket_;
  hash128 sum_{};
  bool claims_ = false;
};

} // namespace

/// Older versions did not include the claims of leaves made elsewhere in digests. This function
/// recomputes the digests of all buckets with such leaves once, in one synced batch with the mark
/// that this is done. It skips a bucket that cannot be read, which `verify` reports, and tries
/// again at the next start.
result<void> store::impl::count_claims() {
  const auto done = read(keys::meta(keys::claims_counted), nullptr);
  if (!done) return tl::unexpected(done.error());
  if (*done) return {};
  row_batch rows;
  bool all = true;
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  checked.fill_cache = false;
  std::set<uint32_t> buckets;
  {
    const checked_read_lock reading(catalogue_mutex);
    buckets = live_numbers;
  }
  for (const uint32_t bucket : buckets) {
    digest_sum sum([this](std::string_view key) { return read(key, nullptr); }, bucket);
    const std::unique_ptr<leveldb::Iterator> at(db->NewIterator(checked));
    const std::string end = keys::documents_end(bucket);
    result<void> right;
    for (at->Seek(keys::document(bucket, "")); right && at->Valid() && view(at->key()) < end;
         at->Next()) {
      right = sum.take(keys::id_of(view(at->key())), view(at->value()));
    }
    if (!right || !at->status().ok()) {
      all = false;
      continue;
    }
    if (!sum.claims()) continue;
    const auto bytes = read(keys::bucket_state(bucket), nullptr);
    auto state = bytes && *bytes ? bucket_state::decode(**bytes) : bucket_state{};
    if (!bytes || !state) {
      all = false;
      continue;
    }
    state->digest = sum.value();
    rows.put(keys::bucket_state(bucket), state->encode());
  }
  if (all) rows.put(keys::meta(keys::claims_counted), "");
  return rows.empty() ? result<void>() : write(rows, true);
}

/// Every row of format 1 is also one of format 2, so only the version changes. Its row is written
/// here, in one synced batch, and the file FORMAT after it. If the process ends in between, a later
/// start writes the file, and an older version refuses the database by its row.
result<void> store::impl::upgrade_format() {
  const auto version = read(keys::meta("format"), nullptr);
  if (!version) return tl::unexpected(version.error());
  if (**version == format_version) return {};
  row_batch rows;
  rows.put(keys::meta("format"), format_version);
  if (auto done = write(rows, true); !done) return done;
  warn("the store was upgraded from format " + std::string(upgraded_format) + " to format " +
       std::string(format_version) + ": older versions cannot open it any more");
  return {};
}

} // namespace treadmill
