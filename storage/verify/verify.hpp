#pragma once
#include "storage/engine/rows.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index_run.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// One problem in the stored data. Both texts are printable.
struct verify_problem {
  std::string where{}; ///< `bucket/id`, `bucket/_activity/7`, `bucket/_query/name`, …
  std::string what{};  ///< a phrase, like the reason of an error
};

/// The result of checking a bucket.
struct bucket_report {
  std::string bucket{};
  bucket_state counted{};  ///< recomputed; sequence and chain are those of the last entry read
  uint64_t rows = 0;       ///< rows of the store that the scan read
  uint64_t indexes = 0;    ///< of queries, including those being built
  uint64_t index_rows = 0; ///< of all of them
  uint64_t mapped = 0;     ///< documents that were mapped again, over all indexes
  uint64_t problems_found = 0;
  std::vector<verify_problem> problems{}; ///< at most the first defaults::verify_problems

  bool whole() const { return problems_found == 0; }
  /// `below` follows the bucket's name in `where`; empty: the bucket itself.
  void add(std::string_view below, std::string_view what);
  /// One line with the counts, then one line per problem.
  std::string text() const;
  /// One JSON object with the same, without a line feed.
  std::string json() const;
};

/// Checks all stored data of a bucket for consistency: each document's row, tree, bodies and
/// hashes; the activity log, its sequences, its chain and its superseded marks; conflict marks,
/// counts and digest; checkpoints; each index's rows, the lists of each document's rows, and the
/// partial results of built-in reductions, which it recomputes. Then it compares the rows of each
/// index with the rows that its map produces now; the caller runs the maps. It does not recompute
/// partial results of JavaScript reductions. If the partial results of an index are still being
/// built, it checks the index without them. It does not map documents that changed after the index
/// was updated, and it ignores documents that exceed a limit of maps, since such limits depend on
/// the machine.
///
/// Operation: call `advance` until it returns false; then, to check the maps, call `next_part`
/// until it returns nullopt, and answer each part with `mapped` or `not_mapped`; then read the
/// report.
///
/// **Thread**: a plain value over a snapshot that does not change, preferably `store::snapshot`.
/// **Errors**: overloaded (a reopen invalidated the snapshot: start again). All other problems,
/// including unreadable rows, are in the report.
/// **Units and limits**: it holds one document with its whole tree, or one part, in memory, and a
/// few bytes per query. Each document and each log entry costs a lookup. A call reads a bounded
/// number of rows, with one exception: if an index has rows that no document's list contains, one
/// call reads the whole index again.
class bucket_verifier {
public:
  bucket_verifier(read_view snapshot, const bucket_info& bucket);
  ~bucket_verifier();

  /// Reads the next rows. False: all rows are read.
  result<bool> advance();

  struct part {
    std::string map{}; ///< source of the query's map
    std::vector<run_document> documents{};
  };
  /// The next documents for one map; `documents` may be empty while the scan continues. nullopt:
  /// the end.
  result<std::optional<part>> next_part();
  /// The rows that the map produced for the documents, in order.
  result<void> mapped(std::span<const run_rows> rows);
  /// Reports that the map cannot be run, and why. This is a problem if its index has rows.
  void not_mapped(std::string_view why);

  const bucket_report& report() const;

private:
  class walk;
  std::unique_ptr<walk> walk_;
};

/// Runs a map on documents. Errors: bad_map; any other error ends the check.
using map_runner = std::function<result<std::vector<run_rows>>(
    const std::string& map, const std::vector<run_document>& documents)>;

/// Runs the whole check; without `run_map`, the maps are not checked. `progress`, if set,
/// periodically receives the number of rows read. **Errors**: as bucket_verifier; those of
/// `run_map`.
result<bucket_report> verify_bucket(const read_view& snapshot, const bucket_info& bucket,
                                    const std::function<void(uint64_t rows)>& progress = {},
                                    const map_runner& run_map = {});

/// Checks that each row belongs to a bucket of the catalogue, or to a dropped bucket whose clean-up
/// is pending. `bucket` of the report is `_system`.
/// **Thread**: the store's writer, since the catalogue must not change. **Errors**: as above.
result<bucket_report> verify_catalogue(const store& rows);

} // namespace treadmill
