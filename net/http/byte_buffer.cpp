#include "net/http/byte_buffer.hpp"
#include <cstring>

namespace treadmill::http {

void byte_buffer::grow(size_t capacity, size_t keep_from, size_t keep_to) {
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (keep_to > keep_from) std::memcpy(larger.get(), data_.get() + keep_from, keep_to - keep_from);
  data_ = std::move(larger);
  capacity_ = capacity;
}

} // namespace treadmill::http
