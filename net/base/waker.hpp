#pragma once
#include <functional>
#include <memory>
#include <utility>

namespace treadmill {

/// Wakes the stream that it belongs to. Copyable, cheap. Once the stream is gone, calls do nothing.
/// **Thread**: any.
class waker {
public:
  waker() = default;
  explicit waker(std::function<void()> wake)
      : wake_(std::make_shared<std::function<void()>>(std::move(wake))) {}
  void operator()() const {
    if (wake_ && *wake_) (*wake_)();
  }

private:
  std::shared_ptr<std::function<void()>> wake_;
};

} // namespace treadmill
