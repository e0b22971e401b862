#include "js/worker/watchdog.hpp"
#include <algorithm>
#include <pthread.h>

namespace treadmill::js {

using namespace std::chrono_literals;

watchdog::watchdog(std::chrono::milliseconds limit, actions what)
    : limit_(limit), what_(std::move(what)) {
  ::pthread_getcpuclockid(::pthread_self(), &clock_);
  thread_ = std::thread([this] { watch(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return started_; });
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
  state_.store(++piece_ << phase_bits | working, std::memory_order_release);
}

bool watchdog::end() {
  uint64_t expected = piece_ << phase_bits | working;
  if (state_.compare_exchange_strong(expected, piece_ << phase_bits | idle)) return false;
  // The interrupt is in progress: it must end before the next piece begins.
  while (state_.load() != (piece_ << phase_bits | interrupted)) std::this_thread::yield();
  state_.store(piece_ << phase_bits | idle);
  return true;
}

void watchdog::watch() {
  const auto tick = std::max<std::chrono::nanoseconds>(limit_ / 10, 1ms);
  std::unique_lock lock(mutex_);
  started_ = true;
  changed_.notify_all();
  while (!quitting_) {
    if (!awake_) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_for(lock, tick);
    if (!quitting_) look();
  }
}

void watchdog::look() {
  uint64_t state = state_.load();
  const uint64_t current = state >> phase_bits;
  const uint64_t now_in = state & ((1u << phase_bits) - 1);
  if (now_in == idle) return;
  const auto now = used();
  if (current != seen_) {
    seen_ = current;
    then_ = now;
    return;
  }
  const auto taken = now - then_;
  if (taken > limit_ && now_in == working &&
      state_.compare_exchange_strong(state, current << phase_bits | interrupting)) {
    what_.interrupt();
    state_.store(current << phase_bits | interrupted);
  }
  if (taken > 2 * limit_ + 500ms && state_.load() >> phase_bits == current) what_.give_up();
}

std::chrono::nanoseconds watchdog::used() const {
  timespec at{};
  ::clock_gettime(clock_, &at);
  return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
}

} // namespace treadmill::js
