#include "js/pool/pool_core.hpp"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <deque>
#include <exception>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace treadmill::js {

using namespace std::chrono_literals;

namespace {

/// Most frame bytes of a row besides its text, and of an answer besides its items.
constexpr size_t row_frame_bytes = 16;
constexpr size_t answer_frame_bytes = 4096;

size_t largest_reply(const pool_options& options) {
  return options.answer_bytes + options.document_rows_bytes +
         options.rows_per_document * row_frame_bytes + answer_frame_bytes;
}

worker_limits limits_of(const pool_options& options) {
  worker_limits made;
  made.parent = static_cast<uint32_t>(::getpid());
  made.jitless = options.jitless;
  made.document_cpu_ms = static_cast<uint64_t>(options.document_cpu.count());
  made.heap_bytes = options.heap_bytes;
  made.address_space_bytes = options.address_space_bytes;
  made.array_buffer_bytes = options.array_buffer_bytes;
  made.rows_per_document = options.rows_per_document;
  made.row_bytes = options.row_bytes;
  made.answer_bytes = options.answer_bytes;
  made.document_rows_bytes = options.document_rows_bytes;
  return made;
}

} // namespace

void map_pool::core::give(job_pointer job) {
  std::string problem;
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && (running_ || start_thread())) {
      inbox_.push_back(std::move(job));
      signal();
      return;
    }
    if (!stopping_) problem = "no thread for the workers can be started";
  }
  job->finish(problem.empty() ? outcome::stopped : outcome::unavailable, problem);
}

void map_pool::core::tell(std::vector<uint64_t> core::*whom, uint64_t function) {
  const std::lock_guard lock(mutex_);
  if (!running_) return;
  (this->*whom).push_back(function);
  signal();
}

bool map_pool::core::start_thread() {
  if (wake_ < 0) wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return false;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::exception&) {
    return false;
  }
  running_ = true;
  return true;
}

void map_pool::core::signal() const {
  const uint64_t one = 1;
  // The write can fail only if the eventfd is already readable, which is enough.
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

pool_counters map_pool::core::counters() const {
  const std::lock_guard lock(mutex_);
  pool_counters made = shown_;
  made.waiting += inbox_.size();
  return made;
}

std::vector<int> map_pool::core::processes() const {
  const std::lock_guard lock(mutex_);
  return processes_;
}

void map_pool::core::stop() {
  std::thread ending;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (running_) signal();
    ending = std::move(thread_);
  }
  if (ending.joinable()) ending.join();
}

void map_pool::core::run() noexcept {
  // Only the node's own threads handle signals.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (take_in()) {
    assign_jobs();
    publish();
    wait();
  }
  end_all();
  publish();
}

bool map_pool::core::take_in() {
  std::vector<job_pointer> jobs;
  std::vector<uint64_t> forgotten;
  std::vector<uint64_t> cancelled;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    jobs.swap(inbox_);
    forgotten.swap(forgotten_);
    cancelled.swap(cancelled_);
  }
  for (const uint64_t function : forgotten)
    for (const auto& one : workers_) one->forget(function);
  for (auto& job : jobs) {
    if (job->what().text.size() > defaults::function_bytes) {
      finish(std::move(job), outcome::bad_function, "the text of the function is too long");
    } else {
      queue_.push(std::move(job));
    }
  }
  for (const uint64_t function : cancelled) end_jobs_of(function);
  return true;
}

void map_pool::core::end_jobs_of(uint64_t function) {
  std::deque<job_pointer> ended = queue_.take(function);
  const auto is_at_it = [function](const auto& one) {
    return std::any_of(one->flights().begin(), one->flights().end(),
                       [&](const auto& each) { return each.job->what().id == function; });
  };
  for (const auto& one : workers_) {
    if (!is_at_it(one)) continue;
    counted_.cpu += one->process().end().cpu;
    std::vector<job_pointer> others;
    while (!one->flights().empty()) {
      auto job = one->take_first().job;
      (job->what().id == function ? ended.emplace_back() : others.emplace_back()) = std::move(job);
    }
    while (!others.empty()) {
      again(std::move(others.back()));
      others.pop_back();
    }
    if (reserved_ == one.get()) reserved_ = nullptr;
  }
  std::erase_if(workers_, [](const auto& one) { return one->process().ended(); });
  counted_.cancelled += ended.size();
  for (auto& job : ended) finish(std::move(job), outcome::cancelled);
}

/// Ends workers that were idle for `idle_time`.
void map_pool::core::end_idle() {
  if (options_.idle_time.count() == 0) return;
  const auto before = clock::now() - options_.idle_time;
  std::erase_if(workers_, [&](const auto& one) {
    if (!one->ready() || !one->flights().empty() || one->idle_since() > before) return false;
    counted_.cpu += one->process().end().cpu;
    if (reserved_ == one.get()) reserved_ = nullptr;
    return true;
  });
}

void map_pool::core::end_all() {
  for (auto& one : workers_) {
    counted_.cpu += one->process().end().cpu;
    while (!one->flights().empty()) again(one->take_first().job);
  }
  workers_.clear();
  while (auto job = queue_.pop([](const pool_job&) { return true; }))
    finish(std::move(job), outcome::stopped);
  std::vector<job_pointer> late;
  {
    const std::lock_guard lock(mutex_);
    late.swap(inbox_);
  }
  for (auto& job : late) finish(std::move(job), outcome::stopped);
}

// -- giving jobs to workers --------------------------------------------------------------------

void map_pool::core::assign_jobs() {
  while (!queue_.empty() && assign_one()) {
  }
  if (!queue_.empty()) spawn_workers();
  for (const auto& one : workers_) {
    if (one->wants_to_send()) one->send(); // reading detects a broken socket
  }
}

