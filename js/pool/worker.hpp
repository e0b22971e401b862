#pragma once
#include "js/pool/pool_job.hpp"
#include "js/pool/worker_process.hpp"
#include "js/wire/frame.hpp"
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill::js {

/// A pool's side of one worker: the frames to and from it, and the batches that it has. **Thread**:
/// the pool's.
class worker {
public:
  using clock = std::chrono::steady_clock;
  struct flight {
    uint64_t request = 0;
    std::unique_ptr<pool_job> job;
    pool_job::piece items;
  };
  struct limits {
    std::chrono::nanoseconds start_time{}; ///< until it is ready
    std::chrono::nanoseconds item_cpu{};   ///< CPU time of the process for one item
    std::chrono::nanoseconds stall_time{}; ///< wall-clock time for one item
  };

  worker(std::unique_ptr<worker_process> process, size_t largest_reply);

  int socket() const { return process_->socket(); }
  worker_process& process() { return *process_; }

  /// Until the worker is ready, the pool sends it only the first frame.
  bool ready() const { return ready_; }
  void begin(const worker_limits& what);
  void set_ready() {
    ready_ = true;
    idle_since_ = clock::now();
  }

  /// Sends a batch of the job. Defines the function in the worker first if needed.
  void give(uint64_t request, std::unique_ptr<pool_job> job, size_t batch_bytes);
  void forget(uint64_t function);

  bool wants_to_send() const { return sent_ < out_.size(); }
  /// Send and receive as much as possible without blocking. False: the socket is broken.
  bool send();
  bool receive();
  frame_buffer::state next(std::string_view& frame) { return in_.next(frame); }

  const std::deque<flight>& flights() const { return flights_; }
  flight take_first();
  /// When it last finished a batch, or became ready.
  clock::time_point idle_since() const { return idle_since_; }
  /// One of its jobs must run alone.
  bool has_isolated_job() const;

  /// `well`: nothing to do. Otherwise: why the worker must be killed.
  enum class verdict : uint8_t { well, late_start, too_long, stalled };
  verdict judge(const limits& most, clock::time_point now);

private:
  void note_function(const function& what);

  std::unique_ptr<worker_process> process_;
  bool ready_ = false;
  frame_buffer in_;
  std::string out_{};
  size_t sent_ = 0;
  std::deque<flight> flights_{};
  std::deque<uint64_t> functions_{}; ///< defined in the worker; least recently used first
  worker_process::position seen_{};
  std::chrono::nanoseconds seen_cpu_{};
  clock::time_point seen_at_ = clock::now();
  clock::time_point idle_since_ = clock::now();
};

} // namespace treadmill::js
