#include "net/http/connection.hpp"
#include "net/http/answer_head.hpp"
#include "net/http/error_body.hpp"
#include "net/http/http_date.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace treadmill::http {

namespace {

using std::chrono::milliseconds;

// A body up to this size is copied behind its head, so that both go out as one piece.
constexpr size_t joined_body_bytes = 16 * 1024;
// Work that one connection may do in one run before it yields to the others.
constexpr size_t requests_a_slice = 16;
constexpr size_t pieces_a_slice = 4;
constexpr size_t reads_a_slice = 64;
// After the last answer the connection reads and discards input for this long and up to this many
// bytes before it closes. A close with unread input would be a reset, and the client might never
// see the answer.
constexpr milliseconds linger_time{2000};
constexpr milliseconds linger_time_at_stop{200};
constexpr size_t linger_bytes = 64 * 1024 * 1024;
// Requests that need less memory beside their bodies skip admission.
constexpr size_t least_work_bytes = 256 * 1024;
// How long after a request's deadline the server answers instead of the handler.
constexpr milliseconds answer_grace{1000};

// Placeholder for a chunk's size, which is written after the chunk's data.
constexpr std::string_view chunk_head = "00000000\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

std::string address_of(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  std::array<char, NI_MAXHOST> text{};
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&peer), size, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return {};
  std::string address = text.data();
  // An IPv4 client of a dual-stack socket.
  if (address.rfind("::ffff:", 0) == 0 && address.find('.') != std::string::npos)
    address.erase(0, 7);
  return address;
}

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

response internal_error() {
  return error_response({ec::internal, "the request could not be handled"});
}

} // namespace

void exchange::answer(response&& answer) {
  auto expected = state::waiting;
  if (!state_.compare_exchange_strong(expected, state::answering)) return;
  answer_given = std::move(answer);
  state_.store(state::answered, std::memory_order_release);
  if (const auto core = core_.lock()) core->workers.signal(*origin_, connection::answered);
}

bool exchange::abandon() {
  auto expected = state::waiting;
  return state_.compare_exchange_strong(expected, state::abandoned);
}

connection::~connection() {
  if (const int socket = inbox_.exchange(-1); socket >= 0) ::close(socket);
  if (socket_ >= 0) ::close(socket_);
}

void connection::hand_over(int socket) {
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
    if (signals & woken) stream_waits_ = false;
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
  socket_ = socket;
  phase_ = phase::head;
  ::fcntl(socket, F_SETFL, O_NONBLOCK);
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  address_ = address_of(socket);
  since_ = now_;
  writable_ = true;
  if (!core_.workers.watch(socket, *this)) return close();
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
  ::close(socket_);
  if (counted_) core_.leave(address_);
  socket_ = -1;
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
  out_ = std::string();
  body_ = std::string();
  body_held_.release();
  out_sent_ = body_sent_ = 0;
  core_.workers.set_due(*this, clock::time_point::max());
  core_.released(*this);
}

// Closes with a reset, so that the client cannot mistake a part of an answer for the whole.
void connection::reset_peer() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

// A signal may be about the previous socket of this connection, so it is only a hint: ask the
// current socket.
void connection::look_at_peer() {
  pollfd look{socket_, POLLRDHUP, 0};
  if (::poll(&look, 1, 0) <= 0) return;
  if (look.revents & (POLLERR | POLLHUP | POLLNVAL)) return close();
  if (look.revents & POLLRDHUP) peer_ended_ = readable_ = true;
}

