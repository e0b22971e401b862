#include "actors/row_slots.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {

row_slots::slot row_slots::make() {
  return {static_cast<void*>(this), [self = shared_from_this()](void*) { self->release(); }};
}

row_slots::slot row_slots::take(uint64_t who, std::function<void()> wake) {
  {
    const std::lock_guard lock(mutex_);
    const auto kept = kept_.find(who);
    if (kept != kept_.end()) {
      if (--kept->second == 0) kept_.erase(kept);
    } else if (free_ > 0 && waiting_.empty()) {
      --free_;
    } else {
      const bool waits = std::any_of(waiting_.begin(), waiting_.end(),
                                     [who](const auto& one) { return one.first == who; });
      if (!waits) waiting_.emplace_back(who, std::move(wake));
      return nullptr;
    }
  }
  return make();
}

void row_slots::release() {
  std::function<void()> wake;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      ++free_;
      return;
    }
    ++kept_[waiting_.front().first];
    wake = std::move(waiting_.front().second);
    waiting_.pop_front();
  }
  wake();
}

void row_slots::leave(uint64_t who) {
  size_t kept = 0;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [who](const auto& one) { return one.first == who; });
    const auto found = kept_.find(who);
    if (found != kept_.end()) {
      kept = found->second;
      kept_.erase(found);
    }
  }
  for (; kept > 0; --kept) release();
}

size_t row_slots::free() const {
  const std::lock_guard lock(mutex_);
  return free_;
}

} // namespace treadmill
