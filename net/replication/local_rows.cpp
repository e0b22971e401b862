#include "net/replication/local_rows.hpp"
#include "storage/engine/keys.hpp"
#include <utility>

namespace treadmill::replication {

namespace {

class store_view final : public row_view {
public:
  explicit store_view(read_view view) : view_(std::move(view)) {}
  result<std::optional<std::string>> read(std::string_view key) const override {
    const auto row = finder_.read(key);
    if (!row) return tl::unexpected(row.error());
    if (!*row) return std::nullopt;
    return std::string(**row);
  }
  result<void> scan(
      std::string_view from, std::string_view to,
      const std::function<bool(std::string_view key, std::string_view value)>& row) const override {
    return view_.scan(from, to, row);
  }

private:
  const read_view view_;
  mutable row_finder finder_{view_};
};

class store_rows final : public local_rows {
public:
  explicit store_rows(std::shared_ptr<const store> rows) : rows_(std::move(rows)) {}
  std::vector<bucket_info> buckets() const override { return rows_->buckets(); }
  std::optional<bucket_info> find_bucket(std::string_view name) const override {
    return rows_->find_bucket(name);
  }
  bool left(std::string_view name) const override {
    const auto mark = rows_->latest().read(keys::left_bucket(name));
    return !mark || mark->has_value(); // if it cannot be read now, the link asks again later
  }
  std::unique_ptr<row_view> synced() const override {
    return std::make_unique<store_view>(rows_->synced());
  }
  std::unique_ptr<row_view> latest() const override {
    return std::make_unique<store_view>(rows_->latest());
  }

private:
  std::shared_ptr<const store> rows_;
};

} // namespace

std::unique_ptr<local_rows> make_local_rows(std::shared_ptr<const store> rows) {
  return std::make_unique<store_rows>(std::move(rows));
}

result<bucket_state> read_state(const row_view& rows, uint32_t bucket) {
  auto bytes = rows.read(keys::bucket_state(bucket));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return bucket_state{};
  return bucket_state::decode(**bytes);
}

result<std::optional<stored_document>> read_document(const row_view& rows, uint32_t bucket,
                                                     std::string_view id) {
  auto bytes = rows.read(keys::document(bucket, id));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return std::optional<stored_document>();
  stored_document found;
  found.bytes = std::make_unique<const std::string>(std::move(**bytes));
  auto row = document_row::decode(*found.bytes);
  if (!row) return tl::unexpected(row.error());
  found.row = *row;
  return std::optional<stored_document>(std::move(found));
}

result<revision_tree> read_tree(const row_view& rows, uint32_t bucket, std::string_view id,
                                const document_row& row) {
  auto tree = row.tree();
  if (!tree || !row.older) return tree;
  auto bytes = rows.read(keys::older_ancestry(bucket, id));
  if (!bytes) return tl::unexpected(bytes.error());
  // The rest may have been rewritten between the two reads, because `latest` is not a snapshot.
  if (!*bytes) return fail(ec::overloaded, "a document changed while it was read");
  return whole_tree(*tree, **bytes);
}

result<std::optional<std::string>> read_leaf_body(const row_view& rows, uint32_t bucket,
                                                  std::string_view id, const document_row& row,
                                                  const revision& rev) {
  if (rev == row.winner) {
    if (row.deleted) return std::optional<std::string>();
    return std::optional<std::string>(std::string(row.body));
  }
  return rows.read(keys::losing_body(bucket, id, rev.text()));
}

} // namespace treadmill::replication
