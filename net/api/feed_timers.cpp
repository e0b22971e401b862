#include "net/api/feed_timers.hpp"
#include "net/api/answer_text.hpp"
#include "net/api/log_position.hpp"
#include "net/api/parameters.hpp"
#include <algorithm>

namespace treadmill::api {

namespace {

/// How long a feed waits before it retries a closed store.
constexpr std::chrono::milliseconds closed_pause{250};

} // namespace

feed_mode feed_mode_of(std::string_view name) {
  if (name == "longpoll") return feed_mode::longpoll;
  if (name == "continuous") return feed_mode::continuous;
  if (name == "eventsource") return feed_mode::eventsource;
  return feed_mode::normal;
}

feed_times read_feed_times(const exchange& x, feed_mode mode) {
  using std::chrono::milliseconds;
  feed_times times;
  if (const auto heartbeat = x.number("heartbeat")) {
    times.heartbeat = std::max(milliseconds(*heartbeat), shortest_heartbeat);
    return times;
  }
  if (const auto timeout = x.number("timeout")) times.timeout = milliseconds(*timeout);
  if (mode == feed_mode::longpoll) {
    if (!times.timeout) times.timeout = x.node.options.feed_timeout;
  } else {
    times.heartbeat = x.node.options.feed_heartbeat;
  }
  return times;
}

result<feed_start> read_since(const exchange& x, feed_mode mode, const bucket_info& bucket,
                              uint64_t last) {
  std::string_view asked = x.request.header("Last-Event-ID");
  if (mode != feed_mode::eventsource || asked.empty()) {
    asked = x.text("since").value_or("");
    if (asked.empty()) return feed_start{};
    if (asked == "now") return feed_start{last};
  }
  const auto position = parse_log_position(asked);
  if (!position)
    return fail(ec::bad_request, "Last-Event-ID must be a sequence, or one with the id of its log");
  // The end of all committed entries, not only of the durable ones: a client that has read entries
  // which are not durable yet is not ahead of this log.
  const auto end = x.node.backend.rows().latest().state(bucket.number);
  if (!end) return tl::unexpected(end.error());
  if (!is_of_log(*position, bucket.log_id, end->sequence)) return feed_start{0, true};
  return feed_start{position->sequence};
}

bool passes(const error& problem) { return problem.code == ec::overloaded; }

void answer_feed(reply& to, feed_mode mode, const hash128& log,
                 std::unique_ptr<http::body_stream> stream) {
  http::response answer;
  answer.headers.emplace_back("Treadmill-Log", to_hex(log));
  answer.headers.emplace_back("Cache-Control", "no-cache");
  answer.content_type =
      mode == feed_mode::eventsource ? "text/event-stream" : "application/x-ndjson";
  answer.stream = std::move(stream);
  to(std::move(answer));
}

void begin_entry(std::string& out, feed_mode mode, uint64_t sequence, const hash128& log) {
  if (mode != feed_mode::eventsource) return;
  out += "id: ";
  append_log_position(out, sequence, log);
  out += "\ndata: ";
}

void end_entry(std::string& out, feed_mode mode) {
  out += mode == feed_mode::eventsource ? "\n\n" : "\n";
}

bool feed_timers::beats(clock::time_point now) {
  if (!heartbeat_ || now < sent_ + *heartbeat_) return false;
  sent_ = now;
  return true;
}

void feed_timers::pause(clock::time_point now) { again_ = now + closed_pause; }

clock::time_point feed_timers::due() const {
  auto due = again_.value_or(clock::time_point::max());
  if (heartbeat_) due = std::min(due, sent_ + *heartbeat_);
  if (timeout_) due = std::min(due, spoke_ + *timeout_);
  return due;
}

void append_heartbeat(std::string& out, feed_mode mode) {
  out += mode == feed_mode::eventsource ? ":\n\n" : "\n";
}

} // namespace treadmill::api
