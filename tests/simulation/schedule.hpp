#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace treadmill::simulation {

using ticks = std::chrono::milliseconds;

/// The clock of a run, and what is to happen when. Events of the same moment come in the order in
/// which they were planned.
class schedule {
public:
  using action = std::function<void()>;

  ticks now() const { return now_; }
  uint64_t count() const { return count_; } ///< of events that came
  void after(ticks wait, action what) {
    events_.push_back({now_ + std::max(wait, ticks(0)), order_++, std::move(what)});
    std::push_heap(events_.begin(), events_.end(), later);
  }
  /// Moves the clock to the next event and lets it happen; false where there is none until `end`.
  bool step(ticks end) {
    if (events_.empty() || events_.front().at > end) {
      now_ = std::max(now_, end);
      return false;
    }
    std::pop_heap(events_.begin(), events_.end(), later);
    event next = std::move(events_.back());
    events_.pop_back();
    now_ = next.at;
    ++count_;
    next.what();
    return true;
  }

private:
  struct event {
    ticks at{0};
    uint64_t order = 0;
    action what{};
  };
  static bool later(const event& a, const event& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  ticks now_{1000};
  uint64_t order_ = 0;
  uint64_t count_ = 0;
  std::vector<event> events_{};
};

} // namespace treadmill::simulation
