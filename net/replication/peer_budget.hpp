#pragma once
#include "storage/base/lock_rules.hpp"
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

/// Limits on what one peer may cost this node: bytes held for it, and processing time spent on it.
namespace treadmill::replication {

/// A share of the memory held for a peer. Its bytes count in `total` until it is destroyed, and
/// move with it. `total` outlives it.
class held_bytes {
public:
  held_bytes() = default;
  explicit held_bytes(uint64_t& total) : total_(&total) {}
  held_bytes(held_bytes&& other) noexcept
      : total_(std::exchange(other.total_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  held_bytes& operator=(held_bytes&& other) noexcept {
    std::swap(total_, other.total_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~held_bytes() {
    if (total_ != nullptr) *total_ -= bytes_;
  }
  void add(uint64_t more) {
    if (total_ == nullptr) return;
    bytes_ += more;
    *total_ += more;
  }

private:
  uint64_t* total_ = nullptr;
  uint64_t bytes_ = 0;
};

/// A budget of processing time for frames. It refills by `share` of the elapsed time, up to `most`.
/// Work beyond the budget becomes a debt, also up to `most`, and frames wait until the debt is
/// repaid.
///
/// **Thread**: any; several links may share one.
class work_budget {
public:
  using clock_time = std::chrono::milliseconds; ///< since any fixed moment
  using work = std::chrono::microseconds;

  work_budget(double share, work most) : share_(share), most_(most), left_(most) {}

  void spend(work took, clock_time now) {
    const checked_lock lock(mutex_);
    refill(now);
    left_ = std::max(left_ - took, -most_); // bounds the wait
  }
  /// How long to wait before the next frame; 0: no wait.
  clock_time wait(clock_time now) {
    const checked_lock lock(mutex_);
    refill(now);
    if (left_ > work(0)) return clock_time(0);
    return clock_time(1 +
                      static_cast<int64_t>(static_cast<double>(-left_.count()) / share_ / 1000));
  }

private:
  void refill(clock_time now) NEEDS_LOCK(mutex_) {
    if (now <= at_) return;
    const work since = std::min<work>(now - at_, std::chrono::hours(1));
    at_ = now;
    left_ += work(static_cast<int64_t>(static_cast<double>(since.count()) * share_));
    left_ = std::min(left_, most_);
  }

  const double share_;
  const work most_;
  checked_mutex mutex_{};
  clock_time at_ GUARDED_BY(mutex_){0};
  work left_ GUARDED_BY(mutex_);
};

} // namespace treadmill::replication
