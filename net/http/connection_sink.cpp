#include "net/http/connection.hpp"
#include "net/http/error_body.hpp"
#include <algorithm>
#include <cstring>

// The members of `connection` that give the body of a request to a sink while it arrives.
namespace treadmill::http {

namespace {

// Largest piece that a sink gets, and size of the buffer that such a body is received in.
constexpr size_t piece_bytes = 64 * 1024;
// Steps that one connection may do in one run before it yields to the others.
constexpr size_t steps_a_slice = 16;

} // namespace

// Asks whether the body has a sink, from the head alone.
void connection::offer_body() {
  if (!core_.options.open_sink) return;
  request head;
  head.method = head_.method;
  head.target = head_.target;
  head.path = head_.path;
  head.query = head_.query;
  head.headers.swap(head_.headers);
  head.remote_address = address_;
  head.door = door_;
  head.deadline = now_ + core_.options.request_deadline;
  sink_ = core_.options.open_sink(head);
  head_.headers.swap(head.headers);
}

// Bytes of the body may have been gathered in the buffer. The head moves to the exchange, so that
// the buffer is free for the body.
void connection::begin_upload() {
  exchange_ = std::make_shared<exchange>(core_.weak_from_this(), *this);
  exchange_->bytes.grow(head_size_, 0, 0);
  std::memcpy(exchange_->bytes.data(), in_.data() + begin_, head_size_);
  if (auto read = read_head({exchange_->bytes.data(), head_size_}, core_.limits_at(door_), head_);
      !read)
    return answer_unread(error_response(read.error()));
  fill(exchange_->request);
  head_request_ = false;
  // The other half is for bodies that have begun already.
  const size_t most = core_.options.total_request_bytes / 2;
  const size_t memory = std::max(piece_bytes, in_.capacity()) + sink_->memory();
  if (!charge_.grow(core_.body_bytes, std::min(most, memory), most)) {
    ++core_.refused;
    return answer_unread(
        error_response({ec::overloaded, "there are too many requests with large bodies"}));
  }
  sink_phase_ = sink_phase::open;
  sink_woken_ = false;
  sink_due_ = now_ + core_.options.request_deadline;
  body_left_ = head_.content_length;
  sink_lives_ = std::make_shared<std::atomic<bool>>(true);
  phase_ = phase::uploading;
  // A late call finds the flag cleared, or wakes a connection that has nothing to do.
  sink_->start(
      responder([exchange = exchange_](response&& answer) { exchange->answer(std::move(answer)); }),
      waker([core = core_.weak_from_this(), lives = sink_lives_, this] {
        if (!lives->load()) return;
        if (const auto held = core.lock()) held->workers.signal(*this, woken);
      }));
  if (!exchange_->answered()) send_continue();
  begin_ += head_size_;
  ready_end_ = begin_ + body_size_;
  if (!body_ended_) next_ = ready_end_;
}

bool connection::upload_step() {
  if (!exchange_->answered()) return feed_sink();
  if (!exchange_->answer_given.stream) {
    answer_unread(std::move(exchange_->answer_given));
    return true;
  }
  begin_answer(std::move(exchange_->answer_given));
  take_back();
  if (stream_) return true;
  // The answer had a fault and became an error.
  close_after_ = true;
  begin_ = end_ = 0;
  end_sink();
  next_request();
  return true;
}

// Sends the answer and reads the body, whichever can go on.
bool connection::duplex_step() {
  const bool fed = feed_sink();
  if (phase_ != phase::streaming) return phase_ != phase::closed;
  return stream_step() || (fed && phase_ == phase::streaming);
}

// True: the sink went on, or got bytes, or more of them arrived.
bool connection::feed_sink() {
  if (!sink_woken_ && sink_phase_ != sink_phase::open) return false;
  if (slice_++ >= steps_a_slice) return give_way();
  if (sink_woken_) {
    resume_sink();
  } else if (begin_ < ready_end_) {
    const auto piece = received(begin_, std::min(ready_end_, begin_ + piece_bytes));
    begin_ += piece.size();
    give(piece);
  } else if (body_ended_) {
    end_body();
  } else if (next_ < end_) {
    if (auto decoded = decode(); !decoded) fail_body(decoded.error());
  } else {
    return receive_more();
  }
  return true;
}

void connection::give(std::string_view piece) {
  heed(sink_->take(piece));
  charge_sink();
}

void connection::resume_sink() {
  sink_woken_ = false;
  const auto state = sink_->resume();
  if (sink_phase_ == sink_phase::done) return;
  heed(state);
  charge_sink();
}

void connection::heed(body_sink::state state) {
  switch (state) {
  case body_sink::state::ok:
    if (sink_phase_ == sink_phase::waiting) { // the client could not send meanwhile
      since_ = now_;
      window_bytes_ = 0;
    }
    sink_phase_ = sink_phase::open;
    return;
  case body_sink::state::wait:
    if (sink_phase_ == sink_phase::open) sink_due_ = now_ + core_.options.request_deadline;
    sink_phase_ = sink_phase::waiting;
    return;
  case body_sink::state::refused: return cut_body();
  }
}

// Charges what the body takes now. As with other requests, one may take more than there is if it is
// the only one.
void connection::charge_sink() {
  if (sink_phase_ == sink_phase::done) return;
  const size_t all = core_.options.total_request_bytes;
  const size_t bytes = std::min(all, in_.capacity() + sink_->memory());
  if (!charge_.grow(core_.body_bytes, bytes, all))
    return fail_body({ec::overloaded, "there are too many requests with large bodies"});
  charge_.set(core_.body_bytes, bytes);
}

// Makes received bytes ready for the sink. Precondition: it has all that were ready.
result<void> connection::decode() {
  begin_ = next_;
  if (head_.chunked) {
    auto step = chunks_.read(received(next_, end_), in_.data() + next_);
    if (!step) return tl::unexpected(std::move(step.error()));
    ready_end_ = begin_ + step->written;
    next_ += step->used;
    body_ended_ = step->done;
    return {};
  }
  const size_t size = std::min(end_ - next_, body_left_);
  ready_end_ = next_ = begin_ + size;
  body_left_ -= size;
  body_ended_ = body_left_ == 0;
  return {};
}

// Precondition: the sink has all bytes that were received.
bool connection::receive_more() {
  begin_ = end_ = next_ = ready_end_ = 0;
  if (in_.capacity() != piece_bytes) {
    in_.free();
    in_.grow(piece_bytes, 0, 0);
  }
  if (phase_ == phase::uploading && !flush()) return false;
  if (core_.stopping) {
    fail_body({ec::shutting_down, "the node is ending"});
    return true;
  }
  if (read_all_) {
    fail_body({ec::bad_request, "the request ends before its body does"});
    return true;
  }
  return receive();
}

void connection::end_body() {
  sink_phase_ = sink_phase::done;
  begin_ = next_;
  if (exchange_) arrival_ = now_;
  sink_due_ = now_ + core_.options.request_deadline;
  if (phase_ == phase::uploading) phase_ = phase::handling;
  sink_->end();
}

// The sink gets no more of the body, so this request is the last one of its connection.
void connection::cut_body() {
  sink_phase_ = sink_phase::done;
  sink_due_ = now_ + core_.options.request_deadline;
  close_after_ = true;
  begin_ = end_ = next_ = ready_end_ = 0;
  if (phase_ == phase::uploading) phase_ = phase::handling;
}

// Parts of the body may have been applied, so the sink answers.
void connection::fail_body(const error& problem) {
  switch (problem.code) {
  case ec::request_timeout:
  case ec::shutting_down: break;
  case ec::overloaded: ++core_.refused; break;
  default: ++core_.bad_requests;
  }
  cut_body();
  sink_->fail(problem);
}

void connection::end_sink() {
  if (!sink_) return;
  if (sink_lives_) sink_lives_->store(false);
  sink_.reset();
  sink_lives_.reset();
  sink_woken_ = body_ended_ = false;
  charge_.release();
  rest_buffer();
}

} // namespace treadmill::http
