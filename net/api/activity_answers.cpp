#include "net/api/activity_answers.hpp"
#include <algorithm>
#include <optional>

namespace treadmill::api {

namespace {

class activity_answer : public row_stream {
public:
  activity_answer(context& node, activity_reader reader, feed_mode mode, const feed_times& times,
                  read_view view, log_point end)
      : node_(node), reader_(std::move(reader)), polls_(mode == feed_mode::longpoll), end_(end),
        silence_(times, node.now()) {
    if (!polls_) snapshot_ = std::move(view);
  }

  void start(const waker& wake) override {
    if (polls_) following_ = node_.backend.follow(reader_.bucket().number, wake);
  }
  clock::time_point due() const override { return silence_.due(); }
  bool is_feed() const override { return polls_; }

protected:
  state slice(std::string& out) override {
    if (!std::exchange(opened_, true)) reader_.form().open(out);
    if (snapshot_) return read_on(*snapshot_, out);
    silence_.go_on();
    const read_view view = node_.backend.rows().synced();
    const auto stored = view.state(reader_.bucket().number);
    if (!stored) return stop_at(stored.error(), out);
    // A dropped bucket loses its rows while feeds read it.
    if (stored->sequence >= end_.sequence) end_ = {stored->sequence, stored->chain};
    return read_on(view, out);
  }

private:
  state read_on(const read_view& view, std::string& out) {
    const auto more = reader_.read(view, end_.sequence, out);
    if (!more) return stop_at(more.error(), out);
    if (reader_.at_limit()) return close(out, &view, last_shown());
    if (*more) return state::more;
    if (!polls_ || reader_.shown() > 0 || has_to_end()) {
      const bool at_row = reader_.descending() && reader_.shown() > 0;
      return close(out, &view, at_row ? last_shown() : end_);
    }
    return rest(out);
  }

  state rest(std::string& out) {
    if (silence_.beats(node_.now())) reader_.form().beat(out);
    return state::wait;
  }

  state stop_at(const error& problem, std::string& out) {
    if (!polls_ || !passes(problem)) return give_up(problem);
    if (has_to_end()) return close(out, nullptr, last_shown());
    silence_.pause(node_.now());
    return rest(out);
  }

  bool has_to_end() const {
    return silence_.is_over(node_.now()) || node_.backend.stopping() ||
           !node_.backend.rows().alive(reader_.bucket().number);
  }

  log_point last_shown() const {
    const log_point& last = reader_.last_shown();
    return last.sequence <= end_.sequence ? last : end_;
  }

  state close(std::string& out, const read_view* view, const log_point& last) {
    reader_.form().close(out, view, {reader_.shown(), last, end_.sequence});
    return state::done;
  }

  context& node_;
  activity_reader reader_;
  const bool polls_;
  std::optional<read_view> snapshot_{}; ///< of a normal answer
  log_point end_;
  feed_timers silence_;
  std::shared_ptr<void> following_{};
  bool opened_ = false;
};

class activity_lines : public http::body_stream {
public:
  activity_lines(context& node, activity_reader reader, const feed_times& times)
      : node_(node), reader_(std::move(reader)), silence_(times, node.now()) {}

  void start(const waker& wake) override {
    following_ = node_.backend.follow(reader_.bucket().number, wake);
  }
  clock::time_point due() const override { return silence_.due(); }
  bool is_feed() const override { return true; }

  state next(std::string& out) override {
    if (node_.backend.stopping() || !node_.backend.rows().alive(reader_.bucket().number))
      return state::done;
    const read_view view = node_.backend.rows().synced();
    const auto bucket = view.state(reader_.bucket().number);
    const uint64_t shown = reader_.shown();
    const result<bool> more = bucket ? reader_.read(view, bucket->sequence, out)
                                     : result<bool>(tl::unexpected(bucket.error()));
    if (!more && !passes(more.error())) return state::cut;
    const log_point end = bucket ? log_point{bucket->sequence, bucket->chain} : log_point{};
    if (reader_.at_limit()) return close(out, view, reader_.last_shown(), end.sequence);
    const auto now = node_.now();
    silence_.go_on();
    if (!more) silence_.pause(now);
    if (reader_.shown() != shown) silence_.spoke(now);
    if (silence_.beats(now)) reader_.form().beat(out);
    if (more.value_or(false)) return state::more;
    if (!silence_.is_over(now)) return state::wait;
    return close(out, view, more ? end : reader_.last_shown(), end.sequence);
  }

private:
  state close(std::string& out, const read_view& view, const log_point& last, uint64_t end) {
    reader_.form().close(out, &view, {reader_.shown(), last, std::max(end, last.sequence)});
    return state::done;
  }

  context& node_;
  activity_reader reader_;
  feed_timers silence_;
  std::shared_ptr<void> following_{};
};

} // namespace

std::unique_ptr<row_stream> whole_activity(context& node, activity_reader reader, feed_mode mode,
                                           const feed_times& times, read_view view, log_point end) {
  return std::make_unique<activity_answer>(node, std::move(reader), mode, times, std::move(view),
                                           end);
}

std::unique_ptr<http::body_stream> endless_activity(context& node, activity_reader reader,
                                                    const feed_times& times) {
  return std::make_unique<activity_lines>(node, std::move(reader), times);
}

} // namespace treadmill::api
