#pragma once
#include "net/api/metrics.hpp"
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace treadmill {

/// Counters of the actors for /_system and the metrics, and the fill of their queues. **Thread**:
/// any.
struct node_counters {
  std::atomic<uint64_t> commits{0};
  std::atomic<uint64_t> committed_batches{0};
  std::atomic<uint64_t> restarts{0};
  std::atomic<uint64_t> cut_peers{0};     ///< times that a peer was cut because it exceeded a limit
  std::atomic<uint64_t> queued_writes{0}; ///< groups of writes accepted and not yet answered
  std::atomic<uint64_t> queued_bytes{0};  ///< of their bodies
  /// Bytes of batches that buckets have submitted to storage and storage has not answered.
  std::atomic<uint64_t> bytes_on_their_way{0};
  std::atomic<uint64_t> commit_nanoseconds{0};
  std::array<std::atomic<uint64_t>, api::latency_bounds.size() + 1> commit_latencies{};
};

} // namespace treadmill
