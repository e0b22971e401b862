#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <utility>

namespace treadmill {

/// Carries an answer from an actor to a caller outside the actor system: exactly once, from any
/// thread. If it is destroyed without an answer (the actor died, or the message was dropped), it
/// answers `if_dropped`, so that the caller gets an error. CAF's own promises do not: a dropped
/// promise shows only as a time-out, and each needs a timer.
///
/// Until the actor calls `begin`, the request was not started, so `if_dropped` says that nothing
/// was done.
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

  /// The request is started: a drop now answers this instead. Only the answering actor calls it.
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
