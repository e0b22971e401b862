#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the map workers, with its unit and what it means.
namespace treadmill::js::defaults {

inline constexpr size_t kibibyte = 1024;
inline constexpr size_t mebibyte = 1024 * kibibyte;

/// Worker processes of one pool.
inline constexpr size_t workers = 2;
/// CPU time of a function for one document, or for one reduction.
inline constexpr std::chrono::milliseconds document_cpu{2000};
/// V8's heap in one worker.
inline constexpr size_t heap_bytes = 128 * mebibyte;
/// All that a worker may map (RLIMIT_AS): V8 reserves 128 MiB for code alone.
inline constexpr size_t address_space_bytes = 1024 * mebibyte;
/// Array buffers that a function may make for one document, freed or not; they lie outside of V8's
/// heap.
inline constexpr size_t array_buffer_bytes = 32 * mebibyte;
/// The stack that calls of a function may fill before they throw, counted in frames of V8's
/// interpreter. What fills less than `plain_stack_bytes` is not counted.
inline constexpr size_t call_bytes = 984 * kibibyte;
inline constexpr size_t plain_stack_bytes = 192 * kibibyte;
/// The stack in all, of addresses alone: more than any list of arguments that fits into the heap.
inline constexpr size_t stack_bytes = 160 * mebibyte;
/// Rows that one document may emit.
inline constexpr uint32_t rows_per_document = 1000;
/// Bytes of one row: key and value together. Also of a reduction's value.
inline constexpr size_t row_bytes = 64 * kibibyte;
/// Bytes of all rows of one document.
inline constexpr size_t document_rows_bytes = 4 * mebibyte;
/// Bytes of rows in one answer, with `row_overhead` for each: it ends after the document that goes
/// beyond.
inline constexpr size_t answer_bytes = 2 * mebibyte;
/// About what a row takes in memory beside its text.
inline constexpr size_t row_overhead = 64;
/// Bytes of documents that go to a worker at once, if it is more than one document.
inline constexpr size_t batch_bytes = 1 * mebibyte;
/// The largest frame to a worker: bounds one document.
inline constexpr size_t request_bytes = 72 * mebibyte;
/// Bytes of a function's text.
inline constexpr size_t function_bytes = 64 * kibibyte;
/// Bytes of an error message from a worker.
inline constexpr size_t message_bytes = 512;
/// Batches that a worker has before it: one in work and one that waits, so that it never idles.
inline constexpr size_t batches_in_flight = 2;
/// Functions that a worker holds ready, each in a context of its own of about half a MiB.
inline constexpr size_t contexts = 16;
/// How long a worker may take to be ready.
inline constexpr std::chrono::milliseconds start_time{30'000};
/// How long a worker with work may stay at one document without using CPU time (it was stopped).
inline constexpr std::chrono::milliseconds stall_time{60'000};
/// Between starts of workers that fail: from, and up to.
inline constexpr std::chrono::milliseconds first_back_off{50};
inline constexpr std::chrono::milliseconds last_back_off{5'000};
/// Starts that fail one after the other before jobs are answered with `unavailable`.
inline constexpr uint32_t failed_starts = 3;
/// Workers that are killed from outside before they are ready, one after the other, before that
/// counts as a start that failed.
inline constexpr uint32_t killed_starts = 20;
/// How often a job is given to another worker because its worker was killed from outside, or died
/// and nobody knows of what.
inline constexpr uint32_t unexplained_deaths = 4;

} // namespace treadmill::js::defaults
