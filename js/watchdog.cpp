#include "js/watchdog.hpp"
#include <algorithm>
#include <pthread.h>

namespace treadmill::js {

using namespace std::chrono_literals;

watchdog::watchdog(std::chrono::milliseconds limit, actions what)
    : limit_(limit), what_(std::move(what)) {
  ::pthread_getcpuclockid(::pthread_self(), &clock_);
  thread_ = std::thread([this] { watch(); });
}

watchdog::~watchdog() {
  {
    const std::lock_guard lock(mutex_);
    quitting_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void watchdog::wake() {
  {
    const std::lock_guard lock(mutex_);
    awake_ = true;
  }
  changed_.notify_all();
}

void watchdog::rest() {
  const std::lock_guard lock(mutex_);
  awake_ = false;
}

void watchdog::begin() {
  const std::lock_guard lock(mutex_);
  ++piece_;
  working_ = true;
  fired_ = false;
}

bool watchdog::end() {
  const std::lock_guard lock(mutex_);
  working_ = false;
  return fired_;
}

void watchdog::watch() {
  const auto tick = std::max<std::chrono::nanoseconds>(limit_ / 10, 1ms);
  std::unique_lock lock(mutex_);
  while (!quitting_) {
    if (!awake_) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_for(lock, tick);
    if (!quitting_ && working_) look();
  }
}

void watchdog::look() {
  const auto now = used();
  if (piece_ != seen_) {
    seen_ = piece_;
    then_ = now;
    return;
  }
  const auto taken = now - then_;
  if (taken > limit_ && !fired_) {
    fired_ = true;
    what_.interrupt();
  }
  if (taken > 2 * limit_ + 500ms) what_.give_up();
}

std::chrono::nanoseconds watchdog::used() const {
  timespec at{};
  ::clock_gettime(clock_, &at);
  return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
}

} // namespace treadmill::js
