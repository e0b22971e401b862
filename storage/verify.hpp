#pragma once
#include "storage/rows.hpp"
#include "storage/store.hpp"
#include <cstdint>
#include <functional>
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
/// tree, bodies and hashes; the activity log, its sequences and its chain; marks of conflicts,
/// counts and digest; checkpoints; each index's rows, the lists of each document's rows, and the
/// partial results of built-in reductions, recomputed. What only JavaScript can make anew (the rows
/// of an index, the partial results of its own reductions) is taken as it is. An index whose
/// partial results are still being made is checked without them.
///
/// `snapshot`: one that stays as it is, at best `store::snapshot`. `progress`, where there is one,
/// gets the number of rows that were read, now and then.
///
/// **Thread**: any. **Errors**: overloaded (the snapshot died in a reopen: ask again). Whatever
/// else is wrong, also rows that cannot be read, is in the report.
/// **Units and limits**: memory for one document and its whole tree at a time, however large the
/// bucket is; every document and every entry of the log costs a look-up.
result<bucket_report> verify_bucket(const read_view& snapshot, const bucket_info& bucket,
                                    const std::function<void(uint64_t rows)>& progress = {});

/// Holds the rows of all buckets against the catalogue: each is of a bucket that is there, or that
/// was dropped and is still to be cleaned up. `bucket` of the report is `_system`.
/// **Thread**: the store's writer's, as the catalogue must not change. **Errors**: as above.
result<bucket_report> verify_catalogue(const store& rows);

} // namespace treadmill
