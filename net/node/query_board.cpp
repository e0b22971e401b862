#include "net/node/query_board.hpp"
#include <utility>

namespace treadmill {

std::string_view to_string(query_phase phase) {
  switch (phase) {
  case query_phase::building: return "building";
  case query_phase::ready: return "ready";
  case query_phase::redefining: return "redefining";
  case query_phase::suspended: return "suspended";
  }
  return "building";
}

last_states::shared last_states::find(std::optional<uint64_t> version) const {
  const checked_lock lock(mutex_);
  return version && version == version_ ? states_ : nullptr;
}

void last_states::keep(std::optional<uint64_t> version, shared states) {
  const checked_lock lock(mutex_);
  version_ = version;
  states_.swap(states);
}

void query_board::show(uint32_t bucket, shown_query query) {
  std::string name = query.name;
  auto made = std::make_shared<const shown_query>(std::move(query));
  const checked_lock lock(mutex_);
  // The previous state, and the snapshot that it may hold, is destroyed after the lock is released.
  std::swap(buckets_[bucket][std::move(name)], made);
}

void query_board::remove(uint32_t bucket, const std::string& name, uint64_t owner) {
  shown removed;
  const checked_lock lock(mutex_);
  const auto queries = buckets_.find(bucket);
  if (queries == buckets_.end()) return;
  const auto found = queries->second.find(name);
  if (found == queries->second.end() || found->second->owner != owner) return;
  removed = std::move(found->second);
  queries->second.erase(found);
  if (queries->second.empty()) buckets_.erase(queries);
}

query_board::shown query_board::find(uint32_t bucket, std::string_view name) const {
  const checked_lock lock(mutex_);
  const auto queries = buckets_.find(bucket);
  if (queries == buckets_.end()) return nullptr;
  const auto found = queries->second.find(name);
  return found == queries->second.end() ? nullptr : found->second;
}

std::shared_ptr<void> query_board::follow(uint32_t bucket, const std::string& name) {
  const checked_lock lock(mutex_);
  std::weak_ptr<void>& known = followed_[{bucket, name}];
  auto handle = known.lock();
  if (!handle) known = handle = std::make_shared<int>(0);
  return handle;
}

bool query_board::followed(uint32_t bucket, const std::string& name) const {
  const checked_lock lock(mutex_);
  const auto found = followed_.find({bucket, name});
  return found != followed_.end() && !found->second.expired();
}

std::vector<query_board::shown> query_board::all(uint32_t bucket) const {
  std::vector<shown> queries;
  const checked_lock lock(mutex_);
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return queries;
  for (const auto& [name, query] : found->second) queries.push_back(query);
  return queries;
}

} // namespace treadmill
