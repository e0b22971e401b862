// Compiled without RTTI, because V8's library has no typeinfo for the base class.
#include "js/worker/array_buffers.hpp"
#include <cstdlib>

namespace treadmill::js {

namespace {

class quota_allocator final : public v8::ArrayBuffer::Allocator {
public:
  quota_allocator(size_t quota, array_buffer_use& use) : quota_(quota), use_(use) {}

  void* Allocate(size_t length) override { return take(length); }
  void* AllocateUninitialized(size_t length) override { return take(length); }
  void Free(void* data, size_t length) override {
    std::free(data); // NOLINT: V8 returns memory from calloc
    use_.held -= length;
  }

private:
  // Always zeros, because old bytes would differ between workers.
  void* take(size_t length) {
    if (length > quota_ - use_.item) return nullptr;
    void* const data = std::calloc(length == 0 ? 1 : length, 1);
    if (data == nullptr) {
      use_.failed = true;
      return nullptr;
    }
    use_.item += length;
    use_.held += length;
    return data;
  }

  const size_t quota_;
  array_buffer_use& use_;
};

} // namespace

std::unique_ptr<v8::ArrayBuffer::Allocator> make_array_buffer_allocator(size_t quota,
                                                                        array_buffer_use& use) {
  return std::make_unique<quota_allocator>(quota, use);
}

} // namespace treadmill::js
