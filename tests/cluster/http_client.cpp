#include "tests/cluster/http_client.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace treadmill::cluster {

namespace {

using std::chrono::steady_clock;

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

/// Waits until the socket is ready; false when the time is over.
bool wait_for(int socket, short events, steady_clock::time_point end) {
  while (true) {
    // Not before `end`: what is over then is told from a connection that broke.
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now()).count();
    pollfd one{socket, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 600'000)));
    if (ready > 0) return true;
    if (ready == 0 && left <= 0) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

socklen_t fill_address(const address& where, sockaddr_storage& storage) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  if (::inet_pton(AF_INET, where.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(where.port);
    return sizeof *v4;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET6, where.host.c_str(), &v6->sin6_addr) != 1) return 0;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(where.port);
  return sizeof *v6;
}

} // namespace

std::string http_answer::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return value;
  return {};
}

std::string http_answer::line() const {
  return body.ends_with('\n') ? body.substr(0, body.size() - 1) : std::string();
}

std::string http_answer::member(std::string_view name) const {
  const std::string before = '"' + std::string(name) + "\":\"";
  const size_t begin = body.find(before);
  if (begin == std::string::npos) return {};
  const size_t from = begin + before.size();
  return body.substr(from, body.find('"', from) - from);
}

http_client::http_client(http_client&& other) noexcept
    : where_(std::move(other.where_)), deadline_(other.deadline_),
      receive_buffer_(other.receive_buffer_), socket_(std::exchange(other.socket_, -1)),
      buffer_(std::move(other.buffer_)), taken_(other.taken_), chunked_(other.chunked_),
      in_chunk_(other.in_chunk_), until_close_(other.until_close_),
      close_after_(other.close_after_), left_(other.left_) {}

void http_client::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  buffer_.clear();
  taken_ = 0;
}

bool http_client::connect() { return connect_until(steady_clock::now() + deadline_); }

bool http_client::connect_until(time_point end) {
  if (socket_ >= 0) return true;
  sockaddr_storage to{};
  const socklen_t size = fill_address(where_, to);
  if (size == 0) return false;
  socket_ = ::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return false;
  const int yes = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (receive_buffer_ > 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_, sizeof receive_buffer_);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), size) == 0) return true;
  int problem = errno;
  if (problem == EINPROGRESS && wait_for(socket_, POLLOUT, end)) {
    socklen_t length = sizeof problem;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &problem, &length);
    if (problem == 0) return true;
  }
  close();
  return false;
}

bool http_client::send_all(std::string_view bytes, time_point end, bool& sent) {
  while (!bytes.empty()) {
    const ssize_t done = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (done > 0) {
      sent = true;
      bytes.remove_prefix(static_cast<size_t>(done));
    } else if (errno != EAGAIN && errno != EINTR) {
      return false;
    } else if (!wait_for(socket_, POLLOUT, end)) {
      return false;
    }
  }
  return true;
}

http_client::filled http_client::fill(time_point end) {
  if (taken_ == buffer_.size()) {
    buffer_.clear();
    taken_ = 0;
  }
  char bytes[64 * 1024];
  while (true) {
    const ssize_t done = ::recv(socket_, bytes, sizeof bytes, 0);
    if (done > 0) {
      buffer_.append(bytes, static_cast<size_t>(done));
      return filled::some;
    }
    if (done == 0 || (errno != EAGAIN && errno != EINTR)) return filled::end;
    if (!wait_for(socket_, POLLIN, end)) return filled::late;
  }
}

bool http_client::read_line(std::string& line, time_point end) {
  while (true) {
    const size_t at = buffer_.find("\r\n", taken_);
    if (at != std::string::npos) {
      line.assign(buffer_, taken_, at - taken_);
      taken_ = at + 2;
      return true;
    }
    if (fill(end) != filled::some) return false;
  }
}

