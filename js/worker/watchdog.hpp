#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace treadmill::js {

/// Limits the CPU time of one piece of work of the thread that made the watchdog. Owns a thread
/// that reads that thread's CPU clock ten times per limit while there is work. It interrupts a
/// piece after the limit, at most a fifth of the limit late. If the piece continues for as long
/// again and half a second, the watchdog gives up.
///
/// **Thread**: shifts and pieces belong to the thread that made it.
class watchdog {
public:
  struct actions {
    std::function<void()> interrupt; ///< called on the watchdog's thread; must return quickly
    std::function<void()> give_up;   ///< likewise; does not need to return
  };
  /// Returns when the thread runs, because starting a thread needs system calls that the sandbox
  /// forbids.
  watchdog(std::chrono::milliseconds limit, actions what);
  ~watchdog();
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  /// A scope with pieces of work. Outside of it the watchdog's thread sleeps.
  class shift {
  public:
    explicit shift(watchdog& of) : of_(of) { of_.wake(); }
    ~shift() { of_.rest(); }
    shift(const shift&) = delete;
    shift& operator=(const shift&) = delete;

  private:
    watchdog& of_;
  };

  /// One piece of work, from its construction to its end; at most one at a time.
  class piece {
  public:
    explicit piece(watchdog& of) : of_(of) { of_.begin(); }
    ~piece() { end(); }
    piece(const piece&) = delete;
    piece& operator=(const piece&) = delete;
    /// True: the piece was interrupted. No interrupt for it comes later.
    bool end() {
      if (!std::exchange(ended_, true)) interrupted_ = of_.end();
      return interrupted_;
    }

  private:
    watchdog& of_;
    bool ended_ = false;
    bool interrupted_ = false;
  };

private:
  void wake();
  void rest();
  void begin();
  bool end();
  /// Phase of the current piece, in the low two bits of state_; the higher bits are its number.
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
  uint64_t piece_ = 0;              ///< number of the last piece; used by the working thread
  uint64_t seen_ = 0;               ///< piece at the last look
  std::chrono::nanoseconds then_{}; ///< CPU clock when that piece was first seen
  std::thread thread_{};
};

} // namespace treadmill::js
