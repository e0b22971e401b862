#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <utility>

/// What one peer may cost this node: bytes that are held for it, and time that is spent on it.
namespace treadmill::replication {

/// A share of the bytes that are held in memory for a peer: counted in `total` for as long as it
/// lives, and moved with what it counts. `total` outlives it.
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

/// Time of the processor that frames may take. It refills by `share` of the time that passes, up to
/// `most`; what takes longer than there is left is owed, up to `most` too, and frames wait until it
/// is paid back.
///
/// **Thread**: any; several links may share one.
class work_budget {
public:
  using clock_time = std::chrono::milliseconds; ///< since any fixed moment
  using work = std::chrono::microseconds;

  work_budget(double share, work most) : share_(share), most_(most), left_(most) {}

  void spend(work took, clock_time now) {
    const std::lock_guard lock(mutex_);
    refill(now);
    left_ = std::max(left_ - took, -most_); // so that nobody waits for long
  }
  /// How long to wait before the next frame; 0: not at all.
  clock_time wait(clock_time now) {
    const std::lock_guard lock(mutex_);
    refill(now);
    if (left_ > work(0)) return clock_time(0);
    return clock_time(1 +
                      static_cast<int64_t>(static_cast<double>(-left_.count()) / share_ / 1000));
  }

private:
  void refill(clock_time now) {
    if (now <= at_) return;
    const work since = std::min<work>(now - at_, std::chrono::hours(1));
    at_ = now;
    left_ += work(static_cast<int64_t>(static_cast<double>(since.count()) * share_));
    left_ = std::min(left_, most_);
  }

  const double share_;
  const work most_;
  std::mutex mutex_{};
  clock_time at_{0};
  work left_;
};

} // namespace treadmill::replication
