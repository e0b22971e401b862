#include "net/http/connection.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

// The members of `connection` that use its socket and its buffers.
namespace treadmill::http {

namespace {

// First size of a connection's receive buffer.
constexpr size_t first_buffer_bytes = 4096;
// The receive buffer of a large body first grows to this size and doubles from there.
constexpr size_t body_step_bytes = 64 * 1024;

} // namespace

void byte_buffer::grow(size_t capacity, size_t keep_from, size_t keep_to) {
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (keep_to > keep_from) std::memcpy(larger.get(), data_.get() + keep_from, keep_to - keep_from);
  data_ = std::move(larger);
  capacity_ = capacity;
}

// Makes room for at least one more byte of input.
bool connection::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  const size_t held = end_ - begin_;
  size_t wanted = end_ + 1 > in_.capacity() ? held + 1 : 0;
  size_t most = SIZE_MAX;
  if (phase_ == phase::body && !head_.chunked) {
    // Grow towards the size of the whole body step by step: allocate for received bytes, not for
    // announced ones.
    most = head_size_ + head_.content_length;
    if (begin_ + most > in_.capacity())
      wanted = std::min(most, std::max(held + 1, body_step_bytes));
  }
  if (wanted == 0) return true;
  if (wanted > in_.capacity()) {
    size_t capacity = std::max({wanted, in_.capacity() * 2, first_buffer_bytes});
    if (most > body_step_bytes) capacity = std::min(capacity, std::max(most, wanted));
    in_.grow(capacity, begin_, end_);
  } else if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, held);
  } else {
    return end_ < in_.capacity();
  }
  begin_ = 0;
  end_ = held;
  return true;
}

// True: input arrived, or its end.
bool connection::receive() {
  if (!readable_ || !make_room()) return false;
  const size_t room = in_.capacity() - end_;
  ssize_t size = -1;
  do size = ::recv(socket_, in_.data() + end_, room, 0);
  while (size < 0 && errno == EINTR);
  if (size > 0) {
    end_ += static_cast<size_t>(size);
    window_bytes_ += static_cast<size_t>(size);
    // A short read means that the socket is empty. Keep reading if the peer has ended its input,
    // because that end may raise no new edge.
    if (static_cast<size_t>(size) < room && !peer_ended_) readable_ = false;
    return true;
  }
  if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    close();
    return false;
  }
  readable_ = false;
  read_all_ = size == 0;
  return read_all_;
}

// True: the kernel has taken all bytes. Otherwise the connection waits until it can send again, or
// is closed.
bool connection::flush() {
  while (unsent()) {
    if (!writable_) return false;
    if (!send_some()) return false;
  }
  return true;
}

bool connection::send_some() {
  std::array<iovec, 2> parts{{{out_.data() + out_sent_, out_.size() - out_sent_},
                              {body_.data() + body_sent_, body_.size() - body_sent_}}};
  ssize_t size = -1;
  if (body_.empty()) {
    size = ::send(socket_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    size = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
  }
  if (size < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      writable_ = false;
      client_took_some();
    } else {
      close();
    }
    return false;
  }
  progress_at_ = now_;
  const size_t of_out = std::min(static_cast<size_t>(size), out_.size() - out_sent_);
  out_sent_ += of_out;
  body_sent_ += static_cast<size_t>(size) - of_out;
  if (out_sent_ == out_.size()) {
    if (out_.capacity() > kept_buffer_bytes && !stream_) out_ = std::string();
    out_.clear();
    out_sent_ = 0;
  } else if (out_sent_ >= gathered_bytes) {
    out_.erase(0, out_sent_);
    out_sent_ = 0;
  }
  if (!body_.empty() && body_sent_ == body_.size()) {
    body_ = std::string();
    body_held_.release();
    body_sent_ = 0;
  }
  return true;
}

// The kernel's send queue shrinks as the client takes bytes, long before the socket is writable
// again.
bool connection::client_took_some() {
  int held = 0;
  if (::ioctl(socket_, SIOCOUTQ, &held) != 0) return false;
  const bool less = held < kernel_held_;
  kernel_held_ = held;
  return less;
}

} // namespace treadmill::http
