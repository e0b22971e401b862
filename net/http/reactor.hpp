#pragma once
#include "net/http/http.hpp"
#include "storage/base/lock_rules.hpp"
#include "storage/base/result.hpp"
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

namespace treadmill::http {

/// A state machine that the workers of a reactor run. Its owner keeps it at the same address until
/// the reactor is gone, because late signals still refer to it. Signals that arrive while it runs
/// are kept for its next run. **Thread**: one at a time, but not always the same one.
class strand {
public:
  strand() = default;
  virtual ~strand() = default;
  strand(const strand&) = delete;
  strand& operator=(const strand&) = delete;

private:
  friend class reactor;
  /// `signals`: all signals since the last run. It must not throw.
  virtual void run(uint32_t signals) noexcept = 0;

  std::atomic<uint32_t> signals_ = 0;
  std::atomic<int64_t> due_ = INT64_MAX;
};

/// The reasons for running a strand. Each strand may define its own signals from `first_own_signal`
/// on.
namespace signal {
inline constexpr uint32_t input = 1;  ///< its socket is readable, or the peer will send no more
inline constexpr uint32_t output = 2; ///< its socket is writable
inline constexpr uint32_t hangup = 4; ///< the peer will send no more
inline constexpr uint32_t broken = 8; ///< its socket is unusable
inline constexpr uint32_t timer = 16; ///< its due time has come
inline constexpr uint32_t again = 32; ///< it yielded to the other strands
inline constexpr uint32_t first_own_signal = 64;
} // namespace signal

/// Owns worker threads, one epoll set of all sockets (edge-triggered, registered once), a queue of
/// strands to run, and one timer.
///
/// Only as many workers as there are cores (at least two) poll; more would only wake each other
/// (measured on two cores: with 16 polling workers each request took 2.2 times as long as with
/// two). The other workers are spare. If all polling workers have been busy with the same piece of
/// work for some milliseconds, a watcher thread lets a spare one poll, so that long requests delay
/// short ones no longer than that.
///
/// **Thread**: start, stop and the destructor from one thread, all else from any.
/// **Errors**: start answers io_error (no descriptors or threads left).
class reactor {
public:
  reactor() = default;
  ~reactor(); ///< stops

  result<void> start(size_t threads);
  /// Ends the workers and waits for them. No strand runs after it returns.
  void stop();

  /// Registers `task` with the timer. Call it once for each strand.
  void add(strand& task);
  /// Signals `task` on each event of the socket until the socket is closed. False: the kernel
  /// cannot watch one more socket.
  bool watch(int socket, strand& task);
  /// Adds `signals` to those of `task` and schedules it to run on a worker.
  void signal(strand& task, uint32_t signals);
  /// Sets when `task` runs with signal::timer; replaces the time that was set before. Only the
  /// strand itself calls it.
  void set_due(strand& task, clock::time_point when);

private:
  struct descriptor {
    int value = -1;
    ~descriptor();
  };
  static constexpr uint32_t active = 1u << 31; // it runs or is in the queue

  void work(bool spare);
  bool wait_as_spare();
  void watch_over();
  void wake_watcher();
  void take(void* source, uint32_t events);
  void drain_queue();
  void execute(strand& task);
  void enqueue(strand& task);
  void wake_one();
  void arm(int64_t due);
  void sweep();

  descriptor epoll_, wake_, timer_, quit_;
  std::vector<std::thread> workers_;
  std::atomic<bool> wake_pending_ = false;
  size_t most_pollers_ = 1;

  std::thread watcher_;
  checked_mutex spare_mutex_;
  std::condition_variable spare_needed_, watcher_needed_;
  /// Spare workers that were told to poll and have not begun.
  size_t promotions_ GUARDED_BY(spare_mutex_) = 0;
  bool quitting_ GUARDED_BY(spare_mutex_) = false;
  std::atomic<size_t> polling_ = 0; ///< workers that are not spare
  std::atomic<size_t> idle_ = 0;    ///< polling workers that wait for an event
  std::atomic<uint64_t> turns_ = 0; ///< pieces of work that were finished
  std::atomic<bool> watcher_sleeps_ = false;

  checked_mutex queue_mutex_;
  std::deque<strand*> queue_ GUARDED_BY(queue_mutex_);
  std::atomic<size_t> queued_ = 0;

  checked_mutex timer_mutex_;
  std::vector<strand*> timed_ GUARDED_BY(timer_mutex_);
  std::atomic<int64_t> armed_ = INT64_MAX;
};

} // namespace treadmill::http
