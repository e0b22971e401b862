#include "js/pool/pool_job.hpp"
#include <algorithm>
#include <span>

namespace treadmill::js {

namespace {

size_t bytes_of(const document& one) { return one.id.size() + one.rev.size() + one.body.size(); }

size_t bytes_of(const reduce_call& one) {
  size_t bytes = 0;
  for (const std::string& key : one.keys) bytes += key.size() + 1;
  for (const std::string& value : one.values) bytes += value.size() + 1;
  return bytes;
}

size_t bytes_of(const mapped& one) {
  size_t bytes = sizeof one + one.message.size();
  for (const row& each : one.rows) bytes += sizeof each + each.key.size() + each.value.size();
  return bytes;
}

} // namespace

pool_job::pool_job(std::shared_ptr<const map_job> job, map_callback done)
    : what_(job->what), map_(std::move(job)), documents_(map_->documents), suspect_(map_->suspect),
      once_(map_->once), mapped_(std::move(done)) {}

pool_job::pool_job(reduce_job job, reduce_callback done)
    : what_(std::move(job.what)), calls_(std::move(job.calls)), suspect_(job.suspect),
      reduced_(std::move(done)) {}

std::unique_ptr<pool_job> pool_job::check(std::shared_ptr<const function> what, map_callback done) {
  std::unique_ptr<pool_job> made(new pool_job(std::move(what)));
  made->mapped_ = std::move(done);
  return made;
}

size_t pool_job::item_bytes(size_t item) const {
  return is_reduction() ? bytes_of(calls_[item]) : bytes_of(documents_[item]);
}

pool_job::piece pool_job::next_piece(size_t bytes) const {
  piece made{answers_.size(), 0, struck_ == answers_.size()};
  if (made.alone) {
    made.count = 1;
    return made;
  }
  const size_t end = struck_.value_or(size());
  size_t sum = 0;
  for (size_t i = made.first; i < end; ++i) {
    sum += item_bytes(i);
    if (made.count > 0 && sum > bytes) break;
    ++made.count;
  }
  return made;
}

void pool_job::put_request(std::string& out, uint64_t request, const piece& items) const {
  if (is_reduction()) {
    put_reduce(out, request, what_->id, std::span(calls_).subspan(items.first, items.count));
  } else {
    put_map(out, request, what_->id, documents_.subspan(items.first, items.count));
  }
}

void pool_job::add(mapped item) {
  answer_bytes_ += bytes_of(item);
  answers_.push_back(std::move(item));
  unexplained_ = 0;
  struck_ = struck_ && *struck_ >= answers_.size() ? struck_ : std::nullopt;
}

bool pool_job::take(const piece& from, std::vector<mapped> items, size_t answer_bytes) {
  if (answers_.empty()) answers_.reserve(size());
  for (mapped& one : items) {
    const bool strike = is_strike(one.problem);
    if (strike && !from.alone && !once_) {
      struck_ = answers_.size();
      return false;
    }
    add(std::move(one));
    if (strike) return true;
  }
  return answers_.size() == size() || answer_bytes_ >= answer_bytes;
}

bool pool_job::attribute(const piece& from, size_t item, fault problem) {
  if (!from.alone) {
    struck_ = from.first + item;
    return false;
  }
  answer_item(problem, problem == fault::timed_out       ? "took more CPU time than a document may"
                       : problem == fault::out_of_memory ? "took more memory than there is"
                                                         : "killed the process that ran it");
  return true;
}

void pool_job::answer_item(fault problem, std::string message) {
  mapped made;
  made.problem = problem;
  made.message = std::move(message);
  add(std::move(made));
}

void pool_job::finish(outcome how, std::string message) {
  if (mapped_) {
    const auto call = std::exchange(mapped_, nullptr);
    return call({how, std::move(message), std::move(answers_)});
  }
  const auto call = std::exchange(reduced_, nullptr);
  reduce_answer answer{how, std::move(message), {}};
  for (mapped& one : answers_) {
    reduced value{{}, one.problem, std::move(one.message)};
    if (one.rows.size() == 1) value.value = std::move(one.rows.front().key);
    answer.values.push_back(std::move(value));
  }
  call(std::move(answer));
}

} // namespace treadmill::js
