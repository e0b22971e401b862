#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <utility>

namespace treadmill {

/// Carries an answer from an actor to whoever asked from outside the actor system: exactly once,
/// from any thread. Where it is dropped without an answer (its actor died, or its message was
/// thrown away) it gives `if_dropped`: a caller gets an error, not silence. CAF's own promises do
/// not: a dropped one shows only as a time-out, and each costs a timer.
///
/// What was asked for is not begun before its actor calls `begin`, so `if_dropped` says that
/// nothing was done.
template<typename Answer>
class reply {
public:
  reply(std::function<void(Answer)> give, Answer if_dropped)
      : give_(std::move(give)), if_dropped_(std::move(if_dropped)) {}
  ~reply() {
    if (!given_.load()) give_(std::move(if_dropped_));
  }
  reply(const reply&) = delete;
  reply& operator=(const reply&) = delete;

  /// From here on it may have been done: what a drop gives now. Of who would answer.
  void begin(Answer if_dropped) { if_dropped_ = std::move(if_dropped); }

  void operator()(Answer answer) {
    if (!given_.exchange(true)) give_(std::move(answer));
  }

private:
  std::function<void(Answer)> give_;
  Answer if_dropped_;
  std::atomic<bool> given_{false};
};

template<typename Answer>
using reply_ptr = std::shared_ptr<reply<Answer>>;

} // namespace treadmill
