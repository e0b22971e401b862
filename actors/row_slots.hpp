#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace treadmill {

/// Bounds the rows that wait in memory, for all queries together. A view has a part of a run mapped
/// only with a slot, and holds the slot until the part's rows are committed. A slot stands for at
/// most the rows of one answer of a worker. Views that find no free slot are woken in turn.
///
/// **Thread**: any. It lives as long as the last slot.
class row_slots : public std::enable_shared_from_this<row_slots> {
public:
  using slot = std::shared_ptr<void>; ///< free again when its last copy is destroyed

  explicit row_slots(size_t count) : count_(count), free_(count) {}

  /// nullptr: none is free. Then `wake` is called once, when a slot is reserved for `who`, which
  /// must ask again.
  slot take(uint64_t who, std::function<void()> wake);
  /// Stops waking `who`, and frees the slots that are reserved for it.
  void leave(uint64_t who);
  size_t free() const;
  size_t count() const { return count_; }

private:
  slot make();
  void release();

  const size_t count_;
  mutable std::mutex mutex_{};
  size_t free_;
  std::deque<std::pair<uint64_t, std::function<void()>>> waiting_{};
  std::map<uint64_t, size_t> kept_{};
};

} // namespace treadmill
