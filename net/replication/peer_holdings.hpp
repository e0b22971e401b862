#pragma once
#include "net/replication/replication_link.hpp"
#include <map>
#include <optional>
#include <string>

namespace treadmill::replication {

/// How much of this node's buckets a peer has, according to its acknowledgements; kept while the
/// peer is unreachable. If the peer never requested a bucket, because it has no room for it or has
/// dropped it, the peer has nothing of it.
class peer_holdings {
public:
  /// Sets the last sequence of a bucket of this node.
  void reached(const std::string& bucket, uint32_t number, uint64_t sequence) {
    held& of = buckets_[bucket];
    if (of.number != number) of = {number, 0, 0};
    of.sequence = sequence;
  }
  void acknowledged(const std::string& bucket, uint64_t taken) {
    const auto found = buckets_.find(bucket);
    if (found != buckets_.end()) found->second.taken = taken;
  }
  template<class Keep>
  void keep_only(const Keep& keep) {
    std::erase_if(buckets_,
                  [&](const auto& item) { return !keep(item.first, item.second.number); });
  }
  void clear() { buckets_.clear(); }

  /// Adds `peer_behind` to the status of each bucket, and the sum to the link's.
  void show(link_status& shown) const {
    std::map<std::string_view, bucket_progress*> known;
    for (bucket_progress& each : shown.buckets) known[each.bucket] = &each;
    std::vector<bucket_progress> more;
    for (const auto& [name, of] : buckets_) {
      const uint64_t behind = of.sequence > of.taken ? of.sequence - of.taken : 0;
      shown.peer_behind += behind;
      if (const auto found = known.find(name); found != known.end()) {
        found->second->peer_behind = behind;
        continue;
      }
      more.emplace_back().bucket = name;
      more.back().peer_behind = behind;
    }
    shown.buckets.insert(shown.buckets.end(), more.begin(), more.end());
  }

private:
  struct held {
    uint32_t number = 0;
    uint64_t sequence = 0;
    uint64_t taken = 0;
  };
  std::map<std::string, held> buckets_{};
};

} // namespace treadmill::replication
