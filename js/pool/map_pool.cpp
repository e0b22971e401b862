#include "js/pool/map_pool.hpp"
#include "js/pool/pool_core.hpp"
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace treadmill::js {

std::string map_pool::problem_of(const std::string& executable) {
  if (::access(executable.c_str(), X_OK) == 0 && !std::filesystem::is_directory(executable))
    return {};
  return executable + ", which runs the functions of queries, is missing or cannot be executed";
}

map_pool::map_pool(pool_options options) : core_(std::make_unique<core>(std::move(options))) {}

map_pool::~map_pool() { stop(); }

void map_pool::map(map_job job, map_callback done) {
  map(std::make_shared<const map_job>(std::move(job)), std::move(done));
}

void map_pool::map(std::shared_ptr<const map_job> job, map_callback done) {
  core_->give(std::make_unique<pool_job>(std::move(job), std::move(done)));
}

void map_pool::reduce(reduce_job job, reduce_callback done) {
  core_->give(std::make_unique<pool_job>(std::move(job), std::move(done)));
}

void map_pool::check(std::shared_ptr<const function> what, map_callback done) {
  core_->give(pool_job::check(std::move(what), std::move(done)));
}

void map_pool::forget(uint64_t function) { core_->forget(function); }

void map_pool::cancel(uint64_t function) { core_->cancel(function); }

pool_counters map_pool::counters() const { return core_->counters(); }

std::vector<int> map_pool::processes() const { return core_->processes(); }

void map_pool::stop() { core_->stop(); }

} // namespace treadmill::js
