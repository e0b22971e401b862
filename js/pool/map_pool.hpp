#pragma once
#include "js/wire/defaults.hpp"
#include "js/wire/jobs.hpp"
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
  /// The pool ends a worker that was idle for this long; 0: never.
  std::chrono::milliseconds idle_time{0};
  /// Called with one line for each worker that could not be started or ended abnormally; on the
  /// pool's thread.
  std::function<void(std::string_view)> warn;
};

/// Numbers for metrics; those without "now" never decrease.
struct pool_counters {
  size_t workers = 0; ///< now: processes that are starting or ready
  size_t waiting = 0; ///< now: jobs that no worker has
  size_t working = 0; ///< now: jobs that a worker has
  uint64_t started = 0;
  uint64_t failed_starts = 0;
  uint64_t killed = 0;    ///< by the pool: no answer in time, or a bad one
  uint64_t died = 0;      ///< ended in any other way
  uint64_t cancelled = 0; ///< jobs
  uint64_t documents = 0;
  uint64_t reductions = 0;
  uint64_t faults = 0;            ///< answered documents and reductions with a fault
  uint64_t strikes = 0;           ///< faults for which is_strike() is true
  std::chrono::nanoseconds cpu{}; ///< of all workers ever, at the pool's last activity
};

/// Runs functions over documents in worker processes, and survives whatever they do.
///
/// Owns a thread, from the first job on, and up to `workers` processes. It starts a process when a
/// job finds no free worker; an unused pool starts nothing. A worker has up to two batches.
/// Functions take turns. Jobs of one function are sent in order, but may end in another order.
///
/// A document with a strike (it ran into a limit or killed its worker) is tried once more, alone in
/// a worker without other work. Then the pool reports its fault, and the other documents of its
/// batch get their rows. A page of memory that worker and pool share tells which document it was.
/// If a worker was killed from outside, its jobs go to another worker and only time is lost.
///
/// **Thread**: any. Callbacks come exactly once, on the pool's thread (of jobs given after stop():
/// on the caller's); they must not block, throw, or call stop().
/// **Errors**: in the answers; see `outcome` and `fault`.
/// **Units and limits**: js/wire/defaults.hpp. Jobs are not bounded in number: the caller bounds
/// them.
class map_pool {
public:
  /// Why no worker can be started from this file: it is missing, or not executable. Empty: no
  /// reason is known.
  static std::string problem_of(const std::string& executable);

  explicit map_pool(pool_options options);
  ~map_pool(); ///< stops
  map_pool(const map_pool&) = delete;
  map_pool& operator=(const map_pool&) = delete;

  void map(map_job job, map_callback done);
  void map(std::shared_ptr<const map_job> job, map_callback done);
  void reduce(reduce_job job, reduce_callback done);
  /// Compiles the function without running it. Answers `done` or `bad_function`.
  void check(std::shared_ptr<const function> what, map_callback done);
  /// Answers `cancelled` to all unanswered jobs of this function, and ends the workers that have
  /// one. Other jobs of these workers go to another worker.
  void cancel(uint64_t function);
  /// No more jobs of this function will come, so workers drop its context.
  void forget(uint64_t function);
  pool_counters counters() const;
  /// Current process ids of the workers.
  std::vector<int> processes() const;
  /// Kills the workers, answers waiting jobs with `stopped`, and ends the thread. Idempotent.
  void stop();

private:
  class core;
  std::unique_ptr<core> core_;
};

} // namespace treadmill::js
