#pragma once
#include "net/client/node_client.hpp"
#include "storage/verify/verify.hpp"
#include <functional>
#include <string>
#include <vector>

namespace treadmill::http {

/// The progress of the check of a bucket.
struct verify_progress {
  std::string bucket{};
  uint64_t rows = 0;   ///< rows of the store read so far
  uint64_t mapped = 0; ///< documents on which maps were run again
};

struct verified_bucket {
  bucket_report report{}; ///< without its digest
  std::string json{};     ///< the complete report as the node sent it
};

/// Asks a running node to check a bucket by `GET /bucket/_verify`, or all buckets if `bucket` is
/// empty. `found` gets each report as it arrives; `progress` is called about once a second. When
/// checking all buckets, skips one that was dropped meanwhile.
///
/// **Thread**: blocks. **Errors**: those of the client; not_found; io_error (the node ended the
/// check: its store was reopened, or it is stopping).
result<void> verify_node(node_client& node, const std::string& bucket,
                         const std::function<void(const verified_bucket&)>& found,
                         const std::function<void(const verify_progress&)>& progress);

} // namespace treadmill::http
