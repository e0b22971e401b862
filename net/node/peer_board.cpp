#include "net/node/peer_board.hpp"
#include <algorithm>
#include <utility>

namespace treadmill {

void peer_board::keep(uint64_t key, std::string name, std::string zmq_uri, std::string node_id,
                      std::string refusal) {
  const checked_lock lock(mutex_);
  shown_peer& peer = peers_[key];
  peer.name = std::move(name);
  peer.zmq_uri = std::move(zmq_uri);
  peer.node_id = std::move(node_id);
  peer.refusal = std::move(refusal);
}

void peer_board::forget(uint64_t key) {
  const checked_lock lock(mutex_);
  peers_.erase(key);
}

void peer_board::forget_all() {
  const checked_lock lock(mutex_);
  peers_.clear();
}

void peer_board::show(uint64_t key, link_status status,
                      std::optional<std::chrono::system_clock::time_point> last_seen) {
  const checked_lock lock(mutex_);
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;
  found->second.status = std::move(status);
  if (last_seen) found->second.last_seen = last_seen;
}

std::vector<shown_peer> peer_board::all() const {
  std::vector<shown_peer> peers;
  {
    const checked_lock lock(mutex_);
    peers.reserve(peers_.size());
    for (const auto& [key, peer] : peers_) peers.push_back(peer);
  }
  std::sort(peers.begin(), peers.end(),
            [](const shown_peer& a, const shown_peer& b) { return a.name < b.name; });
  return peers;
}

size_t peer_board::count() const {
  const checked_lock lock(mutex_);
  return peers_.size();
}

} // namespace treadmill
