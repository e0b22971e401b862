#include "net/api/activity_feed.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/parameters.hpp"
#include "storage/engine/current_entries.hpp"
#include "storage/engine/keys.hpp"
#include "storage/json/json.hpp"
#include <algorithm>

namespace treadmill::api {

namespace {

/// Entries that wait for their documents to be read.
constexpr size_t pending_entries = 256;

} // namespace

bool activity_reader::asked_for(const std::string& id) const {
  return !options_.ids || std::binary_search(options_.ids->begin(), options_.ids->end(), id);
}

result<bool> activity_reader::read(const read_view& view, uint64_t end, std::string& out) {
  if (at_limit()) return false;
  if (next_pending_ == pending_.size()) {
    if (position_ >= end) return false;
    auto more = scan(view, end, out);
    if (!more || !needs_document() || at_limit()) return more;
    auto waiting = show_pending(view, out);
    if (!waiting) return waiting;
    return *more || *waiting;
  }
  auto waiting = show_pending(view, out);
  if (!waiting) return waiting;
  return *waiting || position_ < end;
}

result<bool> activity_reader::scan(const read_view& view, uint64_t end, std::string& out) {
  slice_bounds bounds{out.size()};
  bool more = false;
  result<void> failed;
  activity_entry entry;
  const auto row = [&](std::string_view key, std::string_view value) {
    if (bounds.reached(out.size(), value.size()) || pending_.size() >= pending_entries) {
      more = true;
      return false;
    }
    failed = entry.assign(keys::sequence_of(key), value);
    if (!failed) return false;
    position_ = entry.sequence;
    if (!asked_for(entry.id)) return true;
    if (needs_document()) {
      pending_.push_back(entry);
      return true;
    }
    show(entry, {}, out);
    return !at_limit();
  };
  uint64_t up_to = end;
  if (options_.latest) {
    const auto looked = scan_current_entries(view, bucket_.number, position_ + 1, end, row);
    if (!looked) return tl::unexpected(looked.error());
    up_to = looked->up_to;
  } else {
    const auto read = view.scan(keys::activity(bucket_.number, position_ + 1),
                                keys::activity(bucket_.number, end + 1), row);
    if (!read) return tl::unexpected(read.error());
  }
  if (!failed) return tl::unexpected(std::move(failed.error()));
  if (!more && !at_limit()) position_ = up_to;
  return more || up_to < end;
}

result<bool> activity_reader::show_pending(const read_view& view, std::string& out) {
  const size_t begin = out.size();
  while (next_pending_ < pending_.size() && !at_limit()) {
    if (out.size() - begin >= slice_bytes) return true;
    if (auto shown = show_with_document(view, pending_[next_pending_], out); !shown)
      return tl::unexpected(std::move(shown.error()));
    ++next_pending_; // only now, so that an entry that could not be read is tried again
  }
  pending_.clear();
  next_pending_ = 0;
  return false;
}

result<void> activity_reader::show_with_document(const read_view& view, const activity_entry& entry,
                                                 std::string& out) {
  const auto stored = view.read(keys::document(bucket_.number, entry.id));
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return fail(ec::corrupt, "the activity names a document that is missing");
  const auto row = document_row::decode(**stored);
  if (!row) return tl::unexpected(row.error());
  if (options_.latest && row->sequence != entry.sequence) return {};
  if (options_.active && row->deleted) return {};
  std::string extra;
  if (options_.include_docs && !row->deleted) {
    extra.reserve(row->body.size() + entry.id.size() + 80);
    extra += R"(,"document":)";
    append_document(extra, entry.id, row->winner.text(), row->body);
  }
  show(entry, extra, out);
  return {};
}

void activity_reader::show(const activity_entry& entry, std::string_view extra, std::string& out) {
  switch (options_.mode) {
  case feed_mode::normal:
  case feed_mode::longpoll:
    if (shown_ > 0) out += ',';
    append_entry(out, entry, extra);
    break;
  case feed_mode::continuous:
  case feed_mode::eventsource:
    begin_entry(out, options_.mode, entry.sequence, bucket_.log_id);
    append_entry(out, entry, extra);
    end_entry(out, options_.mode);
    break;
  }
  ++shown_;
  last_shown_ = entry.sequence;
}

namespace {

/// One JSON answer: `{"log":…,"activity":[…],"count":n,"last_seq":s}`. A normal answer reads one
/// snapshot of all committed entries; a longpoll reads the entries that are durable now, and waits
/// if there are none to show.
class activity_answer : public row_stream {
public:
  activity_answer(context& node, bucket_info bucket, activity_options options, read_view view,
                  uint64_t end)
      : node_(node), reader_(std::move(bucket), std::move(options)), end_(end),
        silence_(reader_.options().times, node.now()) {
    if (!is_feed()) snapshot_ = std::move(view);
  }

