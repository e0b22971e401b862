#pragma once
#include <cstddef>
#include <memory>
#include <v8-array-buffer.h>

namespace treadmill::js {

/// What array buffers have taken.
struct array_buffer_use {
  size_t item = 0;     ///< bytes since the item began, freed or not: set to 0 by whoever begins one
  size_t held = 0;     ///< bytes that are allocated now
  bool failed = false; ///< the system had none left, since this was set to false
};

/// Memory of array buffers, at most `quota` bytes in an item's life. Beyond it V8 throws a
/// RangeError: what is counted is what was asked for, not what garbage collection has left, so that
/// the same item meets it at the same buffer everywhere.
std::unique_ptr<v8::ArrayBuffer::Allocator> make_array_buffer_allocator(size_t quota,
                                                                        array_buffer_use& use);

} // namespace treadmill::js
