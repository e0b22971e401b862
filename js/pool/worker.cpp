#include "js/pool/worker.hpp"
#include "js/wire/defaults.hpp"
#include <algorithm>
#include <cerrno>
#include <sys/socket.h>

namespace treadmill::js {

namespace {

/// Reads from one worker before the pool serves the next one.
constexpr int reads_in_a_row = 16;

bool would_wait() { return errno == EAGAIN || errno == EWOULDBLOCK; }

} // namespace

worker::worker(std::unique_ptr<worker_process> process, size_t largest_reply)
    : process_(std::move(process)), in_(largest_reply) {}

void worker::begin(const worker_limits& what) { put_start(out_, what); }

void worker::note_function(const function& what) {
  const auto found = std::find(functions_.begin(), functions_.end(), what.id);
  if (found != functions_.end()) {
    std::rotate(found, found + 1, functions_.end());
    return;
  }
  if (functions_.size() == defaults::contexts) {
    put_forget(out_, functions_.front());
    functions_.pop_front();
  }
  put_define(out_, what);
  functions_.push_back(what.id);
}

void worker::give(uint64_t request, std::unique_ptr<pool_job> job, size_t batch_bytes) {
  note_function(job->what());
  const auto items = job->next_piece(batch_bytes);
  job->put_request(out_, request, items);
  if (flights_.empty()) {
    seen_ = process_->at();
    seen_cpu_ = process_->cpu();
    seen_at_ = clock::now();
  }
  flights_.push_back({request, std::move(job), items});
}

void worker::forget(uint64_t function) {
  if (std::erase(functions_, function) > 0) put_forget(out_, function);
}

bool worker::send() {
  while (wants_to_send()) {
    const ssize_t bytes = ::send(socket(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (bytes > 0) sent_ += static_cast<size_t>(bytes);
    if (bytes < 0 && would_wait()) return true;
    if (bytes < 0 && errno != EINTR) return false;
  }
  sent_ = 0;
  empty_buffer(out_);
  return true;
}

bool worker::receive() {
  for (int i = 0; i < reads_in_a_row; ++i) {
    const auto room = in_.room();
    const ssize_t bytes = ::recv(socket(), room.data(), room.size(), 0);
    if (bytes == 0) return false;
    if (bytes < 0) return would_wait() || errno == EINTR;
    in_.filled(static_cast<size_t>(bytes));
    if (static_cast<size_t>(bytes) < room.size()) return true;
  }
  return true;
}

worker::flight worker::take_first() {
  flight first = std::move(flights_.front());
  flights_.pop_front();
  idle_since_ = clock::now();
  return first;
}

bool worker::has_isolated_job() const {
  return std::any_of(flights_.begin(), flights_.end(),
                     [](const flight& one) { return one.job->needs_isolation(); });
}

worker::verdict worker::judge(const limits& most, clock::time_point now) {
  if (!ready_) return now - seen_at_ > most.start_time ? verdict::late_start : verdict::well;
  if (flights_.empty()) return verdict::well;
  const auto at = process_->at();
  const auto cpu = process_->cpu();
  if (at != seen_) {
    seen_ = at;
    seen_cpu_ = cpu;
    seen_at_ = now;
  }
  if (cpu - seen_cpu_ > most.item_cpu) return verdict::too_long;
  return now - seen_at_ > most.stall_time ? verdict::stalled : verdict::well;
}

} // namespace treadmill::js
