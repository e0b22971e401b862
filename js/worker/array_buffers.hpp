#pragma once
#include <cstddef>
#include <memory>
#include <v8-array-buffer.h>

namespace treadmill::js {

/// Memory use of array buffers.
struct array_buffer_use {
  size_t item = 0; ///< bytes in this item, freed or not; the engine sets it to 0 at an item's start
  size_t held = 0; ///< bytes that are allocated now
  bool failed = false; ///< the system ran out of memory in this item; the engine resets it
};

/// An allocator of array buffers, at most `quota` bytes per item. Beyond it V8 throws a RangeError.
/// It counts requested bytes, not those that survive garbage collection, so that an item reaches
/// the quota at the same buffer on every node.
std::unique_ptr<v8::ArrayBuffer::Allocator> make_array_buffer_allocator(size_t quota,
                                                                        array_buffer_use& use);

} // namespace treadmill::js
