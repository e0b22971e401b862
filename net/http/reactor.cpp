#include "net/http/reactor.hpp"
#include <algorithm>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <system_error>
#include <unistd.h>

namespace treadmill::http {

namespace {

// If all polling workers are busy with the same work for this long, a spare worker joins them.
constexpr std::chrono::milliseconds watch_interval{3};
// After this many consecutive checks of an idle reactor the watcher sleeps.
constexpr int idle_looks = 50;
// Shortest time between two sweeps over all deadlines.
constexpr int64_t least_sweep_pause_ns = 2'000'000;

int64_t nanoseconds(clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

uint32_t signals_of(uint32_t events) {
  uint32_t signals = 0;
  if (events & (EPOLLIN | EPOLLRDHUP)) signals |= signal::input;
  if (events & EPOLLOUT) signals |= signal::output;
  if (events & EPOLLRDHUP) signals |= signal::hangup;
  if (events & (EPOLLERR | EPOLLHUP)) signals |= signal::broken;
  return signals;
}

} // namespace

reactor::descriptor::~descriptor() {
  if (value >= 0) ::close(value);
}

reactor::~reactor() { stop(); }

result<void> reactor::start(size_t threads) {
  epoll_.value = ::epoll_create1(EPOLL_CLOEXEC);
  wake_.value = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  quit_.value = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  timer_.value = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (epoll_.value < 0 || wake_.value < 0 || quit_.value < 0 || timer_.value < 0)
    return fail(ec::io_error, "cannot serve: there are no file descriptors left");
  const auto add_own = [this](descriptor& own, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &own;
    return ::epoll_ctl(epoll_.value, EPOLL_CTL_ADD, own.value, &event) == 0;
  };
  // An edge-triggered event wakes one worker, and its descriptor need not be read. The quit event
  // is level-triggered: it must wake every worker.
  if (!add_own(wake_, EPOLLIN | EPOLLET) || !add_own(timer_, EPOLLIN | EPOLLET) ||
      !add_own(quit_, EPOLLIN))
    return fail(ec::io_error, "cannot serve: the kernel has no room for another epoll");
  threads = std::max<size_t>(threads, 1);
  most_pollers_ = std::min<size_t>(threads, std::max(2u, std::thread::hardware_concurrency()));
  polling_ = most_pollers_;

  try {
    for (size_t i = 0; i < threads; ++i)
      workers_.emplace_back([this, spare = i >= most_pollers_] { work(spare); });
    if (threads > most_pollers_) watcher_ = std::thread([this] { watch_over(); });
  } catch (const std::system_error&) {
    stop();
    return fail(ec::io_error, "cannot serve: there are no threads left");
  }
  return {};
}

void reactor::stop() {
  if (workers_.empty()) return;
  const uint64_t one = 1;
  while (::write(quit_.value, &one, sizeof one) < 0 && errno == EINTR) {
  }
  {
    const checked_lock lock(spare_mutex_);
    quitting_ = true;
  }
  spare_needed_.notify_all();
  watcher_needed_.notify_all();
  if (watcher_.joinable()) watcher_.join();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

void reactor::add(strand& task) {
  const checked_lock lock(timer_mutex_);
  timed_.push_back(&task);
}

bool reactor::watch(int socket, strand& task) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &task;
  return ::epoll_ctl(epoll_.value, EPOLL_CTL_ADD, socket, &event) == 0;
}

void reactor::signal(strand& task, uint32_t signals) {
  if (task.signals_.fetch_or(signals | active) & active) return;
  enqueue(task);
  wake_one();
}

void reactor::enqueue(strand& task) {
  const checked_lock lock(queue_mutex_);
  queue_.push_back(&task);
  queued_.store(queue_.size());
}

// A busy worker checks the queue before it waits, so only an idle worker needs a wake-up, and one
// wake-up covers everything that is queued before that worker checks the queue.
void reactor::wake_one() {
  if (idle_.load() == 0 || wake_pending_.exchange(true)) return;
  const uint64_t one = 1;
  while (::write(wake_.value, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

// Precondition: the caller has set the strand's active bit.
void reactor::execute(strand& task) {
  for (int runs = 0;; ++runs) {
    const uint32_t signals = task.signals_.exchange(active) & ~active;
    task.run(signals);
    uint32_t nothing = active;
    if (task.signals_.compare_exchange_strong(nothing, 0)) return;
    // A strand that yields, or still has signals after five runs, goes to the end of the queue.
    if ((nothing & signal::again) || runs == 4) return enqueue(task);
  }
}

void reactor::work(bool spare) {
  for (;;) {
    if (spare && !wait_as_spare()) return;
    // Take one event at a time: events behind a long request would wait for it although other
    // workers are free. Count as idle before checking the queue: a thread that enqueues a strand
    // after the check then wakes this worker.
    epoll_event event{};
    ++idle_;
    const int count = ::epoll_wait(epoll_.value, &event, 1, queued_.load() == 0 ? -1 : 0);
    --idle_;
    if (watcher_sleeps_.load()) wake_watcher();
    if (count == 1) {
      if (event.data.ptr == &quit_) return;
      take(event.data.ptr, event.events);
    }
    drain_queue();
    turns_.fetch_add(1, std::memory_order_relaxed);
    // Become spare again if more workers poll than should.
    spare = false;
    for (size_t polling = polling_.load(); !spare && polling > most_pollers_;)
      spare = polling_.compare_exchange_weak(polling, polling - 1);
  }
}

void reactor::take(void* source, uint32_t events) {
  if (source == &wake_) {
    wake_pending_ = false; // the caller drains the queue next
  } else if (source == &timer_) {
    sweep();
  } else {
    auto& task = *static_cast<strand*>(source);
    if (!(task.signals_.fetch_or(signals_of(events) | active) & active)) execute(task);
  }
}

// False: the reactor stops.
bool reactor::wait_as_spare() {
  checked_lock lock(spare_mutex_);
  while (promotions_ == 0 && !quitting_) lock.wait(spare_needed_);
  if (quitting_) return false;
  --promotions_;
  return true;
}

void reactor::watch_over() {
  int looks = 0;
  checked_lock lock(spare_mutex_);
  while (!quitting_) {
    const bool idle = idle_.load() == polling_.load();
    looks = idle ? looks + 1 : 0;
    if (looks > idle_looks) {
      watcher_sleeps_ = true;
      // This second check notices a worker that became busy before it could see watcher_sleeps_.
      if (idle_.load() == polling_.load())
        while (watcher_sleeps_ && !quitting_) lock.wait(watcher_needed_);
      watcher_sleeps_ = false;
      looks = 0;
    }
    const uint64_t seen = turns_.load();
    const auto next_look = clock::now() + watch_interval;
    while (!quitting_ &&
           lock.wait_until(watcher_needed_, next_look) == std::cv_status::no_timeout) {
    }
    const size_t spares = workers_.size() - polling_.load();
    if (idle_.load() == 0 && turns_.load() == seen && spares > 0) {
      ++polling_;
      ++promotions_;
      spare_needed_.notify_one();
    }
  }
}

void reactor::wake_watcher() {
  {
    const checked_lock lock(spare_mutex_);
    watcher_sleeps_ = false;
  }
  watcher_needed_.notify_one();
}

// Runs the strands that are queued now. Wakes an idle worker to help if there are several, because
// a group commit answers many connections at once.
void reactor::drain_queue() {
  for (size_t left = queued_.load(); left > 0; --left) {
    strand* task = nullptr;
    {
      const checked_lock lock(queue_mutex_);
      if (queue_.empty()) return;
      task = queue_.front();
      queue_.pop_front();
      queued_.store(queue_.size());
    }
    if (queued_.load() > 0) wake_one();
    execute(*task);
  }
}

void reactor::set_due(strand& task, clock::time_point when) {
  const int64_t due = nanoseconds(when);
  task.due_.store(due);
  if (due < armed_.load()) arm(due);
}

void reactor::arm(int64_t due) {
  const checked_lock lock(timer_mutex_);
  if (due >= armed_.load()) return;
  armed_.store(due);
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(std::max<int64_t>(due, 1) / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(std::max<int64_t>(due, 1) % 1'000'000'000);
  ::timerfd_settime(timer_.value, TFD_TIMER_ABSTIME, &when, nullptr);
}

// If a strand sets its due time during the sweep, either the sweep sees that time, or the strand
// sees that the timer is not armed and arms it.
void reactor::sweep() {
  const int64_t now = nanoseconds(clock::now());
  int64_t next = INT64_MAX;
  std::vector<strand*> due_now;
  {
    const checked_lock lock(timer_mutex_);
    armed_.store(INT64_MAX);
    for (strand* task : timed_) {
      int64_t due = task->due_.load();
      if (due <= now && task->due_.compare_exchange_strong(due, INT64_MAX))
        due_now.push_back(task);
      else
        next = std::min(next, std::max(due, now + least_sweep_pause_ns));
    }
  }
  for (strand* task : due_now) signal(*task, signal::timer);
  if (next != INT64_MAX) arm(next);
}

} // namespace treadmill::http
