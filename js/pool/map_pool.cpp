#include "js/pool/map_pool.hpp"
#include "js/pool/pool_job.hpp"
#include "js/pool/worker.hpp"
#include "js/pool/worker_process.hpp"
#include "js/wire/frame.hpp"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace treadmill::js {

using namespace std::chrono_literals;

namespace {

using clock = worker::clock;
using job_pointer = std::unique_ptr<pool_job>;

/// The CPU time that the pool allows for an item. It is longer than that of the worker's watchdog,
/// which ends an item within 1.2 limits and the process within 2.2 limits and half a second.
std::chrono::nanoseconds generous(std::chrono::milliseconds limit) { return 3 * limit + 1s; }

/// How often the pool checks workers with work.
constexpr auto look_interval = 100ms;

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

/// The waiting jobs: in order for each function; functions take turns.
class turn_queue {
public:
  void push(job_pointer job) { line(job->what().id).push_back(std::move(job)); }
  /// For a job that a worker had already: it goes before the others of its function.
  void push_back_in_front(job_pointer job) { line(job->what().id).push_front(std::move(job)); }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  /// All jobs of the function.
  std::deque<job_pointer> take(uint64_t function) {
    const auto found = lines_.find(function);
    if (found == lines_.end()) return {};
    std::deque<job_pointer> jobs = std::move(found->second);
    lines_.erase(found);
    std::erase(turns_, function);
    size_ -= jobs.size();
    return jobs;
  }

  /// Takes the first job, by turns, for which `may_go`, and moves its function to the last turn.
  template<typename Test>
  job_pointer pop(Test may_go) {
    for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
      auto& jobs = lines_[*turn];
      if (!may_go(*jobs.front())) continue;
      const uint64_t function = *turn;
      turns_.erase(turn);
      job_pointer first = std::move(jobs.front());
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
  std::deque<job_pointer>& line(uint64_t function) {
    auto& jobs = lines_[function];
    if (jobs.empty()) turns_.push_back(function);
    ++size_;
    return jobs;
  }

  std::unordered_map<uint64_t, std::deque<job_pointer>> lines_{};
  std::deque<uint64_t> turns_{}; ///< functions with waiting jobs
  size_t size_ = 0;
};

} // namespace

class map_pool::core {
public:
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
  bool start_thread();
  void signal() const;
  void run() noexcept;
  bool take_in();
  void end_all();
  void end_jobs_of(uint64_t function);
  void end_idle();

  void hand_out();
  bool hand_out_one();
  worker* place_for(const pool_job& job);
  worker* place_alone(const pool_job& job);
  bool in_work(uint64_t function) const;
  void give_to(worker& where, job_pointer job);
  void hire();
  void start_failed(const std::string& why);
  void refuse_waiting();

  void wait();
  int patience() const;
  void serve(worker& one, short events);
  bool read_all(worker& one);
  bool handle(worker& one, std::string_view frame);
  bool handle_answer(worker& one, answer_reply answer);
  bool handle_refusal(worker& one, const refused_reply& refusal);
  void look();

