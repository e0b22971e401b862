#pragma once
#include "storage/engine/writer.hpp"
#include <set>
#include <span>

namespace treadmill {

/// Knows which writers have seen commits that may be gone. After a failure of the store, every
/// commit since the last sync may be lost, and a batch whose own write failed may be there. Their
/// writers are in doubt until they read the store again. **Thread**: that of the store's writer.
class commit_doubts {
public:
  /// A batch of these writers is in LevelDB's log, but not synced.
  void unsynced(std::span<const writer> by) { unsynced_.insert(by.begin(), by.end()); }
  /// Every commit until now is on disk.
  void synced() { unsynced_.clear(); }
  /// The store failed, so no commit succeeds before the reopen.
  void failed() {
    doubted_.merge(unsynced_);
    unsynced_.clear(); // merge leaves what is doubted already
  }
  /// A batch of these writers failed, or the store refused it. A bucket may have later batches on
  /// the way that rest on it. An index has none, so the answer to this batch is enough.
  void refused(std::span<const writer> by) {
    for (const writer& who : by)
      if (who.index == 0) doubted_.insert(who);
  }
  bool contains(const writer& who) const { return doubted_.count(who) != 0; }
  void clear(const writer& who) { doubted_.erase(who); }

private:
  std::set<writer> unsynced_{};
  std::set<writer> doubted_{};
};

} // namespace treadmill
