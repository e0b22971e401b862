#pragma once
#include <cstddef>
#include <memory>
#include <v8-array-buffer.h>

namespace treadmill::js {

/// Memory of array buffers, at most `quota` bytes at a time: beyond it V8 collects garbage, and
/// then throws a RangeError.
std::unique_ptr<v8::ArrayBuffer::Allocator> make_array_buffer_allocator(size_t quota);

} // namespace treadmill::js
