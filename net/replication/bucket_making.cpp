#include "net/replication/bucket_making.hpp"

namespace treadmill::replication {

void bucket_making::announced(const std::string& name, ticks now) {
  if (now < full_until_) return refuse(name);
  if (making_.count(name) != 0 || unmade_.size() >= defaults::unmade_buckets) return;
  unmade_.insert(name);
  ask();
}

void bucket_making::ask() {
  while (making_.size() < defaults::making_buckets && !unmade_.empty()) {
    auto next = unmade_.extract(unmade_.begin());
    shared_.out.make_buckets.push_back(next.value());
    making_.insert(std::move(next));
  }
}

void bucket_making::made(const std::string& name, ec code, ticks now) {
  making_.erase(name);
  if (code == ec::too_large) {
    full_until_ = now + defaults::retry_most;
    refuse(name);
    for (const std::string& other : unmade_) refuse(other);
    unmade_.clear();
    return;
  }
  if (code == ec::none) exists(name);
  ask(); // after another failure the next announcement requests it again
}

void bucket_making::refuse(const std::string& name) {
  if (refused_.size() < defaults::refused_buckets) refused_.insert(name);
}

void bucket_making::forget_refused() { refused_.clear(); }

std::vector<std::string> bucket_making::shown() const {
  std::vector<std::string> names;
  for (const std::string& name : refused_) {
    if (names.size() == defaults::refused_shown) break;
    names.push_back(name);
  }
  return names;
}

} // namespace treadmill::replication
