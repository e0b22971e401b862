#include "net/feed_silence.hpp"
#include "net/answer_text.hpp"
#include "net/parameters.hpp"
#include <algorithm>

namespace treadmill::rest {

namespace {

/// A feed's shortest heartbeat, whatever is asked for.
constexpr std::chrono::milliseconds shortest_heartbeat{100};
/// How long a feed waits before it looks again whether a closed store is open.
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

result<std::optional<uint64_t>> read_since(const exchange& x, feed_mode mode, uint64_t last) {
  const std::string_view event = x.request.header("Last-Event-ID");
  if (mode == feed_mode::eventsource && !event.empty()) {
    const auto sequence = read_number(event);
    if (!sequence) return fail(ec::bad_request, "Last-Event-ID must be a sequence");
    return sequence;
  }
  const auto since = x.text("since");
  if (!since) return std::nullopt;
  return *since == "now" ? last : read_number(*since).value_or(0);
}

bool passes(const error& problem) { return problem.code == ec::overloaded; }

void answer_feed(reply& to, feed_mode mode, std::unique_ptr<http::body_stream> stream) {
  http::response answer;
  answer.headers.emplace_back("Cache-Control", "no-cache");
  answer.content_type =
      mode == feed_mode::eventsource ? "text/event-stream" : "application/x-ndjson";
  answer.stream = std::move(stream);
  to(std::move(answer));
}

void begin_entry(std::string& out, feed_mode mode, uint64_t sequence) {
  if (mode != feed_mode::eventsource) return;
  out += "id: ";
  append_number(out, sequence);
  out += "\ndata: ";
}

void end_entry(std::string& out, feed_mode mode) {
  out += mode == feed_mode::eventsource ? "\n\n" : "\n";
}

bool feed_silence::beats(http::clock::time_point now) {
  if (!heartbeat_ || now < sent_ + *heartbeat_) return false;
  sent_ = now;
  return true;
}

void feed_silence::pause(http::clock::time_point now) { again_ = now + closed_pause; }

http::clock::time_point feed_silence::due() const {
  auto due = again_.value_or(http::clock::time_point::max());
  if (heartbeat_) due = std::min(due, sent_ + *heartbeat_);
  if (timeout_) due = std::min(due, spoke_ + *timeout_);
  return due;
}

void append_heartbeat(std::string& out, feed_mode mode) {
  out += mode == feed_mode::eventsource ? ":\n\n" : "\n";
}

} // namespace treadmill::rest
