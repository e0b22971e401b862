#pragma once
#include "net/node_client.hpp"
#include "storage/verify.hpp"
#include <functional>
#include <string>
#include <vector>

namespace treadmill::http {

/// How far a node is with the check of a bucket.
struct verify_progress {
  std::string bucket{};
  uint64_t rows = 0;   ///< of the store, that were read
  uint64_t mapped = 0; ///< documents that maps were run on again
};

struct verified_bucket {
  bucket_report report{}; ///< its digest is left out
  std::string json{};     ///< the same, whole, as the node gave it
};

/// Has a running node check a bucket, or all of them where `bucket` is empty, by `GET
/// /bucket/_verify`. `found` gets each report as it comes; `progress` is called about once a
/// second. One of all buckets that was dropped meanwhile is passed over.
///
/// **Thread**: blocks. **Errors**: those of asking; not_found; io_error (the node ended the check:
/// its store was reopened, or it stops).
result<void> verify_node(node_client& node, const std::string& bucket,
                         const std::function<void(const verified_bucket&)>& found,
                         const std::function<void(const verify_progress&)>& progress);

} // namespace treadmill::http
