#include "net/transport/peer_commands.hpp"
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace treadmill::replication {

peer_commands::peer_commands(limits most)
    : most_(most), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

peer_commands::~peer_commands() {
  if (wake_ >= 0) ::close(wake_);
}

uint64_t peer_commands::add_incoming() {
  const checked_lock lock(mutex_);
  if (ended_) return 0;
  known_.emplace(next_, std::make_shared<waiting_bytes>());
  return next_++;
}

void peer_commands::forget(uint64_t connection) {
  const checked_lock lock(mutex_);
  known_.erase(connection);
}

uint64_t peer_commands::add_dial(zmq_address to) {
  const checked_lock lock(mutex_);
  if (ended_) return 0;
  known_.emplace(next_, std::make_shared<waiting_bytes>());
  push(dial_command{next_, std::move(to)});
  return next_++;
}

void peer_commands::add_resolved(uint64_t connection, std::vector<std::string> addresses) {
  const checked_lock lock(mutex_);
  push(resolved_command{connection, std::move(addresses)});
}

void peer_commands::add_hang_up(uint64_t connection) {
  const checked_lock lock(mutex_);
  const auto found = known_.find(connection);
  if (found == known_.end()) return;
  push(hang_up_command{connection, std::move(found->second)});
  known_.erase(found);
}

bool peer_commands::add_frame(uint64_t connection, std::string bytes) {
  const checked_lock lock(mutex_);
  const auto found = known_.find(connection);
  if (ended_ || found == known_.end() || bytes.size() > most_.frame_bytes ||
      found->second->now() >= most_.connection_bytes ||
      all_->now() + waiting_frame::cost(bytes) > most_.bytes)
    return false;
  push(send_command{connection,
                    std::make_unique<waiting_frame>(std::move(bytes), found->second, all_)});
  return true;
}

void peer_commands::end() {
  const checked_lock lock(mutex_);
  ended_ = true;
  wake();
}

bool peer_commands::take(std::vector<peer_command>& to) {
  to.clear();
  const checked_lock lock(mutex_);
  if (std::exchange(is_awake_, false)) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(wake_, &count, sizeof count);
  }
  to.swap(queue_);
  return ended_;
}

void peer_commands::push(peer_command next) {
  queue_.push_back(std::move(next));
  wake();
}

void peer_commands::wake() {
  if (std::exchange(is_awake_, true)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = ::write(wake_, &one, sizeof one);
}

} // namespace treadmill::replication
