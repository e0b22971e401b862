#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>

namespace treadmill {

/// The pause before a repeated attempt. It doubles with every attempt, up to a maximum.
template<typename Duration>
class back_off {
public:
  back_off(Duration first, Duration most) : first_(first), most_(most), next_(first) {}
  /// An attempt succeeded: the next pause is the first one again.
  void reset() { next_ = first_; }
  /// Shortens the next pause to `most`.
  void cap(Duration most) { next_ = std::min(next_, most); }
  Duration next() { return std::exchange(next_, std::min(next_ * 2, most_)); }
  /// As next(), but half of the pause is random, so that nodes do not act in step.
  Duration next(uint64_t random) {
    const Duration pause = next();
    return pause / 2 + pause * static_cast<int64_t>(random % 1024) / 2048;
  }

private:
  Duration first_;
  Duration most_;
  Duration next_;
};

} // namespace treadmill
