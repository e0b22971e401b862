#pragma once
#include "net/node_client.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Copies of buckets of a running node, in files: each bucket as `GET /bucket/_export` gives it,
/// one moment of it, with all revisions, conflicts, deletions and queries. All take nodes that are
/// at work, and none changes what it reads.
namespace treadmill::http {

/// What the first and the last line of an export say.
struct export_facts {
  std::string bucket{};
  std::string log{};      ///< the id of the bucket's log
  std::string digest{};   ///< of the bucket, at `last_seq`
  uint64_t last_seq = 0;  ///< what it covers; the next one may go on after it (`since`)
  uint64_t count = 0;     ///< lines: a document's leaves, deleted ones and queries among them
  uint64_t documents = 0; ///< live ones of the bucket
};

/// One JSON object.
std::string facts_json(const export_facts& facts);

/// Hands an export on, piece by piece, up to the whole; `piece` answers false where it cannot take
/// more. `log`: the log that `since` counts in; empty: whichever the bucket has. Errors: those of
/// the client; conflict (the bucket's log is another one: nothing was handed on); io_error (it did
/// not come to its end).
result<export_facts> export_bucket(node_client& node, const std::string& bucket, uint64_t since,
                                   const std::string& log,
                                   const std::function<bool(std::string_view)>& piece);

/// Called with each bucket that is done, and how many there are.
using backup_progress = std::function<void(const export_facts&, size_t done, size_t of)>;

/// Writes all buckets to files `<bucket>.ndjson` in a directory, made where it is missing, then the
/// file `backup.json`, which says what is there: without it, it is no backup. All is synced.
/// Each bucket is one moment; buckets have nothing to do with each other.
/// Errors: those of the client; conflict (there is a backup in it already); io_error.
result<std::vector<export_facts>> back_up(node_client& node, const std::string& directory,
                                          const backup_progress& progress);

/// Brings the buckets of a backup to a node that has none of these names, and compares their
/// digests: equal ones prove that each has what the backup has, every revision of it. A file that
/// is not the one which the list means is refused before anything of it is merged. Their logs are
/// new ones. What was interrupted can be finished with `merge`, which adds to buckets that are
/// there; digests then need not be equal, and are not compared.
/// Errors: those of the client; io_error, corrupt (the files; a digest that differs); conflict (a
/// bucket is there).
result<std::vector<export_facts>> restore(node_client& node, const std::string& directory,
                                          bool merge, const backup_progress& progress);

} // namespace treadmill::http
