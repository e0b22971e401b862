#pragma once
#include "net/client/node_client.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Backups of buckets of a running node, in files. The file of a bucket holds what `GET
/// /bucket/_export` returns: the bucket at one moment, with all revisions, conflicts, deletions and
/// queries. All functions work on nodes in use, and none changes the node or the files that it
/// reads from.
namespace treadmill::http {

/// The content of the first and the last line of an export.
struct export_facts {
  std::string bucket{};
  std::string log{};    ///< id of the bucket's log
  std::string digest{}; ///< of the bucket, at `last_seq`
  /// The last sequence covered; the next export may continue after it (`since`).
  uint64_t last_seq = 0;
  uint64_t count = 0;     ///< document lines: one for each leaf, including deleted ones and queries
  uint64_t documents = 0; ///< live documents of the bucket
};

/// One JSON object.
std::string facts_json(const export_facts& facts);

/// Forwards an export piece by piece; `piece` returns false if it cannot take more. `log`: the log
/// that `since` counts in; empty: any log. Errors: those of the client; conflict (the bucket has
/// another log: nothing was forwarded); io_error (the export is incomplete).
result<export_facts> export_bucket(node_client& node, const std::string& bucket, uint64_t since,
                                   const std::string& log,
                                   const std::function<bool(std::string_view)>& piece);

/// Called after each finished bucket, with the numbers of finished buckets and of all.
using backup_progress = std::function<void(const export_facts&, size_t done, size_t of)>;

/// Writes each bucket to a file `<bucket>.ndjson` in a directory, which it creates if it is
/// missing, then the file `backup.json`, which lists them: without that file the directory is no
/// backup. Syncs all files, and replaces none. Each bucket is exported at one moment of its own;
/// the moments of different buckets differ. Removes its files after an error. Errors: those of the
/// client; conflict (the directory has a backup already, or a file of one of these names);
/// io_error.
result<std::vector<export_facts>> back_up(node_client& node, const std::string& directory,
                                          const backup_progress& progress);

/// Restores the buckets of a backup to a node that has no buckets of these names, and compares
/// digests: equal ones prove that the node has every revision of the backup. If a file is not the
/// one that `backup.json` lists, it refuses the file before it merges anything of it. The restored
/// buckets have new logs. After an interruption use `merge`, which adds to existing buckets;
/// digests may then differ, and are not compared. Errors: those of the client; io_error, corrupt
/// (the files; a digest that differs); conflict (a bucket exists).
result<std::vector<export_facts>> restore(node_client& node, const std::string& directory,
                                          bool merge, const backup_progress& progress);

} // namespace treadmill::http
