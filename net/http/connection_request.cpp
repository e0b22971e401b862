#include "net/http/connection.hpp"
#include "net/http/error_body.hpp"
#include <algorithm>

// The members of `connection` that read a request and submit it to the handler.
namespace treadmill::http {

namespace {

// Requests that one connection may handle in one run before it yields to the others.
constexpr size_t requests_a_slice = 16;
// Requests that need less memory beside their bodies skip admission.
constexpr size_t least_work_bytes = 256 * 1024;

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

} // namespace

bool connection::read_head_step() {
  if (!body_.empty() || out_.size() > gathered_bytes || slice_ >= requests_a_slice) {
    if (!flush()) return false;
    if (slice_ >= requests_a_slice) return give_way();
  }
  if (end_ > begin_) {
    if (waits_for_request_) since_ = now_;
    waits_for_request_ = false;
    auto size = scanner_.scan(received(begin_, end_), core_.limits_at(door_));
    if (size && *size > 0) {
      if (auto begun = begin_body(*size); !begun) refuse(begun.error());
      return true;
    }
    if (!size) {
      refuse(size.error());
      return true;
    }
  }
  if (!flush()) return false;
  if (core_.stopping) {
    close();
    return false;
  }
  if (read_all_) {
    if (waits_for_request_)
      phase_ = phase::finishing;
    else
      refuse({ec::bad_request, "the request ends before its headers do"});
    return true;
  }
  return receive();
}

result<void> connection::begin_body(size_t head_size) {
  head_size_ = head_size;
  head_at_ = in_.data() + begin_;
  if (auto read = read_head(received(begin_, begin_ + head_size), core_.limits_at(door_), head_);
      !read)
    return read;
  phase_ = phase::body;
  since_ = now_;
  body_size_ = 0;
  window_bytes_ = end_ - begin_ - head_size;
  const bool is_large = head_.content_length > core_.options.request_bytes;
  if (head_.chunked || is_large) offer_body();
  if (is_large && !sink_) return fail(ec::too_large, "the request's body is larger than the limit");
  chunks_ = chunk_reader(sink_ ? any_body_bytes : core_.options.request_bytes);
  if (sink_ && (is_large || sink_->takes_small())) {
    begin_upload();
    return {};
  }
  if (head_.chunked || head_.content_length > 0) send_continue();
  return {};
}

// Tells the client to send its body, if it waits for that.
void connection::send_continue() {
  if (!head_.expects_continue || end_ != begin_ + head_size_) return;
  if (!unsent()) progress_at_ = now_;
  out_ += continue_line;
}

bool connection::read_body_step() {
  const auto whole = body_is_whole();
  if (!whole) {
    refuse(whole.error());
    return true;
  }
  if (sink_ && body_size_ > core_.options.request_bytes) {
    body_ended_ = *whole;
    begin_upload();
    return true;
  }
  if (*whole) {
    dispatch();
    return true;
  }
  if (!flush()) return false;
  if (core_.stopping) {
    close();
    return false;
  }
  if (read_all_) {
    refuse({ec::bad_request, "the request ends before its body does"});
    return true;
  }
  return receive();
}

result<bool> connection::body_is_whole() {
  bool whole = true;
  const size_t body_at = begin_ + head_size_;
  if (head_.chunked) {
    const size_t raw_at = body_at + body_size_;
    auto step = chunks_.read(received(raw_at, end_), in_.data() + raw_at);
    if (!step) return tl::unexpected(std::move(step.error()));
    body_size_ += step->written;
    next_ = raw_at + step->used;
    whole = step->done;
    // The reader has consumed all raw bytes and decoded them in place; new bytes go behind them.
    if (!whole) end_ = body_at + body_size_;
  } else {
    body_size_ = std::min(end_ - body_at, head_.content_length);
    next_ = body_at + body_size_;
    whole = body_size_ == head_.content_length;
  }
  if (!charge_.grow(core_.body_bytes, body_size_, core_.options.total_request_bytes))
    return fail(ec::overloaded, "there are too many requests with bodies");
  return whole;
}

void connection::dispatch() {
  // The buffer may have moved while the body arrived.
  if (head_at_ != in_.data() + begin_) {
    head_at_ = in_.data() + begin_;
    if (auto read = read_head(received(begin_, begin_ + head_size_), core_.limits_at(door_), head_);
        !read)
      return refuse(read.error());
  }
  ++slice_;
  sink_.reset(); // the body is small enough for the handler
  exchange_ = std::make_shared<exchange>(core_.weak_from_this(), *this);
  request& request = exchange_->request;
  fill(request);
  request.body = received(begin_ + head_size_, begin_ + head_size_ + body_size_);
  if (peer_ended_) client_.leave();
  exchange_->charge = std::move(charge_);
  exchange_->bytes = std::move(in_);
  head_request_ = head_.method == "HEAD";
  const size_t work = core_.options.work && !request.body.empty() ? core_.options.work(request) : 0;
  if (work < least_work_bytes) return hand_on();
  work_bytes_ = work;
  phase_ = phase::admission;
}

// Makes the request of the current head; head_ loses its headers.
void connection::fill(http::request& request) {
  request.method = head_.method;
  request.target = head_.target;
  request.path = head_.path;
  request.query = head_.query;
  request.headers.swap(head_.headers);
  exchange_->remote_address = address_;
  request.remote_address = exchange_->remote_address;
  arrival_ = clock::now();
  request.deadline = arrival_ + core_.options.request_deadline;
  if (!client_.unused()) client_ = client_presence::make();
  request.client = client_;
  request.door = door_;
}

bool connection::admit_step() {
  if (auto place = core_.begin_work(*this, work_bytes_)) {
    exchange_->work = std::move(*place);
    hand_on();
    return true;
  }
  flush();
  return false;
}

void connection::hand_on() {
  phase_ = phase::handling;
  try {
    core_.handle(exchange_->request, responder([exchange = exchange_](response&& answer) {
                   exchange->answer(std::move(answer));
                 }));
  } catch (...) {
    if (exchange_->abandon()) {
      close_after_ = true;
      begin_answer(internal_error());
      exchange_.reset();
      begin_ = end_ = 0;
      next_request();
    } else if (exchange_->answered() && exchange_->answer_given.status == 500) {
      // The exception destroyed the responder, which then answered `ambiguous`.
      exchange_->answer_given = internal_error();
    }
  }
}

bool connection::handle_step() {
  if (!exchange_->answered()) {
    if (sink_ && sink_woken_) {
      resume_sink();
      return true;
    }
    flush();
    return false;
  }
  begin_answer(std::move(exchange_->answer_given));
  take_back();
  if (stream_) return true;
  end_sink();
  next_request();
  return true;
}

// The request has been answered: the connection takes its buffer back.
void connection::take_back() {
  const bool had_sink = sink_ != nullptr; // then the exchange has a copy of the head alone
  if (!had_sink) in_ = std::move(exchange_->bytes);
  exchange_->charge.release();
  exchange_->work.leave();
  head_.headers.swap(exchange_->request.headers);
  exchange_.reset();
  if (had_sink) return;
  begin_ = next_;
  rest_buffer();
}

// Keeps no large buffer, and no place in it, between two requests.
void connection::rest_buffer() {
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (in_.capacity() > kept_buffer_bytes) in_.free();
}

// Answers a request that is not read, or not handled, to its end: the last one of the connection.
void connection::answer_unread(response&& answer) {
  client_.leave(); // tells the handler that nobody waits for its answer
  close_after_ = true;
  begin_answer(std::move(answer));
  if (exchange_) exchange_->abandon();
  exchange_.reset();
  begin_ = end_ = 0;
  end_sink();
  next_request();
}

// Answers input that is no acceptable request and ends the connection, because nobody can tell
// where the next request begins.
void connection::refuse(const error& problem) {
  ++(problem.code == ec::overloaded ? core_.refused : core_.bad_requests);
  head_request_ = end_ > begin_ && received(begin_, end_).substr(0, 5) == "HEAD ";
  close_after_ = true;
  begin_ = end_ = 0;
  charge_.release();
  end_sink();
  auto answer = error_response(problem);
  answer.route = "refused";
  if (problem.code == ec::method_not_allowed)
    answer.headers.emplace_back("Allow", std::string(known_methods));
  begin_answer(std::move(answer));
  next_request();
}

} // namespace treadmill::http
