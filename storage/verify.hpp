#pragma once
#include "storage/index_run.hpp"
#include "storage/rows.hpp"
#include "storage/store.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// Something that is wrong with what is stored. Both texts are fit to be printed.
struct verify_problem {
  std::string where{}; ///< `bucket/id`, `bucket/_activity/7`, `bucket/_query/name`, …
  std::string what{};  ///< a phrase, as the reason of an error
};

/// What a check found in a bucket.
struct bucket_report {
  std::string bucket{};
  bucket_state counted{};  ///< recomputed; sequence and chain of the last entry that was read
  uint64_t rows = 0;       ///< of the store that were read one after the other
  uint64_t indexes = 0;    ///< of queries, those that are being built included
  uint64_t index_rows = 0; ///< of all of them
  uint64_t mapped = 0;     ///< documents that maps were run on again, of all indexes
  uint64_t problems_found = 0;
  std::vector<verify_problem> problems{}; ///< the first of them (defaults::verify_problems)

  bool whole() const { return problems_found == 0; }
  /// `below`: what follows the bucket's name; empty: the bucket itself.
  void add(std::string_view below, std::string_view what);
  /// A line with the counts, then one for each problem.
  std::string text() const;
  /// One JSON object with the same, without a line feed.
  std::string json() const;
};

/// Holds everything that is stored of a bucket against everything else of it: each document's row,
/// tree, bodies and hashes; the activity log, its sequences, its chain and its marks of what is
/// superseded; marks of conflicts, counts and digest; checkpoints; each index's rows, the lists of
/// each document's rows, and the partial results of built-in reductions, recomputed. Then the rows
/// of each index against those that its map makes now, with whoever runs maps kept out of it. The
/// partial results of JavaScript reductions are taken as they are. An index whose partial results
/// are still being made is checked without them; documents that changed after what an index has
/// taken in are not mapped again, and one that ran into a limit of maps, which is the machine's, is
/// not held against its rows.
///
/// Operation: `advance` until it says that all is read; then, to have the maps run, `next_part`
/// until it gives nothing, each part answered by `mapped` or `not_mapped`; then the report.
///
/// **Thread**: a plain value over a snapshot that stays as it is, at best `store::snapshot`.
/// **Errors**: overloaded (the snapshot died in a reopen: begin again). Whatever else is wrong,
/// also rows that cannot be read, is in the report.
/// **Units and limits**: memory for one document and its whole tree at a time, or for one part,
/// with a few bytes for each query; every document and every entry of the log costs a look-up. A
/// call reads a bounded number of rows, but for an index some of whose rows are in no list of a
/// document's rows: it is read once more as a whole.
class bucket_verifier {
public:
  bucket_verifier(read_view snapshot, const bucket_info& bucket);
  ~bucket_verifier();

  /// Reads the next rows. False: that were all.
  result<bool> advance();

  struct part {
    std::string map{}; ///< of a query
    std::vector<run_document> documents{};
  };
  /// Documents for one map; none where there is more to look through.
  result<std::optional<part>> next_part();
  /// What the map made of them, in order.
  result<void> mapped(std::span<const run_rows> rows);
  /// The map cannot be run at all, and why; that is a problem where its index has rows.
  void not_mapped(std::string_view why);

  const bucket_report& report() const;

private:
  class walk;
  std::unique_ptr<walk> walk_;
};

/// Runs a map on documents. Errors: bad_map; others end the check.
using map_runner = std::function<result<std::vector<run_rows>>(
    const std::string& map, const std::vector<run_document>& documents)>;

/// The whole check at once; without `run_map` as far as it goes without. `progress`, where there is
/// one, gets the number of rows that were read, now and then. **Errors**: as bucket_verifier; those
/// of `run_map`.
result<bucket_report> verify_bucket(const read_view& snapshot, const bucket_info& bucket,
                                    const std::function<void(uint64_t rows)>& progress = {},
                                    const map_runner& run_map = {});

/// Holds the rows of all buckets against the catalogue: each is of a bucket that is there, or that
/// was dropped and is still to be cleaned up. `bucket` of the report is `_system`.
/// **Thread**: the store's writer's, as the catalogue must not change. **Errors**: as above.
result<bucket_report> verify_catalogue(const store& rows);

} // namespace treadmill
