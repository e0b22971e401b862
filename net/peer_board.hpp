#pragma once
#include "net/replication_link.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace treadmill::rest {

/// What a peer shows of itself to the threads that answer requests.
struct shown_peer {
  std::string name{};
  std::string zmq_uri{}; ///< empty: it is not known, the peer dials
  std::string node_id{}; ///< empty: it has not been reached yet
  std::string refusal{}; ///< why one of the two sides refuses the other; empty: it does not
  replication::link_status status{};
  std::optional<std::chrono::system_clock::time_point> last_seen{};
};

/// Bytes and frames over all connections with peers, since the start.
struct peer_traffic {
  uint64_t frames_in = 0;
  uint64_t frames_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t dropped_frames = 0;  ///< not sent
  uint64_t cut_connections = 0; ///< over a bound of the transport
};

/// Where the actors of federation put what they show, and threads that answer requests find it.
/// Peers are told apart by keys, which their keeper gives. **Thread**: any.
class peer_board {
public:
  /// Of the peer's keeper: who it is. Only kept peers are shown.
  void keep(uint64_t key, std::string name, std::string zmq_uri, std::string node_id,
            std::string refusal = {});
  void forget(uint64_t key);
  void forget_all();
  /// Of its link: how far it is.
  void show(uint64_t key, replication::link_status status,
            std::optional<std::chrono::system_clock::time_point> last_seen);
  std::vector<shown_peer> all() const; ///< in name order
  size_t count() const;

private:
  mutable std::mutex mutex_{};
  std::map<uint64_t, shown_peer> peers_{};
};

} // namespace treadmill::rest
