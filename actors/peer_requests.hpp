#pragma once
#include "actors/reply.hpp"
#include "net/node/node_backend.hpp"
#include "net/replication/peer_registry.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <map>

namespace treadmill {

/// The requests to add a peer that wait until the peer is reached or refused, or until their time
/// is over.
///
/// **Thread**: one at a time. **Units and limits**: the caller gives each request up after
/// `defaults::peer_wait`.
class peer_requests {
public:
  using answer_ptr = reply_ptr<result<peer_added>>;

  /// `fresh`: the request added the peer. Returns the number of the request.
  uint64_t wait(uint64_t peer, bool fresh, answer_ptr answer);
  /// Whether the request that added this peer still waits.
  bool is_awaited(uint64_t peer) const;
  /// Two records turned out to be one peer, which is not new.
  void merge(uint64_t from, uint64_t into);

  void reached(uint64_t peer, const replication::peer_record& record);
  void refuse(uint64_t peer, const error& problem);
  void refuse_all(const error& problem);
  /// The time of this request is over.
  void give_up(uint64_t number, const replication::peer_registry& registry);

private:
  struct request {
    uint64_t peer = 0;
    bool fresh = false;
    answer_ptr answer{};
  };
  uint64_t last_ = 0;
  std::map<uint64_t, request> waiting_{};
};

} // namespace treadmill
