#pragma once
#include "net/base/clock.hpp"
#include "storage/base/result.hpp"

namespace treadmill {

/// True after the deadline of a request: the request is then answered, and must not be started.
template<typename Message>
bool is_late(const Message& asked) {
  if (clock::now() <= asked.deadline) return false;
  (*asked.answer)(fail(ec::deadline_exceeded, "the call waited too long; it was not begun"));
  return true;
}

} // namespace treadmill
