#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>

namespace treadmill::js {

/// Limits the CPU time of one piece of work of the thread that made it. A thread of its own looks
/// at that thread's CPU clock, ten times within a limit while there is work; a piece is interrupted
/// after the limit and at most a fifth of it more. One that goes on for as long again and half a
/// second is given up.
///
/// **Thread**: begin, end, wake and rest are for the thread that made it.
class watchdog {
public:
  struct actions {
    std::function<void()> interrupt; ///< called on the watchdog's thread; must be quick
    std::function<void()> give_up;   ///< likewise; not expected to come back
  };
  /// Returns when the thread runs: how a thread begins takes system calls that a sandbox does not
  /// allow.
  watchdog(std::chrono::milliseconds limit, actions what);
  ~watchdog();
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  void wake(); ///< pieces of work will come
  void rest(); ///< none will come for a while

  void begin();
  /// True: the piece was interrupted. No interrupt for it comes after.
  bool end();

private:
  /// Of the current piece, in the low two bits of state_; above them is its number.
  enum phase : uint64_t { idle = 0, working = 1, interrupting = 2, interrupted = 3 };
  static constexpr unsigned phase_bits = 2;

  void watch();
  void look();
  std::chrono::nanoseconds used() const;

  const std::chrono::nanoseconds limit_;
  const actions what_;
  clockid_t clock_{};
  std::mutex mutex_{};
  std::condition_variable changed_{};
  bool started_ = false;
  bool quitting_ = false;
  bool awake_ = false;
  std::atomic<uint64_t> state_ = 0;
  uint64_t piece_ = 0;              ///< of the thread that works
  uint64_t seen_ = 0;               ///< piece that was worked on at the last look
  std::chrono::nanoseconds then_{}; ///< the clock when it was first seen
  std::thread thread_{};
};

} // namespace treadmill::js
