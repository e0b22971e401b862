#include "net/http/answer_head.hpp"
#include "net/http/connection.hpp"
#include "net/http/error_body.hpp"
#include "net/http/http_date.hpp"
#include <algorithm>
#include <array>

// The members of `connection` that write answers.
namespace treadmill::http {

namespace {

// A body up to this size is copied behind its head, so that both go out as one piece.
constexpr size_t joined_body_bytes = 16 * 1024;
// Pieces of a stream that one connection may send in one run before it yields to the others.
constexpr size_t pieces_a_slice = 4;

// Placeholder for a chunk's size, which is written after the chunk's data.
constexpr std::string_view chunk_head = "00000000\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";

bool is_framing_header(std::string_view name) {
  constexpr std::array<std::string_view, 3> ours{"content-length", "transfer-encoding",
                                                 "connection"};
  return std::any_of(ours.begin(), ours.end(), [&](std::string_view own) {
    return own.size() == name.size() &&
           std::equal(own.begin(), own.end(), name.begin(), [](char a, char b) {
             return a == b || (a >= 'a' && a <= 'z' && a - 32 == b);
           });
  });
}

bool is_sendable(const response& answer) {
  return is_sendable_header("Content-Type", answer.content_type) && answer.status >= 200 &&
         answer.status <= 599 &&
         std::all_of(answer.headers.begin(), answer.headers.end(), [](const auto& header) {
           return is_sendable_header(header.first, header.second) &&
                  !is_framing_header(header.first);
         });
}

/// Answers that are JSON objects end with a line feed, because people read them in terminals.
bool ends_with_line_feed(const response& answer) {
  return answer.content_type == "application/json" &&
         (answer.stream || (!answer.body.empty() && answer.body.back() == '}'));
}

} // namespace

response connection::internal_error() {
  return error_response({ec::internal, "the request could not be handled"});
}

void connection::begin_answer(response&& answer) {
  if (!is_sendable(answer)) answer = internal_error();
  if (answer.stream && !head_request_ && answer.stream->is_feed()) {
    is_feed_ = core_.become_feed();
    if (!is_feed_) {
      ++core_.refused;
      answer = error_response({ec::overloaded, "there are too many feed clients"});
    }
  }
  const bool has_body = answer.status != 204 && answer.status != 304;
  line_feed_ = has_body && ends_with_line_feed(answer);
  if (line_feed_ && !answer.stream) answer.body += '\n';
  answer_1_0_ = head_.http_1_0;
  close_after_ = close_after_ || !head_.keep_alive || core_.stopping ||
                 ++requests_ >= core_.options.keep_alive_requests ||
                 (answer.stream && answer_1_0_ && !head_request_);
  answer_head head;
  head.status = answer.status;
  head.date = http_date(core_.options.wall_clock());
  head.headers = &answer.headers;
  head.close = close_after_;
  head.http_1_0 = answer_1_0_;
  head.chunked = has_body && answer.stream && !answer_1_0_;
  if (has_body && !answer.stream) head.content_length = answer.body.size();
  if (has_body && (answer.stream || !answer.body.empty())) head.content_type = answer.content_type;
  if (!unsent()) progress_at_ = now_;
  append_head(out_, head);

  const bool sends_body = has_body && !head_request_;
  if (answer.stream && sends_body) {
    if (core_.record && exchange_) {
      record_method_ = exchange_->request.method;
      record_path_ = exchange_->request.path;
      record_route_ = answer.route;
      record_status_ = answer.status;
    }
    return begin_stream(std::move(answer.stream));
  }
  if (sends_body && answer.body.size() <= joined_body_bytes)
    out_ += answer.body;
  else if (sends_body) {
    body_ = std::move(answer.body);
    body_held_.set(core_.body_bytes, body_.size());
  }
  note_record(answer.status, answer.route, exchange_ ? exchange_->request.method : "",
              exchange_ ? exchange_->request.path : "");
}

void connection::note_record(int status, std::string_view route, std::string_view method,
                             std::string_view path) noexcept {
  if (!core_.record) return;
  request_record done;
  done.method = method;
  done.route = route;
  done.path = path;
  done.status = status;
  if (!method.empty())
    done.duration = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - arrival_);
  try {
    core_.record(done);
  } catch (...) {
    // A lost record must not cost the client its answer.
  }
}

void connection::begin_stream(std::unique_ptr<body_stream> stream) {
  phase_ = phase::streaming;
  stream_ = std::move(stream);
  stream_waits_ = false;
  stream_lives_ = std::make_shared<std::atomic<bool>>(true);
  // A late call finds the flag cleared, or wakes a connection that has nothing to do.
  stream_->start(waker([core = core_.weak_from_this(), lives = stream_lives_, this] {
    if (!lives->load()) return;
    if (const auto held = core.lock()) held->workers.signal(*this, woken);
  }));
}

bool connection::stream_step() {
  if (core_.stopping && is_feed_) {
    end_stream(true);
    return true;
  }
  if (stream_waits_ && now_ < stream_->due()) return stream_rest();
  stream_waits_ = false;
  if (out_.size() - out_sent_ >= defaults::send_buffer_bytes && !flush()) return false;
  if (slice_++ >= pieces_a_slice) return give_way();
  switch (produce()) {
  case body_stream::state::more:
    if (out_.size() - out_sent_ >= gathered_bytes) flush();
    return phase_ != phase::closed;
  case body_stream::state::wait: stream_waits_ = true; return stream_rest();
  case body_stream::state::done: end_stream(true); return true;
  case body_stream::state::cut: break;
  }
  if (flush() && !answer_1_0_)
    close();
  else if (phase_ != phase::closed)
    reset_peer();
  return false;
}

// Called when the stream has no data now.
bool connection::stream_rest() {
  if (!flush() || !peer_ended_ || !is_feed_) return false;
  // The client has all data and has closed its sending side. A client that follows a feed keeps
  // both directions open, so this one has left.
  end_stream(true);
  return true;
}

// Appends the stream's next piece, framed as a chunk.
body_stream::state connection::produce() {
  const size_t frame_at = out_.size();
  if (!unsent()) progress_at_ = now_;
  if (!answer_1_0_) out_ += chunk_head;
  const size_t data_at = out_.size();
  body_stream::state state = body_stream::state::cut;
  try {
    state = stream_->next(out_);
  } catch (...) {
    // A stream that throws counts as cut.
  }
  if (state == body_stream::state::cut) out_.resize(data_at); // the piece may be wrong
  if (state == body_stream::state::done && line_feed_) out_ += '\n';
  const size_t size = out_.size() - data_at;
  if (size == 0) out_.resize(frame_at); // an empty chunk would end the body
  if (size == 0 || answer_1_0_) return state;
  size_t left = size;
  for (size_t digit = frame_at + 8; digit-- > frame_at; left >>= 4)
    out_[digit] = "0123456789abcdef"[left & 15];
  out_ += "\r\n";
  return state;
}

// Destroys the stream. If its body is complete, appends the closing chunk and moves on to the next
// request.
void connection::end_stream(bool complete) {
  stream_lives_->store(false);
  stream_.reset();
  stream_lives_.reset();
  if (is_feed_) core_.end_feed();
  is_feed_ = false;
  note_record(record_status_, record_route_, record_method_, record_path_);
  if (sink_ && sink_phase_ != sink_phase::done) { // the answer needed no more of the body
    close_after_ = true;
    begin_ = end_ = 0;
  }
  end_sink();
  if (!complete) return;
  if (!unsent()) progress_at_ = now_;
  if (!answer_1_0_) out_ += last_chunk;
  next_request();
}

} // namespace treadmill::http