bool map_pool::core::assign_one() {
  worker* place = nullptr;
  auto job = queue_.pop([&](const pool_job& first) {
    place = first.needs_isolation() ? lone_worker_for(first) : shared_worker();
    return place != nullptr;
  });
  if (!job) return false;
  const auto piece = job->next_piece(defaults::batch_bytes);
  if (piece.count > 0 && job->item_bytes(piece.first) > defaults::request_bytes / 2) {
    job->answer_item(fault::too_large, "the document is larger than a worker takes");
    finish(std::move(job), outcome::done);
    return true;
  }
  if (job->needs_isolation())
    reserved_ = nullptr; // the job has found its worker, this or another one
  give_to(*place, std::move(job));
  return true;
}

worker* map_pool::core::shared_worker() {
  worker* best = nullptr;
  for (const auto& one : workers_) {
    if (!one->ready() || one.get() == reserved_ || one->has_isolated_job() ||
        one->flights().size() >= defaults::batches_in_flight) {
      continue;
    }
    if (best == nullptr || one->flights().size() < best->flights().size()) best = one.get();
  }
  return best;
}

// A job that may kill its worker waits for a worker without other work, and while another worker
// has its function. Such jobs together leave one worker to the other jobs.
worker* map_pool::core::lone_worker_for(const pool_job& job) {
  if (in_work(job.what().id)) return nullptr;
  size_t taken = 0;
  worker* emptiest = nullptr;
  for (const auto& one : workers_) {
    if (one->has_isolated_job()) ++taken;
    if (!one->ready() || one->has_isolated_job()) continue;
    if (emptiest == nullptr || one->flights().size() < emptiest->flights().size())
      emptiest = one.get();
  }
  if (taken >= std::max<size_t>(options_.workers, 2) - 1 || emptiest == nullptr) return nullptr;
  if (emptiest->flights().empty()) return emptiest;
  if (reserved_ == nullptr) reserved_ = emptiest; // it gets no new jobs until it is empty
  return nullptr;
}

bool map_pool::core::in_work(uint64_t function) const {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& one) {
    return std::any_of(one->flights().begin(), one->flights().end(),
                       [&](const auto& each) { return each.job->what().id == function; });
  });
}

void map_pool::core::give_to(worker& where, job_pointer job) {
  where.give(++last_request_, std::move(job), defaults::batch_bytes);
}

void map_pool::core::spawn_workers() {
  size_t starting = 0;
  for (const auto& one : workers_) {
    if (!one->ready()) ++starting;
  }
  while (workers_.size() < options_.workers && starting < queue_.size()) {
    if (failures_ > 0 && clock::now() < retry_at_) break;
    std::string why;
    auto process = worker_process::start(options_.executable, why);
    if (!process) {
      failures_ = std::max(failures_, defaults::failed_starts); // a retry would not help now
      start_failed(why);
      break;
    }
    ++counted_.started;
    ++starting;
    workers_.push_back(std::make_unique<worker>(std::move(process), largest_reply(options_)));
    workers_.back()->begin(limits_of(options_));
  }
  if (workers_.empty() && failures_ >= defaults::failed_starts) refuse_waiting();
}

void map_pool::core::start_failed(const std::string& why) {
  ++failures_;
  ++counted_.failed_starts;
  last_failure_ = why;
  const auto pause = defaults::first_back_off * (1u << std::min(failures_, 10u));
  retry_at_ = clock::now() + std::min<std::chrono::milliseconds>(pause, defaults::last_back_off);
  warn("a worker for queries cannot be started: " + why);
}

void map_pool::core::refuse_waiting() {
  while (auto job = queue_.pop([](const pool_job&) { return true; }))
    finish(std::move(job), outcome::unavailable, last_failure_);
}

void map_pool::core::wait() {
  std::vector<pollfd> polled{{wake_, POLLIN, 0}};
  std::vector<worker*> whose;
  for (const auto& one : workers_) {
    const short events = one->wants_to_send() ? POLLIN | POLLOUT : POLLIN;
    polled.push_back({one->socket(), events, 0});
    whose.push_back(one.get());
  }
  ::poll(polled.data(), polled.size(), poll_timeout());
  if (polled.front().revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t read = ::read(wake_, &count, sizeof count);
  }
  for (size_t i = 0; i < whose.size(); ++i) serve(*whose[i], polled[i + 1].revents);
  if (clock::now() >= next_check_) check_workers();
  end_idle();
}

/// Milliseconds until the next timer is due; -1: there is none.
int map_pool::core::poll_timeout() const {
  const bool idle = std::all_of(workers_.begin(), workers_.end(), [](const auto& one) {
    return one->ready() && one->flights().empty();
  });
  if (!idle) return static_cast<int>(check_interval.count());
  if (queue_.empty() && options_.idle_time.count() > 0 && !workers_.empty())
    return static_cast<int>(options_.idle_time.count()) / 4 + 1;
  if (queue_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(retry_at_ - clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 1, 1000));
}

void map_pool::core::warn(const std::string& text) const {
  if (options_.warn) options_.warn(text);
}

void map_pool::core::publish() {
  size_t working = 0;
  auto cpu = counted_.cpu; // of ended workers
  std::vector<int> processes;
  for (const auto& one : workers_) {
    cpu += one->process().cpu();
    working += one->flights().size();
    processes.push_back(one->process().id());
  }
  counted_.workers = workers_.size();
  counted_.waiting = queue_.size();
  counted_.working = working;
  const std::lock_guard lock(mutex_);
  shown_ = counted_;
  shown_.cpu = cpu;
  processes_.swap(processes);
}

} // namespace treadmill::js