bool http_client::read_head(http_answer& answer, time_point end) {
  std::string line;
  if (!read_line(line, end) || line.size() < 12 || !line.starts_with("HTTP/1.")) return false;
  std::from_chars(line.data() + 9, line.data() + 12, answer.status);
  while (read_line(line, end)) {
    if (line.empty()) return true;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    const size_t value = line.find_first_not_of(' ', colon + 1);
    answer.headers.emplace_back(line.substr(0, colon),
                                value == std::string::npos ? "" : line.substr(value));
  }
  return false;
}

void http_client::set_framing(const http_answer& answer, std::string_view method) {
  chunked_ = same_name(answer.header("Transfer-Encoding"), "chunked");
  close_after_ = same_name(answer.header("Connection"), "close");
  in_chunk_ = until_close_ = false;
  left_ = 0;
  const bool empty = method == "HEAD" || answer.status == 204 || answer.status == 304;
  if (empty) {
    chunked_ = false;
    return;
  }
  if (chunked_) return;
  const std::string length = answer.header("Content-Length");
  until_close_ = length.empty();
  std::from_chars(length.data(), length.data() + length.size(), left_);
}

http_answer http_client::give_up(http_answer answer, std::string problem) {
  answer.status = 0;
  answer.problem = std::move(problem);
  close();
  return answer;
}

http_answer http_client::start(std::string_view method, std::string_view target,
                               std::string_view body, const header_list& headers) {
  const time_point end = steady_clock::now() + deadline_;
  http_answer answer;
  if (!connect_until(end)) return give_up(std::move(answer), "no connection");
  std::string request;
  request.reserve(256 + body.size());
  request.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: node\r\n");
  for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  request.append("\r\n").append(body);
  const bool all = send_all(request, end, answer.sent);
  // An answer may be there although the request was not taken whole: it says why.
  if (!read_head(answer, end))
    return give_up(std::move(answer), all ? "no answer" : "the request was not taken");
  set_framing(answer, method);
  return answer;
}

http_client::piece http_client::finish() {
  if (close_after_) close();
  return piece::end;
}

http_client::piece http_client::open_chunk(time_point end) {
  std::string line;
  const auto miss = [&] { return steady_clock::now() < end ? piece::cut : piece::nothing; };
  if (std::exchange(in_chunk_, false) && !read_line(line, end)) {
    in_chunk_ = true; // its line end is still to come
    return miss();
  }
  if (!read_line(line, end)) return miss();
  const auto read = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
  if (read.ec != std::errc{}) return piece::cut;
  if (left_ > 0) {
    in_chunk_ = true;
    return piece::data;
  }
  while (read_line(line, end))
    if (line.empty()) return finish();
  return piece::cut;
}

http_client::piece http_client::read_some(std::string& out, milliseconds wait) {
  const time_point end = steady_clock::now() + wait;
  if (socket_ < 0) return piece::cut;
  if (left_ == 0 && chunked_) {
    const piece next = open_chunk(end);
    if (next != piece::data) return next;
  } else if (left_ == 0 && !until_close_) {
    return finish();
  }
  if (taken_ == buffer_.size()) {
    const filled got = fill(end);
    if (got == filled::late) return piece::nothing;
    if (got == filled::end) {
      close();
      return until_close_ ? piece::end : piece::cut;
    }
  }
  size_t size = buffer_.size() - taken_;
  if (!until_close_) size = static_cast<size_t>(std::min<uint64_t>(size, left_));
  out.append(buffer_, taken_, size);
  taken_ += size;
  if (!until_close_) left_ -= size;
  return piece::data;
}

http_answer http_client::send(std::string_view method, std::string_view target,
                              std::string_view body, const header_list& headers) {
  const time_point end = steady_clock::now() + deadline_;
  http_answer answer = start(method, target, body, headers);
  if (answer.status == 0) return answer;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    switch (read_some(answer.body, std::max(left, milliseconds(0)))) {
    case piece::data: break;
    case piece::end: return answer;
    case piece::cut: return give_up(std::move(answer), "the answer was cut");
    case piece::nothing: return give_up(std::move(answer), "the answer did not end in time");
    }
  }
}

} // namespace treadmill::cluster
