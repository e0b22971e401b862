#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the actor layer, with its unit and what it means.
namespace treadmill::defaults {

/// Where REST listens, and where peers will be listened for.
inline constexpr uint16_t http_port = 1444;
inline constexpr uint16_t zmq_port = 1445;

/// Threads that run actors. Two are enough: no actor of ours waits or computes for long.
inline constexpr size_t scheduler_threads = 2;
/// Writes of one bucket that are not yet committed; further ones are answered 503.
inline constexpr size_t bucket_queue = 4096;
/// Bytes of all batches that wait for their commit; above it writes are answered 503.
inline constexpr size_t storage_queue_bytes = size_t{64} * 1024 * 1024;
/// How long requests that are being answered may take after SIGTERM or SIGINT.
inline constexpr std::chrono::milliseconds shutdown_grace{4000};

} // namespace treadmill::defaults
