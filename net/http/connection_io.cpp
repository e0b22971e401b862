#include "net/http/connection.hpp"
#include "storage/base/free_text.hpp"
#include <algorithm>
#include <cstring>

// The members of `connection` that use its channel and its buffers.
namespace treadmill::http {

namespace {

// First size of a connection's receive buffer.
constexpr size_t first_buffer_bytes = 4096;
// The receive buffer of a large body first grows to this size and doubles from there.
constexpr size_t body_step_bytes = 64 * 1024;

} // namespace

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
  const auto read = channel_.read(in_.data() + end_, in_.capacity() - end_);
  switch (read.what) {
  case byte_channel::outcome::done:
    end_ += read.bytes;
    window_bytes_ += read.bytes;
    // Keep reading if the peer has ended its input, because that end may raise no new signal.
    if (read.drained && !peer_ended_) readable_ = false;
    return true;
  case byte_channel::outcome::again: readable_ = false; return false;
  case byte_channel::outcome::ended:
    readable_ = false;
    read_all_ = true;
    return true;
  case byte_channel::outcome::failed: close(); break;
  }
  return false;
}

// True: the channel has taken all bytes. Otherwise the connection waits until it can send again, or
// is closed.
bool connection::flush() {
  while (unsent()) {
    if (!writable_) return false;
    if (!send_some()) return false;
  }
  return true;
}

bool connection::send_some() {
  const auto written = channel_.write(std::string_view(out_).substr(out_sent_),
                                      std::string_view(body_).substr(body_sent_));
  if (written.what != byte_channel::outcome::done) {
    if (written.what == byte_channel::outcome::again) {
      writable_ = false;
      client_took_some();
    } else {
      close();
    }
    return false;
  }
  progress_at_ = now_;
  const size_t of_out = std::min(written.bytes, out_.size() - out_sent_);
  out_sent_ += of_out;
  body_sent_ += written.bytes - of_out;
  if (out_sent_ == out_.size()) {
    if (out_.capacity() > kept_buffer_bytes && !stream_) free_text(out_);
    out_.clear();
    out_sent_ = 0;
  } else if (out_sent_ >= gathered_bytes) {
    out_.erase(0, out_sent_);
    out_sent_ = 0;
  }
  if (!body_.empty() && body_sent_ == body_.size()) {
    free_text(body_);
    body_held_.release();
    body_sent_ = 0;
  }
  return true;
}

bool connection::client_took_some() {
  const auto untaken = channel_.untaken();
  if (!untaken) return false;
  const bool less = *untaken < untaken_;
  untaken_ = *untaken;
  return less;
}

} // namespace treadmill::http
