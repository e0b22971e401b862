#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace treadmill::js {

/// A page that a worker and its pool share. The worker records its current document there, so that
/// the pool knows it when the worker dies. The pool trusts the page for nothing else.
struct progress_page {
  /// The item number while the function is being compiled.
  static constexpr uint32_t compiling = UINT32_MAX;

  std::atomic<uint64_t> request = 0; ///< 0: none
  std::atomic<uint32_t> item = 0;    ///< counted from 0 in the request
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

inline constexpr size_t progress_page_bytes = 4096;

/// Exit codes of a worker that ends by itself.
namespace exit_code {
inline constexpr int closed = 0;         ///< its pool closed the socket
inline constexpr int timed_out = 70;     ///< the watchdog could not interrupt the function
inline constexpr int out_of_memory = 71; ///< V8 has no memory left
inline constexpr int no_start = 72;      ///< its setup failed; it sent the reason
inline constexpr int bad_frame = 73;     ///< it received an invalid frame
} // namespace exit_code

/// Descriptors of a worker; 0, 1 and 2 are /dev/null.
namespace descriptor {
inline constexpr int socket = 3;
inline constexpr int page = 4;
} // namespace descriptor

} // namespace treadmill::js
