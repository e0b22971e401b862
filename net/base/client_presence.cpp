#include "net/base/client_presence.hpp"
#include <utility>

namespace treadmill {

client_presence client_presence::make() {
  client_presence made;
  made.state_ = std::make_shared<state>();
  return made;
}

bool client_presence::left() const {
  if (!state_) return false;
  const std::lock_guard lock(state_->mutex);
  return state_->left;
}

void client_presence::on_leave(std::function<void()> then) const {
  if (!state_) return;
  {
    const std::lock_guard lock(state_->mutex);
    std::swap(state_->then, then); // the previous function is destroyed without the lock
    if (!state_->left) return;
    std::swap(state_->then, then);
  }
  if (then) then();
}

void client_presence::leave() const {
  if (!state_) return;
  std::function<void()> then;
  {
    const std::lock_guard lock(state_->mutex);
    state_->left = true;
    then.swap(state_->then);
  }
  if (then) then();
}

} // namespace treadmill
