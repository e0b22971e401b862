#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace treadmill {

/// Admits many threads for short slices of work, and lets one thread close the gate: `close` waits
/// until all slices in progress have ended, and new slices wait until `open`. While no thread
/// closes the gate, a slice costs two atomic operations.
/// **Thread**: any; close and open from one thread, which is not in a slice.
class slice_gate {
public:
  /// A slice of work, from construction to destruction, in one thread. A slice inside another slice
  /// of the same thread and gate is part of it and never waits. Otherwise a read within a scan
  /// could wait for a `close` that waits for the scan.
  class pass {
  public:
    explicit pass(slice_gate& gate) : gate_(gate), outer_(innermost_), nested_(is_inside(gate)) {
      if (!nested_) gate_.enter();
      innermost_ = this;
    }
    ~pass() {
      innermost_ = outer_;
      if (!nested_) gate_.leave();
    }
    pass(const pass&) = delete;
    pass& operator=(const pass&) = delete;

  private:
    static bool is_inside(const slice_gate& gate) {
      for (const pass* p = innermost_; p != nullptr; p = p->outer_) {
        if (&p->gate_ == &gate) return true;
      }
      return false;
    }

    inline static thread_local const pass* innermost_ = nullptr;
    slice_gate& gate_;
    const pass* outer_;
    bool nested_;
  };

  void close() {
    closing_.store(true);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_.load() == 0; });
  }

  void open() {
    {
      const std::lock_guard lock(mutex_);
      closing_.store(false);
    }
    changed_.notify_all();
  }

private:
  void enter() {
    inside_.fetch_add(1);
    while (closing_.load()) {
      leave();
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !closing_.load(); });
      inside_.fetch_add(1);
    }
  }

  void leave() {
    if (inside_.fetch_sub(1) == 1 && closing_.load()) {
      const std::lock_guard lock(mutex_); // the closer is then either before its test or waiting
      changed_.notify_all();
    }
  }

  std::atomic<int64_t> inside_{0};
  std::atomic<bool> closing_{false};
  std::mutex mutex_{};
  std::condition_variable changed_{};
};

} // namespace treadmill
