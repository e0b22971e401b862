#pragma once
#include "net/http.hpp"
#include "storage/result.hpp"
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace treadmill::http {

/// A state machine that the workers of a reactor run: by one thread at a time, but not always the
/// same one. Signals that come while it runs are kept for its next run. It stays where it is in
/// memory until its reactor is gone: what comes late for it finds it at rest.
class strand {
public:
  strand() = default;
  virtual ~strand() = default;
  strand(const strand&) = delete;
  strand& operator=(const strand&) = delete;

private:
  friend class reactor;
  /// `signals`: all that came since the last run. No exception may leave it.
  virtual void run(uint32_t signals) noexcept = 0;

  std::atomic<uint32_t> signals_ = 0;
  std::atomic<int64_t> due_ = INT64_MAX;
};

/// What a strand is run for. Values from `first_own_signal` on are free for each strand's own
/// meanings.
namespace signal {
inline constexpr uint32_t input = 1;  ///< its socket may be read, or the peer will send no more
inline constexpr uint32_t output = 2; ///< its socket may be written
inline constexpr uint32_t hangup = 4; ///< the peer will send no more
inline constexpr uint32_t broken = 8; ///< its socket is unusable
inline constexpr uint32_t timer = 16; ///< it is due
inline constexpr uint32_t again = 32; ///< it gave way to the others
inline constexpr uint32_t first_own_signal = 64;
} // namespace signal

/// Worker threads around one epoll, in which all sockets wait (edge-triggered, registered once), a
/// queue of strands to be run, and one timer.
///
/// As many workers as there are cores poll; more would only wake each other (measured: 16 on two
/// cores cost 2.2 times the time of two for each request). The others are spare: a watcher lets one
/// of them poll whenever all that do have been busy with one piece of work for some milliseconds,
/// so that long requests delay short ones no longer than that.
///
/// **Thread**: start, stop and the destructor from one thread, all else from any.
/// **Errors**: start answers io_error (no descriptors or threads left).
class reactor {
public:
  reactor() = default;
  ~reactor(); ///< stops

  result<void> start(size_t threads);
  /// Ends the workers and waits for them. Strands are run no more after it.
  void stop();

  /// Makes `task` known to the timer. Call it once for each strand.
  void add(strand& task);
  /// Lets the socket signal `task` from now on, until it is closed. False: the kernel has no room
  /// for it.
  bool watch(int socket, strand& task);
  /// Has `task` run by a worker soon, with `signals` added.
  void signal(strand& task, uint32_t signals);
  /// When `task` is to be run with signal::timer; replaces what was set before. For the strand
  /// itself.
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
  std::mutex spare_mutex_;
  std::condition_variable spare_needed_, watcher_needed_;
  size_t promotions_ = 0; ///< spares that may poll and have not begun
  bool quitting_ = false;
  std::atomic<size_t> polling_ = 0; ///< workers that are not spare
  std::atomic<size_t> idle_ = 0;    ///< those of them that wait for something to do
  std::atomic<uint64_t> turns_ = 0; ///< pieces of work that were finished
  std::atomic<bool> watcher_sleeps_ = false;

  std::mutex queue_mutex_;
  std::deque<strand*> queue_;
  std::atomic<size_t> queued_ = 0;

  std::mutex timer_mutex_;
  std::vector<strand*> timed_;
  std::atomic<int64_t> armed_ = INT64_MAX;
};

} // namespace treadmill::http
