#pragma once
#include "net/http/http_server.hpp"
#include "net/node/node_backend.hpp"
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::api {

/// Upper bounds of the latency histograms (requests and fsyncs), inclusive. One more slot counts
/// the rest.
inline constexpr std::array<std::chrono::microseconds, 15> latency_bounds{
    std::chrono::microseconds(100),       std::chrono::microseconds(250),
    std::chrono::microseconds(500),       std::chrono::microseconds(1000),
    std::chrono::microseconds(2500),      std::chrono::microseconds(5000),
    std::chrono::microseconds(10'000),    std::chrono::microseconds(25'000),
    std::chrono::microseconds(50'000),    std::chrono::microseconds(100'000),
    std::chrono::microseconds(250'000),   std::chrono::microseconds(500'000),
    std::chrono::microseconds(1'000'000), std::chrono::microseconds(5'000'000),
    std::chrono::microseconds(30'000'000)};

/// The slot of `latency_bounds` that counts this duration; latency_bounds.size() for the rest.
constexpr size_t latency_slot(std::chrono::microseconds duration) {
  size_t slot = 0;
  while (slot < latency_bounds.size() && duration > latency_bounds[slot]) ++slot;
  return slot;
}

/// Counts finished requests by route and status class, and their latencies.
///
/// **Thread**: any; `count` touches atomics only. **Limits**: one line of counters per route, made
/// at the start; labels never come from a client.
class request_metrics {
public:
  /// `routes` are the labels; they must outlive this. Any other label is counted as "other".
  /// `later`: labels that have lines only once a request has had them.
  explicit request_metrics(std::vector<std::string_view> routes,
                           const std::vector<std::string_view>& later = {});
  void count(std::string_view route, int status, std::chrono::microseconds duration);
  void append_text(std::string& out) const;

private:
  struct line {
    std::array<std::atomic<uint64_t>, 5> statuses{}; ///< 1xx … 5xx
    std::array<std::atomic<uint64_t>, latency_bounds.size() + 1> latencies{};
    std::atomic<uint64_t> microseconds{0};
  };
  std::vector<std::string_view> routes_; ///< sorted; the last line is "other"
  std::vector<std::string_view> later_;  ///< sorted
  std::unique_ptr<line[]> lines_;
};

/// Buckets that have lines of their own in the metrics, the first in name order;
/// `treadmill_buckets` counts all.
inline constexpr size_t metrics_buckets = 100;
/// Queries that have lines of their own, of those buckets, the first in name order.
inline constexpr size_t metrics_queries = 200;

/// The whole answer of /_system/metrics: Prometheus text, version 0.0.4. `server` may be all zero.
std::string metrics_text(const request_metrics& requests, const node_facts& facts,
                         const http::server_counters& server, const store& rows,
                         const query_board& queries, const peer_board& peers, bool ready);

} // namespace treadmill::api
