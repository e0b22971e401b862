#pragma once
#include "net/replication/link_context.hpp"
#include <map>
#include <set>
#include <string>
#include <vector>

namespace treadmill::replication {

/// Buckets that a peer announces and this node does not have: requests the creation of a bounded
/// number at a time, and remembers the names of those that exceed this node's limit of buckets.
///
/// **Units and limits**: at most `making_buckets`, `unmade_buckets` and `refused_buckets` names are
/// kept; the peer has to announce further ones again.
class bucket_making {
public:
  explicit bucket_making(link_context& shared) : shared_(shared) {}

  /// The peer has the bucket, and this node does not.
  void announced(const std::string& name, ticks now);
  void made(const std::string& name, ec code, ticks now);
  /// The bucket exists here, for any reason.
  void exists(const std::string& name) { refused_.erase(name); }
  /// The peer is about to announce all of its buckets.
  void forget_refused();

  std::vector<std::string> shown() const;
  uint64_t refused() const { return refused_.size(); }

private:
  void ask();
  void refuse(const std::string& name);

  link_context& shared_;
  std::set<std::string> making_{};
  std::set<std::string> unmade_{}; ///< waiting for their turn
  std::set<std::string> refused_{};
  ticks full_until_{-1}; ///< the limit of buckets was reached: request no more until then
};

} // namespace treadmill::replication
