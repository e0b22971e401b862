#pragma once
#include "js/frame.hpp"
#include "js/pool_job.hpp"
#include "js/worker_process.hpp"
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill::js {

/// A pool's side of one worker: what is on its way there, and what came back. **Thread**: the
/// pool's.
class worker {
public:
  using clock = std::chrono::steady_clock;
  struct flight {
    uint64_t request = 0;
    std::unique_ptr<pool_job> job;
    pool_job::piece items;
  };
  struct limits {
    std::chrono::nanoseconds start_time{}; ///< to be ready
    std::chrono::nanoseconds item_cpu{};   ///< at one item, of the process
    std::chrono::nanoseconds stall_time{}; ///< at one item, of the wall clock
  };

  worker(std::unique_ptr<worker_process> process, size_t largest_reply);

  int socket() const { return process_->socket(); }
  worker_process& process() { return *process_; }

  /// Until it is ready nothing but the first frame goes to it.
  bool ready() const { return ready_; }
  void begin(const worker_limits& what);
  void set_ready() {
    ready_ = true;
    idle_since_ = clock::now();
  }

  /// Has the function defined there first if it is not.
  void give(uint64_t request, std::unique_ptr<pool_job> job, size_t batch_bytes);
  void forget(uint64_t function);

  bool wants_to_send() const { return sent_ < out_.size(); }
  /// False: the socket is broken. Both: as much as goes without waiting.
  bool send();
  bool receive();
  frame_buffer::state next(std::string_view& frame) { return in_.next(frame); }

  const std::deque<flight>& flights() const { return flights_; }
  flight take_first();
  /// When it last had something to do, or became ready.
  clock::time_point idle_since() const { return idle_since_; }
  /// One of its jobs wants to be alone.
  bool has_delicate() const;

  /// A fault: it is to be killed for it. None is also the answer while all is well.
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
  std::deque<uint64_t> functions_{}; ///< defined there; the one used last is the last
  worker_process::position seen_{};
  std::chrono::nanoseconds seen_cpu_{};
  clock::time_point seen_at_ = clock::now();
  clock::time_point idle_since_ = clock::now();
};

} // namespace treadmill::js
