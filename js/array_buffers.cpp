// Compiled without RTTI, as V8's library is: it has no typeinfo of the class that is derived from.
#include "js/array_buffers.hpp"
#include <cstdlib>

namespace treadmill::js {

namespace {

class quota_allocator final : public v8::ArrayBuffer::Allocator {
public:
  explicit quota_allocator(size_t quota) : quota_(quota) {}

  void* Allocate(size_t length) override { return take(length); }
  void* AllocateUninitialized(size_t length) override { return take(length); }
  void Free(void* data, size_t length) override {
    std::free(data); // NOLINT: V8 gives back what calloc gave
    used_ -= length;
  }

private:
  // Always zeros: old bytes would differ from one worker to the next.
  void* take(size_t length) {
    if (length > quota_ - used_) return nullptr;
    void* const data = std::calloc(length == 0 ? 1 : length, 1);
    if (data != nullptr) used_ += length;
    return data;
  }

  const size_t quota_;
  size_t used_ = 0;
};

} // namespace

std::unique_ptr<v8::ArrayBuffer::Allocator> make_array_buffer_allocator(size_t quota) {
  return std::make_unique<quota_allocator>(quota);
}

} // namespace treadmill::js
