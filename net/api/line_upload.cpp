#include "net/api/line_upload.hpp"
#include "net/api/request_work.hpp"
#include "storage/base/free_text.hpp"
#include "storage/base/text_lines.hpp"
#include <algorithm>
#include <utility>

namespace treadmill::api {

namespace {

class upload_sink final : public http::body_sink {
public:
  upload_sink(std::shared_ptr<line_upload> upload, bool takes_small)
      : upload_(std::move(upload)), takes_small_(takes_small) {}
  ~upload_sink() override { upload_->drop(); }
  bool takes_small() const override { return takes_small_; }
  size_t memory() const override { return upload_->memory(); }
  void start(http::responder answer, const waker& wake) override {
    upload_->wake_with(wake);
    upload_->start(std::move(answer));
  }
  state take(std::string_view piece) override { return upload_->take(piece); }
  state resume() override { return upload_->resume(); }
  void end() override { upload_->end(); }
  void fail(const error& problem) override { upload_->fail(problem); }

private:
  std::shared_ptr<line_upload> upload_;
  bool takes_small_;
};

/// A line that is gathered takes several times its size once it is submitted: reserved in advance,
/// because then it is too late to refuse it.
constexpr size_t work_a_byte = 3;

} // namespace

error line_upload::batch::fault(const error& problem) const {
  const std::string first = std::to_string(first_line);
  if (first_line == last_line) return in_line(first_line, problem);
  return {problem.code,
          "lines " + first + " to " + std::to_string(last_line) + ": " + problem.reason};
}

http::body_sink::state line_upload::take(std::string_view piece) {
  std::unique_lock lock(mutex_);
  const size_t from = gathered_.size();
  gathered_ += piece;
  look_for_lines(from);
  submit_next(lock);
  return state();
}

http::body_sink::state line_upload::resume() {
  std::unique_lock lock(mutex_);
  submit_next(lock);
  return state();
}

void line_upload::end() {
  std::unique_lock lock(mutex_);
  ended_ = true;
  if (whole_ < gathered_.size()) { // the last line has no line end
    whole_ = gathered_.size();
    ++lines_;
  }
  submit_next(lock);
}

void line_upload::fail(const error& problem) {
  std::unique_lock lock(mutex_);
  discard();
  if (problem_.code == ec::none) problem_ = problem;
  submit_next(lock);
}

size_t line_upload::memory() const {
  const std::lock_guard lock(mutex_);
  return gathered_.capacity() + work_a_byte * gathered_.size() + work_ + result_bytes();
}

void line_upload::drop() {
  const std::lock_guard lock(mutex_);
  dropped_ = true;
  discard();
}

void line_upload::batch_done(result<void> done) {
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    work_ = 0;
    if (!done && problem_.code == ec::none) problem_ = std::move(done.error());
  }
  wake();
}

// Precondition: the mutex is held.
http::body_sink::state line_upload::state() const {
  if (problem_.code != ec::none || finished_) return http::body_sink::state::refused;
  const bool has_room = whole_ < batch_bytes && lines_ < batch_lines;
  return has_room ? http::body_sink::state::ok : http::body_sink::state::wait;
}

void line_upload::discard() {
  free_text(gathered_);
  whole_ = lines_ = 0;
}

// Finds the line ends in the bytes from `from` on. A line may come in many pieces: it looks at no
// byte twice.
void line_upload::look_for_lines(size_t from) {
  const auto added = std::string_view(gathered_).substr(from);
  lines_ += static_cast<size_t>(std::count(added.begin(), added.end(), '\n'));
  if (const size_t last = added.rfind('\n'); last != std::string_view::npos)
    whole_ = from + last + 1;
  if (gathered_.size() - whole_ > line_limit_ && problem_.code == ec::none)
    problem_ = in_line(first_line_ + lines_, {ec::too_large, "the line is longer than the limit"});
}

// Precondition: there are whole lines.
line_upload::batch line_upload::cut() {
  size_t size = 0;
  size_t count = 0;
  while (size < whole_ && size < batch_bytes && count < batch_lines) {
    size = std::min(gathered_.find('\n', size), whole_ - 1) + 1;
    ++count;
  }
  batch next;
  next.first_line = first_line_;
  next.last_line = first_line_ + count - 1;
  // The text takes the buffer, which may have grown large, and the rest a new one.
  std::string rest = gathered_.substr(size);
  gathered_.resize(size);
  next.text = std::exchange(gathered_, std::move(rest));
  whole_ -= size;
  lines_ -= count;
  first_line_ += count;
  return next;
}

// Submits batches as long as they are done at once.
void line_upload::submit_next(std::unique_lock<std::mutex>& lock) {
  while (!busy_ && !finished_ && !dropped_) {
    if (problem_.code != ec::none || (ended_ && whole_ == 0)) {
      finished_ = true;
      const error problem = problem_;
      lock.unlock();
      finish(problem);
      wake();
      lock.lock();
    } else if (whole_ == 0 || is_full()) {
      break;
    } else {
      busy_ = true;
      batch next = cut();
      work_ = next.text.capacity() + lines_work_bytes(next.text);
      lock.unlock();
      submit(std::move(next));
      lock.lock();
    }
  }
}

std::unique_ptr<http::body_sink> sink_of(std::shared_ptr<line_upload> upload, bool takes_small) {
  return std::make_unique<upload_sink>(std::move(upload), takes_small);
}

} // namespace treadmill::api
