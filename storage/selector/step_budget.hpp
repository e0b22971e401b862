#pragma once
#include <cstdint>

namespace treadmill {

/// Counts the work on one document. A step is a few tens of nanoseconds of work: a member or an
/// element that is visited, a comparison, some characters that a regular expression reads.
class step_budget {
public:
  explicit step_budget(uint64_t steps) : left_(steps) {}

  /// Takes `steps`. False if there are not so many left; then the budget is exhausted for good.
  bool spend(uint64_t steps) {
    if (steps > left_) exhausted_ = true;
    if (exhausted_) return false;
    left_ -= steps;
    return true;
  }
  bool exhausted() const { return exhausted_; }
  uint64_t left() const { return left_; }

private:
  uint64_t left_;
  bool exhausted_ = false;
};

} // namespace treadmill
