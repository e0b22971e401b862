#pragma once
#include "js/defaults.hpp"
#include "js/jobs.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::js {

struct pool_options {
  std::string executable; ///< path of treadmill-map
  size_t workers = defaults::workers;
  bool jitless = false;
  std::chrono::milliseconds document_cpu = defaults::document_cpu;
  size_t heap_bytes = defaults::heap_bytes;
  size_t address_space_bytes = defaults::address_space_bytes; ///< 0: no limit
  size_t array_buffer_bytes = defaults::array_buffer_bytes;
  uint32_t rows_per_document = defaults::rows_per_document;
  size_t row_bytes = defaults::row_bytes;
  size_t answer_bytes = defaults::answer_bytes;
  size_t document_rows_bytes = defaults::document_rows_bytes;
  std::chrono::milliseconds start_time = defaults::start_time;
  std::chrono::milliseconds stall_time = defaults::stall_time;
  /// A worker that had nothing to do for so long is ended; 0: never.
  std::chrono::milliseconds idle_time{0};
  /// Told in one line of each worker that could not be started or did not end well; on the pool's
  /// thread.
  std::function<void(std::string_view)> warn;
};

/// Numbers for metrics; those without "now" only grow.
struct pool_counters {
  size_t workers = 0; ///< now: processes that are starting or ready
  size_t waiting = 0; ///< now: jobs that are with no worker
  size_t working = 0; ///< now: jobs that are with a worker
  uint64_t started = 0;
  uint64_t failed_starts = 0;
  uint64_t killed = 0;    ///< by the pool: they did not answer, or not in frames
  uint64_t died = 0;      ///< in any other way
  uint64_t cancelled = 0; ///< jobs
  uint64_t documents = 0;
  uint64_t reductions = 0;
  uint64_t faults = 0;            ///< of documents and reductions that were answered
  uint64_t strikes = 0;           ///< those of them that is_strike() names
  std::chrono::nanoseconds cpu{}; ///< of all workers there were, when the pool last did something
};

/// Runs functions over documents in worker processes, and survives whatever they do.
///
/// Owns a thread, from the first job on, and up to `workers` processes, each started when the first
/// job finds no free one; a pool that is never used starts nothing. A worker has two batches before
/// it. Functions take turns; jobs of one function go out in their order, but may end in another.
///
/// A document that ran into a limit or killed its worker is tried once more alone, in a worker
/// without other work; then its fault is reported, and the others of its batch get their rows. The
/// document is known from a page of memory that worker and pool share. A worker that was killed
/// from outside costs nothing but time: its jobs are given to another.
///
/// **Thread**: any. Callbacks come exactly once, on the pool's thread (of jobs given after stop():
/// on the caller's); they must not block, throw, or call stop().
/// **Errors**: in the answers; see `outcome` and `fault`.
/// **Units and limits**: js/defaults.hpp. Jobs are not bounded in number: the caller bounds them.
class map_pool {
public:
  /// What is known against starting workers from that file: it is missing, or no executable. Empty:
  /// nothing.
  static std::string problem_of(const std::string& executable);

  explicit map_pool(pool_options options);
  ~map_pool(); ///< stops
  map_pool(const map_pool&) = delete;
  map_pool& operator=(const map_pool&) = delete;

  void map(map_job job, map_callback done);
  void map(std::shared_ptr<const map_job> job, map_callback done);
  void reduce(reduce_job job, reduce_callback done);
  /// Compiles the function, and runs nothing. `done` or `bad_function`.
  void check(std::shared_ptr<const function> what, map_callback done);
  /// Ends all jobs of this function that are not answered yet, with `cancelled`, and the workers
  /// that are at one: what others have there goes to another worker.
  void cancel(uint64_t function);
  /// No more jobs of this function will come: workers drop its context.
  void forget(uint64_t function);
  pool_counters counters() const;
  /// Process ids of the workers now.
  std::vector<int> processes() const;
  /// Kills the workers, answers what waits with `stopped`, and ends the thread. Again: nothing.
  void stop();

private:
  class core;
  std::unique_ptr<core> core_;
};

} // namespace treadmill::js
