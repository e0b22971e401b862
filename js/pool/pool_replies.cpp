#include "js/pool/pool_core.hpp"
#include <algorithm>
#include <csignal>
#include <deque>
#include <exception>
#include <poll.h>
#include <utility>
#include <variant>

namespace treadmill::js {

using namespace std::chrono_literals;

namespace {

/// The CPU time that the pool allows for an item. It is longer than that of the worker's watchdog,
/// which ends an item within 1.2 limits and the process within 2.2 limits and half a second.
std::chrono::nanoseconds generous(std::chrono::milliseconds limit) { return 3 * limit + 1s; }

} // namespace

void map_pool::core::serve(worker& one, short events) {
  if (events == 0) return;
  if ((events & POLLOUT) != 0) one.send();
  if ((events & (POLLIN | POLLHUP | POLLERR)) == 0) return;
  const bool open = one.receive();
  // Read the frames of an ended worker, too: its earlier answers count.
  if (!read_all(one)) {
    ++counted_.killed;
    warn("a worker for queries answered with what is no answer");
    return reap(one, fault::crashed);
  }
  if (!open) reap(one, fault::none);
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

void map_pool::core::check_workers() {
  const auto now = clock::now();
  next_check_ = now + check_interval;
  const worker::limits most{options_.start_time, generous(options_.document_cpu),
                            options_.stall_time};
  std::vector<std::pair<worker*, worker::verdict>> overdue;
  for (const auto& one : workers_) {
    const auto verdict = one->judge(most, now);
    if (verdict != worker::verdict::well) overdue.emplace_back(one.get(), verdict);
  }
  for (const auto& [one, verdict] : overdue) kill(*one, verdict);
}

// -- the end of workers ------------------------------------------------------------------------

void map_pool::core::kill(worker& one, worker::verdict why) {
  ++counted_.killed;
  switch (why) {
  case worker::verdict::well: return;
  case worker::verdict::late_start:
    failure_ = "the worker did not get ready in time";
    return reap(one, fault::none);
  case worker::verdict::too_long:
    warn("a worker for queries was killed: it did not stop at its limit of CPU time");
    return reap(one, fault::timed_out);
  case worker::verdict::stalled:
    warn("a worker for queries was killed: it does not go on, nor uses CPU time");
    return reap(one, fault::none); // the cause is unknown
  }
}

/// `killed_for`: the fault of its item, if the pool ends the worker because of it; else none.
void map_pool::core::reap(worker& one, fault killed_for) {
  const auto ending = one.process().end();
  const auto at = one.process().at();
  counted_.cpu += ending.cpu;
  const bool was_ready = one.ready();
  std::deque<worker::flight> flights;
  while (!one.flights().empty()) flights.push_back(one.take_first());
  if (reserved_ == &one) reserved_ = nullptr;
  std::erase_if(workers_, [&](const auto& each) { return each.get() == &one; });
  if (!was_ready) return died_at_start(ending);
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
    settle_flight(std::move(last), at, problem, flights.empty());
  }
}

void map_pool::core::died_at_start(const worker_process::ending& ending) {
  // A worker that was killed from outside says nothing about the next start.
  if (failure_.empty() && ending.signal == SIGKILL && ++killed_starts_ <= defaults::killed_starts) {
    ++counted_.died;
    return;
  }
  const std::string how = ending.signal != 0 ? "signal " + std::to_string(ending.signal)
                                             : "code " + std::to_string(ending.code);
  start_failed(failure_.empty() ? "it ended with " + how : std::exchange(failure_, {}));
}

void map_pool::core::settle_flight(worker::flight dead, const worker_process::position& at,
                                   fault problem, bool first) {
  const bool here = at.request == dead.request;
  if (here && problem != fault::none) {
    if (at.item == progress_page::compiling) {
      if (dead.job->attribute_to_function())
        return finish(std::move(dead.job), outcome::bad_function,
                      "the function killed the process that compiled it");
      return again(std::move(dead.job));
    }
    if (at.item < dead.items.count) {
      if (dead.job->attribute(dead.items, at.item, problem))
        return finish(std::move(dead.job), outcome::done);
      return again(std::move(dead.job));
    }
  }
  if (!here && !first) return again(std::move(dead.job));
  // The reason is unknown: try the job again, but not forever.
  if (!dead.job->count_death(defaults::unexplained_deaths)) return again(std::move(dead.job));
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

} // namespace treadmill::js
