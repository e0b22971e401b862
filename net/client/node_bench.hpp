#pragma once
#include "storage/base/result.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace treadmill::http {

/// The measurements of one kind of request.
struct bench_figure {
  std::string what{};     ///< "post", "bulk", "get"
  size_t connections = 0; ///< concurrent; each sends one request after the other
  uint64_t requests = 0;
  uint64_t documents = 0; ///< in all requests
  double seconds = 0;
  std::chrono::microseconds half{}; ///< half of the requests took no longer
  std::chrono::microseconds most{}; ///< 99 % of them took no longer

  double documents_a_second() const;
};

/// Fills in the number of requests and their times. Reorders `times`.
void take_times(bench_figure& figure, std::vector<std::chrono::microseconds>& times);

struct bench_options {
  std::string host{};
  uint16_t port = 0;
  size_t connections = 16;
  std::chrono::milliseconds time{3000};    ///< duration of each measurement
  const std::atomic<bool>* stop = nullptr; ///< if it becomes true, the run ends early
};

struct bench_facts {
  std::string durability{}; ///< of the node
  std::string bucket{};     ///< written to, then dropped
  /// Buckets of other runs, which still run or were killed.
  std::vector<std::string> others{};
  std::vector<bench_figure> figures{};
};

/// Measures a running node from its client's side: single documents written and read over one and
/// over many connections, and documents written by `_bulk`. Uses a bucket of its own with a random
/// name, which peers do not see (names.hpp, stays_local). The bucket is dropped at the end, also
/// after an error. `begun` is called when that bucket exists; `tell` gets each figure as soon as it
/// is measured.
///
/// **Thread**: one; starts others, and blocks until all is done. **Errors**: those of node_client,
/// of the first request that failed; not_applied (it was stopped). After an error, too, the bucket
/// is dropped if the node still answers.
result<bench_facts> measure_node(const bench_options& options,
                                 const std::function<void(const bench_facts&)>& begun,
                                 const std::function<void(const bench_figure&)>& tell);

/// A line of text, and JSON: `{"what","connections",…}`.
std::string figure_text(const bench_figure& figure);
std::string figure_json(const bench_figure& figure);

} // namespace treadmill::http
