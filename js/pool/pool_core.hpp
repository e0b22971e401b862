#pragma once
#include "js/pool/map_pool.hpp"
#include "js/pool/pool_job.hpp"
#include "js/pool/turn_queue.hpp"
#include "js/pool/worker.hpp"
#include "js/pool/worker_process.hpp"
#include "js/wire/frame.hpp"
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace treadmill::js {

/// What a map_pool consists of: its thread, its workers, and the jobs that wait. pool_core.cpp has
/// the thread and gives jobs to workers, pool_replies.cpp reads what workers answer and sees how
/// they end.
/// **Thread**: any for the public members; one thread, which the first job starts, for the others.
class map_pool::core {
public:
  using job_pointer = std::unique_ptr<pool_job>;

  explicit core(pool_options options) : options_(std::move(options)) {
    options_.workers = std::max<size_t>(options_.workers, 1);
  }
  ~core() {
    if (wake_ >= 0) ::close(wake_);
  }
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  void give(job_pointer job);
  void tell(std::vector<uint64_t> core::*whom, uint64_t function);
  void forget(uint64_t function) { tell(&core::forgotten_, function); }
  void cancel(uint64_t function) { tell(&core::cancelled_, function); }
  pool_counters counters() const;
  std::vector<int> processes() const;
  void stop();

private:
  using clock = worker::clock;

  /// How often the pool checks workers with work.
  static constexpr auto check_interval = std::chrono::milliseconds(100);

  bool start_thread();
  void signal() const;
  void run() noexcept;
  bool take_in();
  void end_all();
  void end_jobs_of(uint64_t function);
  void end_idle();

  void assign_jobs();
  bool assign_one();
  worker* shared_worker();
  worker* lone_worker_for(const pool_job& job);
  bool in_work(uint64_t function) const;
  void give_to(worker& where, job_pointer job);
  void spawn_workers();
  void start_failed(const std::string& why);
  void refuse_waiting();

  void wait();
  int poll_timeout() const;
  void serve(worker& one, short events);
  bool read_all(worker& one);
  bool handle(worker& one, std::string_view frame);
  bool handle_answer(worker& one, answer_reply answer);
  bool handle_refusal(worker& one, const refused_reply& refusal);
  void check_workers();

  void kill(worker& one, worker::verdict why);
  void reap(worker& one, fault killed_for);
  void died_at_start(const worker_process::ending& ending);
  void settle_flight(worker::flight dead, const worker_process::position& at, fault problem,
                     bool first);
  void again(job_pointer job) { queue_.push_back_in_front(std::move(job)); }
  void finish(job_pointer job, outcome how, std::string message = {});
  void warn(const std::string& text) const;
  void publish();

  pool_options options_;

  mutable std::mutex mutex_{}; // guards the members up to the next blank line
  std::vector<job_pointer> inbox_{};
  std::vector<uint64_t> forgotten_{};
  std::vector<uint64_t> cancelled_{};
  bool stopping_ = false;
  bool running_ = false;
  pool_counters shown_{};
  std::vector<int> processes_{};
  std::thread thread_{};
  int wake_ = -1;

  // Used only by the pool's thread.
  turn_queue queue_{};
  std::vector<std::unique_ptr<worker>> workers_{};
  worker* reserved_ = nullptr; ///< gets no new jobs, so that a job that must run alone can use it
  uint64_t last_request_ = 0;
  uint32_t failures_ = 0; ///< failed starts in a row
  uint32_t killed_starts_ = 0;
  std::string failure_{}; ///< why the ending worker could not start
  std::string last_failure_{};
  clock::time_point retry_at_{};
  clock::time_point next_check_{};
  pool_counters counted_{};
};

} // namespace treadmill::js
