#pragma once
#include "js/pool/pool_job.hpp"
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>

namespace treadmill::js {

/// The waiting jobs of a pool: in order for each function; functions take turns. **Thread**: one at
/// a time.
class turn_queue {
public:
  void push(std::unique_ptr<pool_job> job) { line(job->what().id).push_back(std::move(job)); }
  /// For a job that a worker had already: it goes before the others of its function.
  void push_back_in_front(std::unique_ptr<pool_job> job) {
    line(job->what().id).push_front(std::move(job));
  }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  /// All jobs of the function.
  std::deque<std::unique_ptr<pool_job>> take(uint64_t function) {
    const auto found = lines_.find(function);
    if (found == lines_.end()) return {};
    std::deque<std::unique_ptr<pool_job>> jobs = std::move(found->second);
    lines_.erase(found);
    std::erase(turns_, function);
    size_ -= jobs.size();
    return jobs;
  }

  /// Takes the first job, by turns, for which `may_go`, and moves its function to the last turn.
  template<typename Test>
  std::unique_ptr<pool_job> pop(Test may_go) {
    for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
      auto& jobs = lines_[*turn];
      if (!may_go(*jobs.front())) continue;
      const uint64_t function = *turn;
      turns_.erase(turn);
      std::unique_ptr<pool_job> first = std::move(jobs.front());
      jobs.pop_front();
      --size_;
      if (jobs.empty()) {
        lines_.erase(function);
      } else {
        turns_.push_back(function);
      }
      return first;
    }
    return nullptr;
  }

private:
  std::deque<std::unique_ptr<pool_job>>& line(uint64_t function) {
    auto& jobs = lines_[function];
    if (jobs.empty()) turns_.push_back(function);
    ++size_;
    return jobs;
  }

  std::unordered_map<uint64_t, std::deque<std::unique_ptr<pool_job>>> lines_{};
  std::deque<uint64_t> turns_{}; ///< functions with waiting jobs
  size_t size_ = 0;
};

} // namespace treadmill::js
