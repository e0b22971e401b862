#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the map workers, with its unit and meaning.
namespace treadmill::js::defaults {

inline constexpr size_t kibibyte = 1024;
inline constexpr size_t mebibyte = 1024 * kibibyte;

/// Worker processes of one pool.
inline constexpr size_t workers = 2;
/// CPU time of a function for one document, or for one reduction.
inline constexpr std::chrono::milliseconds document_cpu{2000};
/// V8's heap in one worker.
inline constexpr size_t heap_bytes = 128 * mebibyte;
/// Address space that a worker may map (RLIMIT_AS): V8 reserves 128 MiB for code alone.
inline constexpr size_t address_space_bytes = 1024 * mebibyte;
/// Bytes of array buffers that a function may make for one document, freed or not. They are outside
/// of V8's heap.
inline constexpr size_t array_buffer_bytes = 32 * mebibyte;
/// Stack that a function's calls may use before they throw, measured in V8's interpreter. A
/// function that uses less than `plain_stack_bytes` is not measured.
inline constexpr size_t call_bytes = 984 * kibibyte;
inline constexpr size_t plain_stack_bytes = 192 * kibibyte;
/// Addresses of the whole stack: more than the largest argument list that fits into the heap.
inline constexpr size_t stack_bytes = 160 * mebibyte;
/// Rows that one document may emit.
inline constexpr uint32_t rows_per_document = 1000;
/// Bytes of one row, key and value together, or of a reduction's value.
inline constexpr size_t row_bytes = 64 * kibibyte;
/// Bytes of all rows of one document.
inline constexpr size_t document_rows_bytes = 4 * mebibyte;
/// Bytes of rows in one answer, with `row_overhead` for each row. The answer ends after the
/// document that exceeds them.
inline constexpr size_t answer_bytes = 2 * mebibyte;
/// Approximate memory of a row besides its text.
inline constexpr size_t row_overhead = 64;
/// Bytes of documents in one batch for a worker; a batch has at least one document.
inline constexpr size_t batch_bytes = 1 * mebibyte;
/// Bytes of the largest frame to a worker, which bounds one document.
inline constexpr size_t request_bytes = 72 * mebibyte;
/// Bytes of a function's text.
inline constexpr size_t function_bytes = 64 * kibibyte;
/// Bytes of an error message from a worker.
inline constexpr size_t message_bytes = 512;
/// Batches that a worker has: one in progress and one that waits, so that it never idles.
inline constexpr size_t batches_in_flight = 2;
/// Functions that a worker keeps ready, each in its own context of about half a MiB.
inline constexpr size_t contexts = 16;
/// How long a worker may take to become ready.
inline constexpr std::chrono::milliseconds start_time{30'000};
/// Wall-clock time that a worker may stay at one item (it was stopped, for example).
inline constexpr std::chrono::milliseconds stall_time{60'000};
/// Pause after a failed start of a worker: `first_back_off`, doubled for each failure in a row, up
/// to `last_back_off`. So the first pause is 100 ms.
inline constexpr std::chrono::milliseconds first_back_off{50};
inline constexpr std::chrono::milliseconds last_back_off{5'000};
/// Failed starts in a row before jobs are answered with `unavailable`.
inline constexpr uint32_t failed_starts = 3;
/// Workers in a row that may be killed from outside before they are ready. More count as failed
/// starts.
inline constexpr uint32_t killed_starts = 20;
/// How often a job goes to another worker after its worker was killed from outside or died of an
/// unknown cause.
inline constexpr uint32_t unexplained_deaths = 4;

} // namespace treadmill::js::defaults
