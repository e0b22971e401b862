#pragma once
#include "storage/result.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace treadmill::http {

/// What was measured of one kind of request.
struct bench_figure {
  std::string what{};     ///< "post", "bulk", "get"
  size_t connections = 0; ///< that asked at once, each for one thing after the other
  uint64_t requests = 0;
  uint64_t documents = 0; ///< of all requests
  double seconds = 0;
  std::chrono::microseconds half{}; ///< half of the requests took no longer
  std::chrono::microseconds most{}; ///< 99 % of them took no longer

  double documents_a_second() const;
};

/// Fills in the requests and how long they took. The order of `times` changes.
void take_times(bench_figure& figure, std::vector<std::chrono::microseconds>& times);

struct bench_options {
  std::string host{};
  uint16_t port = 0;
  size_t connections = 16;
  std::chrono::milliseconds time{3000};    ///< for each figure
  const std::atomic<bool>* stop = nullptr; ///< becomes true: end early
};

struct bench_facts {
  std::string durability{}; ///< of the node
  std::string bucket{};     ///< that was written to, and is dropped
  /// Buckets of other runs, which go on or were killed.
  std::vector<std::string> others{};
  std::vector<bench_figure> figures{};
};

/// Measures a running node from its client's side: single documents written and read over one and
/// over many connections, and documents written by `_bulk`. All of it in a bucket of its own, with
/// a random name, which no peer is told of (names.hpp, stays_local) and which is dropped at the
/// end, however that comes. `begun` is called when that bucket is there; `tell` gets each figure as
/// soon as it is.
///
/// **Thread**: one; makes others, and blocks until all is done. **Errors**: those of node_client,
/// of the first request that failed; not_applied: it was stopped. The bucket is dropped after them,
/// too, as far as the node still answers.
result<bench_facts> measure_node(const bench_options& options,
                                 const std::function<void(const bench_facts&)>& begun,
                                 const std::function<void(const bench_figure&)>& tell);

/// A line for a person, and JSON: `{"what","connections",…}`.
std::string figure_text(const bench_figure& figure);
std::string figure_json(const bench_figure& figure);

} // namespace treadmill::http
