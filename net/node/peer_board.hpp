#pragma once
#include "net/node/link_status.hpp"
#include "storage/base/lock_rules.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

/// What the threads that answer requests see of a peer.
struct shown_peer {
  std::string name{};
  std::string zmq_uri{}; ///< empty: unknown, because the peer dials this node
  std::string node_id{}; ///< empty: not connected so far
  std::string refusal{}; ///< why one side refuses the other; empty: neither does
  link_status status{};
  std::optional<std::chrono::system_clock::time_point> last_seen{};
};

/// Bytes and frames over all connections with peers, since the start.
struct peer_traffic {
  uint64_t frames_in = 0;
  uint64_t frames_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t dropped_frames = 0;  ///< frames that could not be sent
  uint64_t cut_connections = 0; ///< cut because they exceeded a bound of the transport
};

/// The board on which the federation actors publish the state of peers, for the threads that answer
/// requests. The peer's owner gives it a key. **Thread**: any.
class peer_board {
public:
  /// The peer's owner publishes its identity. The board shows only peers that were kept.
  void keep(uint64_t key, std::string name, std::string zmq_uri, std::string node_id,
            std::string refusal = {});
  void forget(uint64_t key);
  void forget_all();
  /// The peer's link publishes its progress; ignored for a peer that is not kept.
  void show(uint64_t key, link_status status,
            std::optional<std::chrono::system_clock::time_point> last_seen);
  std::vector<shown_peer> all() const; ///< in name order
  size_t count() const;

private:
  mutable checked_mutex mutex_{};
  std::map<uint64_t, shown_peer> peers_ GUARDED_BY(mutex_){};
};

} // namespace treadmill
