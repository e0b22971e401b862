#pragma once
#include "net/metrics.hpp"
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace treadmill {

/// What the actors count for /_system and the metrics, and the bounds of their queues. **Thread**:
/// any.
struct node_counters {
  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> committed_batches{0};
  std::atomic<uint64_t> failed_commits{0};
  std::atomic<uint64_t> restarts{0};
  std::atomic<uint64_t> cut_peers{0};     ///< peers that broke a bound
  std::atomic<uint64_t> queued_writes{0}; ///< groups of writes accepted and not yet answered
  std::atomic<uint64_t> queued_bytes{0};  ///< of their bodies
  /// Of batches that buckets have given to storage, and that are not answered.
  std::atomic<uint64_t> bytes_on_their_way{0};
  std::atomic<uint64_t> commit_nanoseconds{0};
  std::array<std::atomic<uint64_t>, rest::latency_bounds.size() + 1> commit_latencies{};
};

} // namespace treadmill