void connection::advance() {
  slice_ = 0;
  for (bool moved = true; moved;) {
    switch (phase_) {
    case phase::head: moved = read_head_step(); break;
    case phase::body: moved = read_body_step(); break;
    case phase::admission: moved = admit_step(); break;
    case phase::handling: moved = handle_step(); break;
    case phase::streaming: moved = stream_step(); break;
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

bool connection::read_head_step() {
  if (!body_.empty() || out_.size() > gathered_bytes || slice_ >= requests_a_slice) {
    if (!flush()) return false;
    if (slice_ >= requests_a_slice) return give_way();
  }
  if (end_ > begin_) {
    if (waits_for_request_) since_ = now_;
    waits_for_request_ = false;
    auto size = scanner_.scan(received(begin_, end_), core_.limits);
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
  if (auto read = read_head(received(begin_, begin_ + head_size), core_.limits, head_); !read)
    return read;
  phase_ = phase::body;
  since_ = now_;
  body_size_ = 0;
  window_bytes_ = end_ - begin_ - head_size;
  chunks_ = chunk_reader(core_.limits.request_bytes);
  const bool has_body = head_.chunked || head_.content_length > 0;
  if (head_.expects_continue && has_body && end_ == begin_ + head_size_) {
    if (!unsent()) progress_at_ = now_;
    out_ += continue_line;
  }
  return {};
}

bool connection::read_body_step() {
  const auto whole = body_is_whole();
  if (!whole) {
    refuse(whole.error());
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
    if (auto read = read_head(received(begin_, begin_ + head_size_), core_.limits, head_); !read)
      return refuse(read.error());
  }
  ++slice_;
  exchange_ = std::make_shared<exchange>(core_.weak_from_this(), *this);
  request& request = exchange_->request;
  request.method = head_.method;
  request.target = head_.target;
  request.path = head_.path;
  request.query = head_.query;
  request.headers.swap(head_.headers);
  request.body = received(begin_ + head_size_, begin_ + head_size_ + body_size_);
  exchange_->remote_address = address_;
  request.remote_address = exchange_->remote_address;
  arrival_ = clock::now();
  request.deadline = arrival_ + core_.options.request_deadline;
  if (!client_.unused()) client_ = client_presence::make();
  if (peer_ended_) client_.leave();
  request.client = client_;
  exchange_->charge = std::move(charge_);
  exchange_->bytes = std::move(in_);
  head_request_ = head_.method == "HEAD";
  const size_t work = core_.options.work && !request.body.empty() ? core_.options.work(request) : 0;
  if (work < least_work_bytes) return hand_on();
  work_bytes_ = work;
  phase_ = phase::admission;
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
    flush();
    return false;
  }
  begin_answer(std::move(exchange_->answer_given));
  take_back();
  if (!stream_) next_request();
  return true;
}

// The request has been answered: the connection takes its buffer back.
void connection::take_back() {
  in_ = std::move(exchange_->bytes);
  exchange_->charge.release();
  exchange_->work.leave();
  head_.headers.swap(exchange_->request.headers);
  exchange_.reset();
  begin_ = next_;
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (in_.capacity() > kept_buffer_bytes) in_.free();
  }
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
  if (!complete) return;
  if (!unsent()) progress_at_ = now_;
  if (!answer_1_0_) out_ += last_chunk;
  next_request();
}

void connection::next_request() {
  phase_ = close_after_ ? phase::finishing : phase::head;
  since_ = now_ = clock::now();
  waits_for_request_ = begin_ == end_;
  scanner_ = head_scanner();
}

// Answers input that is no acceptable request and ends the connection, because nobody can tell
// where the next request begins.
void connection::refuse(const error& problem) {
  ++(problem.code == ec::overloaded ? core_.refused : core_.bad_requests);
  head_request_ = end_ > begin_ && received(begin_, end_).substr(0, 5) == "HEAD ";
  close_after_ = true;
  begin_ = end_ = 0;
  charge_.release();
  auto answer = error_response(problem);
  answer.route = "refused";
  if (problem.code == ec::method_not_allowed)
    answer.headers.emplace_back("Allow", std::string(known_methods));
  begin_answer(std::move(answer));
  next_request();
}

bool connection::finish_step() {
  if (!flush()) return false;
  if (read_all_) {
    close();
    return false;
  }
  ::shutdown(socket_, SHUT_WR);
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
    const ssize_t size = ::recv(socket_, thrown_away.data(), thrown_away.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      readable_ = false;
      break;
    }
    drained_ += size > 0 ? static_cast<size_t>(size) : 0;
    if (size <= 0 || drained_ > linger_bytes) {
      close();
      break;
    }
  }
  return false;
}

void connection::time_out_request() {
  ++core_.timeouts;
  refuse({ec::request_timeout, "the request did not arrive in time"});
}

void connection::check_time() {
  const server_options& options = core_.options;
  if (unsent() && now_ >= progress_at_ + options.send_timeout) {
    if (!client_took_some()) {
      ++core_.timeouts;
      return reset_peer();
    }
    progress_at_ = now_;
  }
  if (phase_ == phase::head && waits_for_request_ && now_ >= since_ + options.idle_timeout) {
    phase_ = phase::finishing;
  } else if (phase_ == phase::head && !waits_for_request_ &&
             now_ >= since_ + options.header_timeout) {
    time_out_request();
  } else if (phase_ == phase::body && now_ >= since_ + options.body_timeout) {
    const auto window = std::chrono::duration<double>(now_ - since_).count();
    if (static_cast<double>(window_bytes_) < window * static_cast<double>(options.body_rate))
      return time_out_request();
    since_ = now_;
    window_bytes_ = 0;
  } else if (phase_ == phase::admission && now_ >= exchange_->request.deadline) {
    core_.forget_work(*this);
    ++core_.refused;
    begin_answer(
        error_response({ec::overloaded, "requests that take much memory are being handled; "
                                        "nothing was applied"}));
    take_back();
    next_request();
  } else if (phase_ == phase::handling && now_ >= exchange_->request.deadline + answer_grace &&
             exchange_->abandon()) {
    ++core_.timeouts;
    client_.leave(); // tells the handler that nobody waits for its answer
    close_after_ = true;
    auto answer = error_response(
        {ec::ambiguous, "there was no answer in time; the request may or may not be applied"});
    answer.status = 504;
    begin_answer(std::move(answer));
    exchange_.reset();
    begin_ = end_ = 0;
    next_request();
  } else if (phase_ == phase::lingering && now_ >= due()) {
    close();
  }
}

clock::time_point connection::due() const {
  const server_options& options = core_.options;
  auto first = unsent() ? progress_at_ + options.send_timeout : clock::time_point::max();
  switch (phase_) {
  case phase::head:
    return std::min(first,
                    since_ + (waits_for_request_ ? options.idle_timeout : options.header_timeout));
  case phase::body: return std::min(first, since_ + options.body_timeout);
  case phase::admission: return std::min(first, exchange_->request.deadline);
  case phase::handling: return std::min(first, exchange_->request.deadline + answer_grace);
  case phase::streaming:
    // In 1 ms at the earliest, so that the other connections get their turn.
    return stream_waits_ ? std::min(first, std::max(stream_->due(), now_ + milliseconds(1)))
                         : first;
  case phase::lingering: return since_ + (core_.stopping ? linger_time_at_stop : linger_time);
  case phase::finishing:
  case phase::closed: break;
  }
  return first;
}

} // namespace treadmill::http
