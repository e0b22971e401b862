#pragma once
#include "storage/base/result.hpp"
#include "storage/engine/rows.hpp"
#include "storage/engine/store.hpp"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::replication {

/// Reads rows like `read_view`. Like with `row_finder`, reading many rows in the order of their
/// keys costs less. **Lifetime, thread**: one slice, in one thread.
class row_view {
public:
  virtual ~row_view() = default;
  virtual result<std::optional<std::string>> read(std::string_view key) const = 0;
  /// Visits the rows from `from` (inclusive) to `to` (exclusive), until the callback returns false.
  virtual result<void>
  scan(std::string_view from, std::string_view to,
       const std::function<bool(std::string_view key, std::string_view value)>& row) const = 0;
};

/// The rows of its own node that a peer link reads: from the store or, in a simulation, from a
/// model of one.
class local_rows {
public:
  virtual ~local_rows() = default;
  virtual std::vector<bucket_info> buckets() const = 0;
  virtual std::optional<bucket_info> find_bucket(std::string_view name) const = 0;
  /// True if a bucket of this name was dropped here and not created again, or if that cannot be
  /// read now: the link does not create it from a peer.
  virtual bool left(std::string_view name) const = 0;
  /// A snapshot of the durable rows; peers learn only of these.
  virtual std::unique_ptr<row_view> synced() const = 0;
  /// The committed rows, not a snapshot; shows which revisions this node already has.
  virtual std::unique_ptr<row_view> latest() const = 0;
};

/// local_rows of a store. **Lifetime**: shares the store.
std::unique_ptr<local_rows> make_local_rows(std::shared_ptr<const store> rows);

/// All zero if there is no row yet.
result<bucket_state> read_state(const row_view& rows, uint32_t bucket);

/// A document's row with the bytes that it refers to; empty if there is no such document.
struct stored_document {
  std::unique_ptr<const std::string> bytes{};
  document_row row{};
};
result<std::optional<stored_document>> read_document(const row_view& rows, uint32_t bucket,
                                                     std::string_view id);
/// The document's whole tree, including older ancestry. Errors: overloaded (the document changed
/// between two reads).
result<revision_tree> read_tree(const row_view& rows, uint32_t bucket, std::string_view id,
                                const document_row& row);
/// The body of a live leaf; empty if the revision is not one.
result<std::optional<std::string>> read_leaf_body(const row_view& rows, uint32_t bucket,
                                                  std::string_view id, const document_row& row,
                                                  const revision& rev);

} // namespace treadmill::replication
