#include "actors/type_ids.hpp"
// The type ids come first.
#include "actors/defaults.hpp"
#include "actors/peer_wire.hpp"
#include <algorithm>
#include <caf/send.hpp>
#include <utility>

namespace treadmill {

namespace {

/// One frame always fits.
bool fits(size_t& waiting, size_t more) {
  if (waiting > 0 && waiting + more > defaults::frames_waiting) return false;
  waiting += more;
  return true;
}

} // namespace

void peer_wire::attach(zmq_gateway_actor gateway) {
  std::map<uint64_t, known_connection> before;
  {
    const std::lock_guard lock(mutex_);
    gateway_ = std::move(gateway);
    waiting_ = 0;
    std::swap(known_, before);
  }
  for (const auto& [connection, known] : before) carrier_.hang_up(connection);
}

void peer_wire::detach() {
  const std::lock_guard lock(mutex_);
  gateway_ = zmq_gateway_actor();
  known_.clear();
}

uint64_t peer_wire::dial(const std::string& uri) {
  const uint64_t connection = carrier_.dial(uri);
  const std::lock_guard lock(mutex_);
  if (connection != 0) known_.try_emplace(connection);
  return connection;
}

void peer_wire::hang_up(uint64_t connection) {
  carrier_.hang_up(connection);
  const std::lock_guard lock(mutex_);
  known_.erase(connection);
}

void peer_wire::route(uint64_t connection, peer_link_actor link) {
  const std::lock_guard lock(mutex_);
  known_connection& known = known_[connection];
  known.link = std::move(link);
  known.waiting = 0; // it counted frames of the previous link
}

void peer_wire::unroute(uint64_t connection) { route(connection, {}); }

uint64_t peer_wire::heard(uint64_t connection) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(connection);
  return found == known_.end() ? 0 : found->second.heard;
}

bool peer_wire::send(uint64_t connection, std::string frame) {
  return carrier_.send(connection, std::move(frame));
}

void peer_wire::received(uint64_t connection, std::string frame) {
  frame_received came{connection, std::move(frame), false, 0};
  came.waiting = came.frame.size() + defaults::frame_overhead;
  std::unique_lock lock(mutex_);
  const auto found = known_.find(connection);
  came.routed = found != known_.end() && found->second.link;
  if (!fits(came.routed ? found->second.waiting : waiting_, came.waiting)) return;
  if (came.routed) {
    ++found->second.heard;
    const peer_link_actor link = found->second.link;
    lock.unlock();
    caf::anon_send(link, std::move(came));
    return;
  }
  const zmq_gateway_actor to = gateway_;
  lock.unlock();
  if (to) caf::anon_send(to, std::move(came));
}

void peer_wire::handled(const frame_received& came) {
  if (came.waiting == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(came.connection);
  if (came.routed && found == known_.end()) return;
  size_t& waiting = came.routed ? found->second.waiting : waiting_;
  waiting -= std::min<size_t>(waiting, came.waiting);
}

zmq_gateway_actor peer_wire::gateway() const {
  const std::lock_guard lock(mutex_);
  return gateway_;
}

void peer_wire::lost(uint64_t connection) {
  if (const auto to = gateway()) caf::anon_send(to, connection_lost{connection});
}

void peer_wire::made(uint64_t connection) {
  if (const auto to = gateway()) caf::anon_send(to, connection_made{connection});
}

} // namespace treadmill
