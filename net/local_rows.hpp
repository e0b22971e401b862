#pragma once
#include "storage/result.hpp"
#include "storage/rows.hpp"
#include "storage/store.hpp"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::replication {

/// Rows of one moment, as `read_view` gives them; many that are read in the order of their keys
/// cost less, as with `row_finder`. **Lifetime, thread**: one slice, in one thread.
class row_view {
public:
  virtual ~row_view() = default;
  virtual result<std::optional<std::string>> read(std::string_view key) const = 0;
  /// From `from` (inclusive) to `to` (exclusive), until the callback returns false.
  virtual result<void>
  scan(std::string_view from, std::string_view to,
       const std::function<bool(std::string_view key, std::string_view value)>& row) const = 0;
};

/// What a peer link reads of its own node: the store, or, in a simulation, a model of one.
class local_rows {
public:
  virtual ~local_rows() = default;
  virtual std::vector<bucket_info> buckets() const = 0;
  virtual std::optional<bucket_info> find_bucket(std::string_view name) const = 0;
  /// True where a bucket of this name was dropped here and not made again: it is not taken from
  /// peers.
  virtual bool left(std::string_view name) const = 0;
  /// What is durable: all that peers are told of.
  virtual std::unique_ptr<row_view> synced() const = 0;
  /// What is committed: to tell what is known already.
  virtual std::unique_ptr<row_view> latest() const = 0;
};

/// The same over a store. **Lifetime**: shares the store's.
std::unique_ptr<local_rows> make_local_rows(std::shared_ptr<const store> rows);

/// All zero where there is no row yet.
result<bucket_state> read_state(const row_view& rows, uint32_t bucket);

/// A document's row with the bytes that it views into; nothing where there is no such document.
struct stored_document {
  std::unique_ptr<const std::string> bytes{};
  document_row row{};
};
result<std::optional<stored_document>> read_document(const row_view& rows, uint32_t bucket,
                                                     std::string_view id);
/// Its tree, older ancestry included.
result<revision_tree> read_tree(const row_view& rows, uint32_t bucket, std::string_view id,
                                const document_row& row);
/// The body of a live leaf; nothing where it is none.
result<std::optional<std::string>> read_leaf_body(const row_view& rows, uint32_t bucket,
                                                  std::string_view id, const document_row& row,
                                                  const revision& rev);

} // namespace treadmill::replication