  void kill(worker& one, worker::verdict why);
  void bury(worker& one, fault killed_for);
  void lost_at_start(const worker_process::ending& ending);
  void settle_dead(worker::flight dead, const worker_process::position& at, fault problem,
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
  clock::time_point look_at_{};
  pool_counters counted_{};
};

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
    hand_out();
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

void map_pool::core::hand_out() {
  while (!queue_.empty() && hand_out_one()) {
  }
  if (!queue_.empty()) hire();
  for (const auto& one : workers_) {
    if (one->wants_to_send()) one->send(); // reading detects a broken socket
  }
}

bool map_pool::core::hand_out_one() {
  worker* place = nullptr;
  auto job = queue_.pop([&](const pool_job& first) {
    place = first.delicate() ? place_alone(first) : place_for(first);
    return place != nullptr;
  });
  if (!job) return false;
  const auto piece = job->next_piece(defaults::batch_bytes);
  if (piece.count > 0 && job->item_bytes(piece.first) > defaults::request_bytes / 2) {
    job->answer_item(fault::too_large, "the document is larger than a worker takes");
    finish(std::move(job), outcome::done);
    return true;
  }
  if (job->delicate()) reserved_ = nullptr; // the job has found its worker, this or another one
  give_to(*place, std::move(job));
  return true;
}

worker* map_pool::core::place_for(const pool_job& /*job*/) {
  worker* best = nullptr;
  for (const auto& one : workers_) {
    if (!one->ready() || one.get() == reserved_ || one->has_delicate() ||
        one->flights().size() >= defaults::batches_in_flight) {
      continue;
    }
    if (best == nullptr || one->flights().size() < best->flights().size()) best = one.get();
  }
  return best;
}

// A job that may kill its worker waits for a worker without other work, and while another worker
// has its function. Such jobs together leave one worker to the other jobs.
worker* map_pool::core::place_alone(const pool_job& job) {
  if (in_work(job.what().id)) return nullptr;
  size_t taken = 0;
  worker* emptiest = nullptr;
  for (const auto& one : workers_) {
    if (one->has_delicate()) ++taken;
    if (!one->ready() || one->has_delicate()) continue;
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

std::string map_pool::problem_of(const std::string& executable) {
  if (::access(executable.c_str(), X_OK) == 0 && !std::filesystem::is_directory(executable))
    return {};
  return executable + ", which runs the functions of queries, is missing or cannot be executed";
}

void map_pool::core::hire() {
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

// -- replies of workers ------------------------------------------------------------------------

void map_pool::core::wait() {
  std::vector<pollfd> polled{{wake_, POLLIN, 0}};
  std::vector<worker*> whose;
  for (const auto& one : workers_) {
    const short events = one->wants_to_send() ? POLLIN | POLLOUT : POLLIN;
    polled.push_back({one->socket(), events, 0});
    whose.push_back(one.get());
  }
  ::poll(polled.data(), polled.size(), patience());
  if (polled.front().revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t read = ::read(wake_, &count, sizeof count);
  }
  for (size_t i = 0; i < whose.size(); ++i) serve(*whose[i], polled[i + 1].revents);
  if (clock::now() >= look_at_) look();
  end_idle();
}

/// Milliseconds until the next timer is due; -1: there is none.
int map_pool::core::patience() const {
  const bool idle = std::all_of(workers_.begin(), workers_.end(), [](const auto& one) {
    return one->ready() && one->flights().empty();
  });
  if (!idle) return static_cast<int>(look_interval.count());
  if (queue_.empty() && options_.idle_time.count() > 0 && !workers_.empty())
    return static_cast<int>(options_.idle_time.count()) / 4 + 1;
  if (queue_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(retry_at_ - clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 1, 1000));
}

void map_pool::core::serve(worker& one, short events) {
  if (events == 0) return;
  if ((events & POLLOUT) != 0) one.send();
  if ((events & (POLLIN | POLLHUP | POLLERR)) == 0) return;
  const bool open = one.receive();
  // Read the frames of an ended worker, too: its earlier answers count.
  if (!read_all(one)) {
    ++counted_.killed;
    warn("a worker for queries answered with what is no answer");
    return bury(one, fault::crashed);
  }
  if (!open) bury(one, fault::none);
}

bool map_pool::core::read_all(worker& one) {
  std::string_view frame;
  while (true) {
    const auto state = one.next(frame);
    if (state == frame_buffer::state::incomplete) return true;
    if (state == frame_buffer::state::broken || !handle(one, frame)) return false;
  }
}

bool map_pool::core::handle(worker& one, std::string_view frame) {
  const size_t items = one.flights().empty() ? 0 : one.flights().front().items.count;
  auto reply = read_reply(frame, {items, options_.rows_per_document});
  if (!reply) return false;
  if (std::holds_alternative<ready_reply>(*reply)) {
    if (one.ready()) return false;
    one.set_ready();
    failures_ = 0;
    killed_starts_ = 0;
    failure_.clear();
    return true;
  }
  if (const auto* failed = std::get_if<failed_reply>(&*reply)) {
    failure_ = failed->message; // the worker then ends
    return !one.ready();
  }
  if (one.flights().empty()) return false;
  if (auto* answer = std::get_if<answer_reply>(&*reply))
    return handle_answer(one, std::move(*answer));
  return handle_refusal(one, std::get<refused_reply>(*reply));
}

bool map_pool::core::handle_answer(worker& one, answer_reply answer) {
  const auto& first = one.flights().front();
  const auto items = first.items;
  if (answer.request != first.request || (answer.items.empty() && items.count > 0)) return false;
  for (const mapped& item : answer.items) {
    if (first.job->is_reduction() && item.problem == fault::none && item.rows.size() != 1)
      return false;
    size_t bytes = 0;
    for (const row& each : item.rows) {
      if (each.key.size() + each.value.size() > options_.row_bytes) return false;
      bytes += each.key.size() + each.value.size();
    }
    if (bytes > options_.document_rows_bytes) return false;
  }
  auto job = one.take_first().job;
  if (job->take(items, std::move(answer.items), options_.answer_bytes)) {
    finish(std::move(job), outcome::done);
  } else {
    again(std::move(job));
  }
  return true;
}

bool map_pool::core::handle_refusal(worker& one, const refused_reply& refusal) {
  if (refusal.request != one.flights().front().request) return false;
  finish(one.take_first().job, outcome::bad_function, refusal.message);
  return true;
}

void map_pool::core::look() {
  const auto now = clock::now();
  look_at_ = now + look_interval;
  const worker::limits most{options_.start_time, generous(options_.document_cpu),
                            options_.stall_time};
  std::vector<std::pair<worker*, worker::verdict>> guilty;
  for (const auto& one : workers_) {
    const auto verdict = one->judge(most, now);
    if (verdict != worker::verdict::well) guilty.emplace_back(one.get(), verdict);
  }
  for (const auto& [one, verdict] : guilty) kill(*one, verdict);
}

// -- the end of workers ------------------------------------------------------------------------

void map_pool::core::kill(worker& one, worker::verdict why) {
  ++counted_.killed;
  switch (why) {
  case worker::verdict::well: return;
  case worker::verdict::late_start:
    failure_ = "the worker did not get ready in time";
    return bury(one, fault::none);
  case worker::verdict::too_long:
    warn("a worker for queries was killed: it did not stop at its limit of CPU time");
    return bury(one, fault::timed_out);
  case worker::verdict::stalled:
    warn("a worker for queries was killed: it does not go on, nor uses CPU time");
    return bury(one, fault::none); // the cause is unknown
  }
}

/// `killed_for`: the fault of its item, if the pool ends the worker because of it; else none.
void map_pool::core::bury(worker& one, fault killed_for) {
  const auto ending = one.process().end();
  const auto at = one.process().at();
  counted_.cpu += ending.cpu;
  const bool was_ready = one.ready();
  std::deque<worker::flight> flights;
  while (!one.flights().empty()) flights.push_back(one.take_first());
  if (reserved_ == &one) reserved_ = nullptr;
  std::erase_if(workers_, [&](const auto& each) { return each.get() == &one; });
  if (!was_ready) return lost_at_start(ending);
  fault problem = killed_for;
  if (problem == fault::none) {
    ++counted_.died;
    // SIGKILL comes from outside: a function cannot cause it.
    if (ending.code == exit_code::timed_out)
      problem = fault::timed_out;
    else if (ending.code == exit_code::out_of_memory)
      problem = fault::out_of_memory;
    else if (ending.signal != SIGKILL)
      problem = fault::crashed;
  }
  // In reverse order, because each goes to the front of the queue: that keeps their order.
  while (!flights.empty()) {
    auto last = std::move(flights.back());
    flights.pop_back();
    settle_dead(std::move(last), at, problem, flights.empty());
  }
}

void map_pool::core::lost_at_start(const worker_process::ending& ending) {
  // A worker that was killed from outside says nothing about the next start.
  if (failure_.empty() && ending.signal == SIGKILL && ++killed_starts_ <= defaults::killed_starts) {
    ++counted_.died;
    return;
  }
  const std::string how = ending.signal != 0 ? "signal " + std::to_string(ending.signal)
                                             : "code " + std::to_string(ending.code);
  start_failed(failure_.empty() ? "it ended with " + how : std::exchange(failure_, {}));
}

void map_pool::core::settle_dead(worker::flight dead, const worker_process::position& at,
                                 fault problem, bool first) {
  const bool here = at.request == dead.request;
  if (here && problem != fault::none) {
    if (at.item == progress_page::compiling) {
      if (dead.job->blame_function())
        return finish(std::move(dead.job), outcome::bad_function,
                      "the function killed the process that compiled it");
      return again(std::move(dead.job));
    }
    if (at.item < dead.items.count) {
      if (dead.job->blame(dead.items, at.item, problem))
        return finish(std::move(dead.job), outcome::done);
      return again(std::move(dead.job));
    }
  }
  if (!here && !first) return again(std::move(dead.job));
  // The reason is unknown: try the job again, but not forever.
  if (!dead.job->bear(defaults::unexplained_deaths)) return again(std::move(dead.job));
  constexpr auto reason = "the process that ran it died again and again";
  if (dead.job->answered() == dead.job->size())
    return finish(std::move(dead.job), outcome::unavailable, reason);
  dead.job->answer_item(fault::crashed, reason);
  finish(std::move(dead.job), outcome::done);
}

void map_pool::core::finish(job_pointer job, outcome how, std::string message) {
  for (const mapped& item : job->answers()) {
    ++(job->is_reduction() ? counted_.reductions : counted_.documents);
    if (item.problem != fault::none) ++counted_.faults;
    if (is_strike(item.problem)) ++counted_.strikes;
  }
  try {
    job->finish(how, std::move(message));
  } catch (const std::exception& error) {
    warn(std::string("what waits for a worker's answer failed: ") + error.what());
  }
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