  void start(const waker& wake) override {
    if (is_feed()) following_ = node_.backend.follow(reader_.bucket().number, wake);
  }
  clock::time_point due() const override { return silence_.due(); }
  bool is_feed() const override { return reader_.options().mode == feed_mode::longpoll; }

protected:
  state slice(std::string& out) override {
    open(out);
    if (snapshot_) return read_on(*snapshot_, out);
    silence_.go_on();
    const read_view view = node_.backend.rows().synced();
    const auto stored = view.state(reader_.bucket().number);
    if (!stored) return stop_at(stored.error(), out);
    end_ = std::max(end_, stored->sequence); // a dropped bucket loses its rows while feeds read it
    return read_on(view, out);
  }

private:
  state read_on(const read_view& view, std::string& out) {
    const auto more = reader_.read(view, end_, out);
    if (!more) return stop_at(more.error(), out);
    if (reader_.at_limit()) return close(out, std::min(reader_.last_shown(), end_));
    if (*more) return state::more;
    if (!is_feed() || reader_.shown() > 0 || has_to_end()) return close(out, end_);
    return rest(out);
  }

  state rest(std::string& out) {
    if (silence_.beats(node_.now())) out += '\n'; // white space between two tokens of the JSON
    return state::wait;
  }

  state stop_at(const error& problem, std::string& out) {
    if (!is_feed() || !passes(problem)) return give_up(problem);
    if (has_to_end()) return close(out, std::min(reader_.last_shown(), end_));
    silence_.pause(node_.now());
    return rest(out);
  }

  bool has_to_end() const {
    return silence_.is_over(node_.now()) || node_.backend.stopping() ||
           !node_.backend.rows().alive(reader_.bucket().number);
  }

  void open(std::string& out) {
    if (std::exchange(opened_, true)) return;
    out += R"({"log":")";
    out += to_hex(reader_.bucket().log_id);
    out += R"(","activity":[)";
  }

  state close(std::string& out, uint64_t last) const {
    out += R"(],"count":)";
    append_number(out, reader_.shown());
    out += R"(,"last_seq":)";
    append_number(out, last);
    out += '}';
    return state::done;
  }

  context& node_;
  activity_reader reader_;
  std::optional<read_view> snapshot_{}; ///< of a normal answer
  uint64_t end_ = 0;
  feed_timers silence_;
  std::shared_ptr<void> following_{};
  bool opened_ = false;
};

/// The endless feeds of durable entries, as lines or as events.
class activity_lines : public http::body_stream {
public:
  activity_lines(context& node, bucket_info bucket, activity_options options)
      : node_(node), reader_(std::move(bucket), std::move(options)),
        silence_(reader_.options().times, node.now()) {}

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
    if (reader_.at_limit()) return state::done;
    const auto now = node_.now();
    silence_.go_on();
    if (!more) silence_.pause(now);
    if (reader_.shown() != shown) silence_.spoke(now);
    beat(now, out);
    if (more.value_or(false)) return state::more;
    return silence_.is_over(now) ? state::done : state::wait;
  }

private:
  void beat(clock::time_point now, std::string& out) {
    if (silence_.beats(now)) append_heartbeat(out, reader_.options().mode);
  }

  context& node_;
  activity_reader reader_;
  feed_timers silence_;
  std::shared_ptr<void> following_{};
};

result<activity_options> options_of(const exchange& x, feed_mode mode, const bucket_info& bucket,
                                    uint64_t last) {
  activity_options options;
  options.mode = mode;
  const auto since = read_since(x, options.mode, bucket, last);
  if (!since) return tl::unexpected(since.error());
  options.since = since->sequence.value_or(0);
  if (const auto limit = x.number("limit")) options.limit = *limit;
  if (const auto text = x.text("ids")) {
    auto ids = read_ids(*text);
    if (!ids) return tl::unexpected(std::move(ids.error()));
    options.ids = std::move(*ids);
  }
  options.include_docs = x.flag("include_docs");
  options.latest = x.flag("latest");
  options.active = x.flag("active");
  options.times = read_feed_times(x, mode);
  return options;
}

} // namespace

void read_activity(exchange& x) {
  auto bucket = x.existing_bucket();
  if (!bucket) return;
  // A normal answer shows all acknowledged writes, as other reads do. A feed shows only durable
  // ones, so that a follower is never ahead of the state after a crash.
  const feed_mode mode = feed_mode_of(x.text("feed").value_or("normal"));
  const store& rows = x.node.backend.rows();
  const read_view view = mode == feed_mode::normal ? rows.snapshot() : rows.synced();
  const auto state = view.state(bucket->number);
  if (!state) return x.answer.refuse(state.error());
  auto options = options_of(x, mode, *bucket, state->sequence);
  if (!options) return x.answer.refuse(options.error());
  if (options->mode == feed_mode::continuous || options->mode == feed_mode::eventsource)
    return answer_feed(
        x.answer, mode, bucket->log_id,
        std::make_unique<activity_lines>(x.node, std::move(*bucket), std::move(*options)));
  answer_rows(x.answer,
              std::make_unique<activity_answer>(x.node, std::move(*bucket), std::move(*options),
                                                view, state->sequence));
}

} // namespace treadmill::api
