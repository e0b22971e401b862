#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::bench {

using row = std::pair<std::string, std::string>;

/// LevelDB alone, set up as the node sets it up: what the node's figures stand beside.
/// **Thread**: write and scan from any. **Errors**: throws.
class raw_store {
public:
  explicit raw_store(const std::string& folder); ///< made where it is missing
  ~raw_store();
  raw_store(const raw_store&) = delete;
  raw_store& operator=(const raw_store&) = delete;

  /// One synced batch.
  void write(std::span<const row> rows);
  std::string read(std::string_view key) const;
  /// The rows from `from` to before `to`.
  std::vector<row> rows(std::string_view from, std::string_view to) const;
  /// Touches every key and value from `from` to before `to`; answers how many.
  uint64_t scan(std::string_view from, std::string_view to) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// The number of a bucket in a store that no node has open.
uint32_t bucket_number(const raw_store& store, std::string_view bucket);

/// What the node's last `writes` writes to a bucket put into its store, in their order: for each,
/// the document's row and its activity; at the end of each batch of `batch` writes the bucket's
/// state.
std::vector<std::vector<row>> written_rows(const raw_store& store, std::string_view bucket,
                                           uint64_t writes, uint64_t batch);

} // namespace treadmill::bench
