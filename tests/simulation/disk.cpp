#include "tests/simulation/disk.hpp"
#include <algorithm>

namespace treadmill::simulation {

void disk::apply(const record& changes) {
  record before;
  for (const auto& [key, value] : changes) {
    const auto found = synced_.find(key);
    if (remembered_ != 0) {
      before.emplace_back(key, found == synced_.end() ? std::nullopt
                                                      : std::optional<std::string>(found->second));
    }
    if (value) {
      if (found == synced_.end()) {
        synced_.emplace(key, *value);
      } else {
        found->second = *value;
      }
    } else if (found != synced_.end()) {
      synced_.erase(found);
    }
  }
  if (remembered_ == 0) return;
  undo_.push_back(std::move(before));
  if (undo_.size() > remembered_) undo_.pop_front();
}

void disk::write(record changes) {
  for (const auto& [key, value] : changes) over_[key] = value;
  unsynced_.push_back(std::move(changes));
}

void disk::sync() {
  if (unsynced_.empty()) return;
  for (const record& changes : unsynced_) apply(changes);
  unsynced_.clear();
  over_.clear();
  ++version_;
}

void disk::crash(size_t kept) {
  unsynced_.resize(std::min(kept, unsynced_.size()));
  over_.clear();
  sync();
}

disk disk::copy() const {
  disk made;
  made.synced_ = synced_;
  made.remembered_ = remembered_;
  return made;
}

const std::string* disk::read_synced(std::string_view key) const {
  const auto found = synced_.find(key);
  return found == synced_.end() ? nullptr : &found->second;
}

const std::string* disk::read_latest(std::string_view key) const {
  const auto found = over_.find(key);
  if (found == over_.end()) return read_synced(key);
  return found->second ? &*found->second : nullptr;
}

void disk::scan_synced(std::string_view from, std::string_view to, const row& each) const {
  for (auto at = synced_.lower_bound(from); at != synced_.end() && at->first < to; ++at)
    if (!each(at->first, at->second)) return;
}

void disk::scan_latest(std::string_view from, std::string_view to, const row& each) const {
  auto a = synced_.lower_bound(from);
  auto b = over_.lower_bound(from);
  const auto in_range = [&](const auto& map, const auto& at) {
    return at != map.end() && at->first < to;
  };
  while (in_range(synced_, a) || in_range(over_, b)) {
    if (!in_range(over_, b) || (in_range(synced_, a) && a->first < b->first)) {
      if (!each(a->first, a->second)) return;
      ++a;
      continue;
    }
    if (in_range(synced_, a) && a->first == b->first) ++a;
    if (b->second && !each(b->first, *b->second)) return;
    ++b;
  }
}

void disk::lose_oldest() {
  if (unsynced_.size() > 1) unsynced_.pop_front();
}

void disk::forget_synced(size_t records) {
  for (; records > 0 && !undo_.empty(); --records) {
    const record before = std::move(undo_.back());
    undo_.pop_back();
    for (auto change = before.rbegin(); change != before.rend(); ++change) {
      if (change->second) {
        synced_[change->first] = *change->second;
      } else {
        synced_.erase(change->first);
      }
    }
  }
  ++version_;
}

} // namespace treadmill::simulation
