#pragma once
#include "net/link_context.hpp"
#include <map>
#include <set>
#include <string>
#include <vector>

namespace treadmill::replication {

/// Buckets that a peer announces and this node has not got: asks for a bounded number of them at a
/// time, and remembers the names of those that have no place here.
///
/// **Units and limits**: `making_buckets`, `unmade_buckets` and `refused_buckets` names are kept;
/// the peer has to announce what does not fit again.
class bucket_making {
public:
  explicit bucket_making(link_context& shared) : shared_(shared) {}

  /// The peer has it, and this node has not.
  void announced(const std::string& name, ticks now);
  void made(const std::string& name, ec code, ticks now);
  /// It is here, whoever made it.
  void exists(const std::string& name) { refused_.erase(name); }
  /// The peer is about to name all of its buckets.
  void forget_refused();

  std::vector<std::string> shown() const;
  uint64_t refused() const { return refused_.size(); }

private:
  void ask();
  void refuse(const std::string& name);

  link_context& shared_;
  std::set<std::string> making_{};
  std::set<std::string> unmade_{}; ///< they wait for their turn
  std::set<std::string> refused_{};
  ticks full_until_{-1}; ///< the limit was met: no more are asked for until then
};

} // namespace treadmill::replication
