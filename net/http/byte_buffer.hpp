#pragma once
#include <cstddef>
#include <memory>
#include <utility>

namespace treadmill::http {

/// A buffer whose bytes keep their address when the buffer object is moved, so that views into it
/// stay valid.
class byte_buffer {
public:
  byte_buffer() = default;
  byte_buffer(byte_buffer&& from) noexcept
      : data_(std::move(from.data_)), capacity_(std::exchange(from.capacity_, 0)) {}
  byte_buffer& operator=(byte_buffer&& from) noexcept {
    data_ = std::move(from.data_);
    capacity_ = std::exchange(from.capacity_, 0);
    return *this;
  }
  char* data() const { return data_.get(); }
  size_t capacity() const { return capacity_; }
  void grow(size_t capacity, size_t keep_from,
            size_t keep_to); ///< moves the kept range to the front
  void free() { *this = byte_buffer(); }

private:
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
};

} // namespace treadmill::http
