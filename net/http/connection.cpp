#include "net/http/connection.hpp"
#include "net/http/error_body.hpp"
#include "storage/base/free_text.hpp"
#include <algorithm>
#include <array>
#include <unistd.h>

// The life of a connection: signals, phases, deadlines, its end.
namespace treadmill::http {

namespace {

using std::chrono::milliseconds;

constexpr size_t reads_a_slice = 64;
// After the last answer the connection reads and discards input for this long and up to this many
// bytes before it closes. A close with unread input would be a reset, and the client might never
// see the answer.
constexpr milliseconds linger_time{2000};
constexpr milliseconds linger_time_at_stop{200};
constexpr size_t linger_bytes = 64 * 1024 * 1024;
// How long after a request's deadline the server answers instead of the handler.
constexpr milliseconds answer_grace{1000};

error late_request() { return {ec::request_timeout, "the request did not arrive in time"}; }

} // namespace

connection::~connection() {
  if (const int socket = inbox_.exchange(-1); socket >= 0) ::close(socket);
}

void connection::submit(int socket, size_t door) {
  door_.store(door);
  inbox_.store(socket);
  core_.workers.signal(*this, opened);
}

void connection::run(uint32_t signals) noexcept {
  try {
    now_ = clock::now();
    if (signals & opened) open();
    if (phase_ == phase::closed) return;
    if (core_.aborting) return close();
    if (signals & signal::input) readable_ = true;
    if (signals & signal::output) writable_ = true;
    if (signals & (signal::hangup | signal::broken)) look_at_peer();
    if (peer_ended_ && phase_ == phase::handling) client_.leave();
    if (signals & woken) note_wake();
    if (signals & signal::timer) check_time();
    advance();
    if (phase_ != phase::closed) core_.workers.set_due(*this, due());
  } catch (...) {
    // Out of memory, or a callback threw although it must not: close this connection only.
    close();
  }
}

void connection::open() {
  const int socket = inbox_.exchange(-1);
  if (socket < 0) return;
  channel_.open(socket);
  phase_ = phase::head;
  address_ = channel_.peer_address();
  since_ = now_;
  writable_ = true;
  if (!core_.workers.watch(channel_.socket(), *this)) return close();
  counted_ = core_.enter(address_);
  if (!counted_) {
    ++core_.refused;
    head_ = request_head();
    begin_answer(error_response({ec::overloaded, "there are too many connections"}));
    next_request();
  }
}

void connection::close() {
  if (phase_ == phase::closed) return;
  if (phase_ == phase::admission) core_.forget_work(*this);
  // The handler may still be reading the request, so its bytes stay with the exchange.
  if (exchange_) exchange_->abandon();
  client_.leave();
  exchange_.reset();
  if (stream_) end_stream(false);
  end_sink();
  channel_.close();
  if (counted_) core_.leave(address_);
  phase_ = phase::closed;
  readable_ = writable_ = peer_ended_ = read_all_ = counted_ = close_after_ = false;
  address_.clear();
  in_.free();
  begin_ = end_ = 0;
  scanner_ = head_scanner();
  head_ = request_head();
  charge_.release();
  waits_for_request_ = true;
  requests_ = drained_ = 0;
  free_text(out_);
  free_text(body_);
  body_held_.release();
  out_sent_ = body_sent_ = 0;
  head_request_ = false;
  core_.workers.set_due(*this, clock::time_point::max());
  core_.released(*this);
}

void connection::reset_peer() {
  channel_.reset_at_close();
  close();
}

void connection::look_at_peer() {
  switch (channel_.look_at_peer()) {
  case byte_channel::peer::open: return;
  case byte_channel::peer::ended: peer_ended_ = readable_ = true; return;
  case byte_channel::peer::gone: return close();
  }
}

void connection::advance() {
  slice_ = 0;
  for (bool moved = true; moved;) {
    switch (phase_) {
    case phase::head: moved = read_head_step(); break;
    case phase::body: moved = read_body_step(); break;
    case phase::uploading: moved = upload_step(); break;
    case phase::admission: moved = admit_step(); break;
    case phase::handling: moved = handle_step(); break;
    case phase::streaming: moved = sink_ ? duplex_step() : stream_step(); break;
    case phase::finishing: moved = finish_step(); break;
    case phase::lingering: moved = linger_step(); break;
    case phase::closed: return;
    }
  }
}

bool connection::give_way() {
  core_.workers.signal(*this, signal::again);
  return false;
}

void connection::next_request() {
  phase_ = close_after_ ? phase::finishing : phase::head;
  since_ = now_ = clock::now();
  waits_for_request_ = begin_ == end_;
  scanner_ = head_scanner();
}

bool connection::finish_step() {
  if (!flush()) return false;
  if (read_all_) {
    close();
    return false;
  }
  channel_.end_output();
  phase_ = phase::lingering;
  since_ = now_;
  drained_ = 0;
  in_.free();
  begin_ = end_ = 0;
  readable_ = true;
  return true;
}

bool connection::linger_step() {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before it is read
  std::array<char, 16 * 1024> thrown_away;
  for (size_t i = 0; readable_; ++i) {
    if (i == reads_a_slice) return give_way();
    const auto read = channel_.read(thrown_away.data(), thrown_away.size());
    drained_ += read.bytes;
    if (read.what == byte_channel::outcome::again) {
      readable_ = false;
    } else if (read.what != byte_channel::outcome::done || drained_ > linger_bytes) {
      close();
      break;
    }
  }
  return false;
}

// The stream has data, or the sink can go on.
void connection::note_wake() {
  stream_waits_ = false;
  if (!sink_) return;
  sink_woken_ = true;
  sink_due_ = now_ + core_.options.request_deadline;
}

// True: the client has to send more of the body.
bool connection::awaits_body() const {
  if (phase_ == phase::body) return true;
  return sink_ && sink_phase_ == sink_phase::open &&
         (phase_ == phase::uploading || phase_ == phase::streaming);
}

// True: the handler, or the sink, has to go on.
bool connection::awaits_answer() const {
  return phase_ == phase::handling ||
         (phase_ == phase::uploading && sink_phase_ == sink_phase::waiting);
}

// True: the client has taken all of an answer that has begun, and the sink has to go on.
bool connection::awaits_results() const {
  return phase_ == phase::streaming && sink_ && sink_phase_ != sink_phase::open && stream_waits_ &&
         !unsent();
}

// When the server answers instead of the handler, or cuts the answer that has begun.
clock::time_point connection::answer_due() const {
  return (sink_ ? sink_due_ : exchange_->request.deadline) + answer_grace;
}

void connection::check_time() {
  if (unsent() && now_ >= progress_at_ + core_.options.send_timeout) {
    if (!client_took_some()) {
      ++core_.timeouts;
      return reset_peer();
    }
    progress_at_ = now_;
  }
  if (phase_ == phase::head) {
    check_head_time();
  } else if (awaits_body()) {
    check_body_time();
  } else if (phase_ == phase::admission || awaits_answer()) {
    check_answer_time();
  } else if (awaits_results() && now_ >= answer_due()) {
    ++core_.timeouts;
    reset_peer();
  } else if (phase_ == phase::lingering && now_ >= due()) {
    close();
  }
}

void connection::check_head_time() {
  if (waits_for_request_) {
    if (now_ >= since_ + core_.options.idle_timeout) phase_ = phase::finishing;
  } else if (now_ >= since_ + core_.options.header_timeout) {
    ++core_.timeouts;
    refuse(late_request());
  }
}

void connection::check_body_time() {
  if (now_ < since_ + core_.options.body_timeout) return;
  const auto window = std::chrono::duration<double>(now_ - since_).count();
  const auto rate = static_cast<double>(core_.options.body_rate);
  if (static_cast<double>(window_bytes_) >= window * rate) {
    since_ = now_;
    window_bytes_ = 0;
    return;
  }
  ++core_.timeouts;
  if (phase_ == phase::body)
    refuse(late_request());
  else
    fail_body(late_request());
}

void connection::check_answer_time() {
  if (phase_ == phase::admission && now_ >= exchange_->request.deadline) {
    core_.forget_work(*this);
    ++core_.refused;
    begin_answer(
        error_response({ec::overloaded, "requests that take much memory are being handled; "
                                        "nothing was applied"}));
    take_back();
    next_request();
  } else if (awaits_answer() && now_ >= answer_due() && exchange_->abandon()) {
    ++core_.timeouts;
    auto answer = error_response(
        {ec::ambiguous, "there was no answer in time; the request may or may not be applied"});
    answer.status = 504;
    answer_unread(std::move(answer));
  }
}

clock::time_point connection::due() const {
  const server_options& options = core_.options;
  auto first = unsent() ? progress_at_ + options.send_timeout : clock::time_point::max();
  if (awaits_body()) first = std::min(first, since_ + options.body_timeout);
  if (awaits_answer() || awaits_results()) first = std::min(first, answer_due());
  switch (phase_) {
  case phase::head:
    return std::min(first,
                    since_ + (waits_for_request_ ? options.idle_timeout : options.header_timeout));
  case phase::admission: return std::min(first, exchange_->request.deadline);
  case phase::streaming:
    // In 1 ms at the earliest, so that the other connections get their turn.
    return stream_waits_ ? std::min(first, std::max(stream_->due(), now_ + milliseconds(1)))
                         : first;
  case phase::lingering: return since_ + (core_.stopping ? linger_time_at_stop : linger_time);
  case phase::body:
  case phase::uploading:
  case phase::handling:
  case phase::finishing:
  case phase::closed: break;
  }
  return first;
}

} // namespace treadmill::http
