#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace treadmill {

/// Bounds the rows of all queries that wait in memory: a part of a run is given to be mapped only
/// with a slot, which is held until its rows are committed, and holds at most the rows of one
/// answer of a worker. Who finds none free is called in turn.
///
/// **Thread**: any. It lives as long as the last slot.
class row_slots : public std::enable_shared_from_this<row_slots> {
public:
  using slot = std::shared_ptr<void>; ///< free again with its last copy

  explicit row_slots(size_t count) : count_(count), free_(count) {}

  /// nullptr: none is free; `wake` is called, once, when one is kept for `who`, who then asks
  /// again.
  slot take(uint64_t who, std::function<void()> wake);
  /// Who is called no more, and what was kept for it is free.
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
