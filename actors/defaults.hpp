#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the actor layer, with its unit and meaning.
namespace treadmill::defaults {

/// Default ports of REST and of the peer protocol.
inline constexpr uint16_t http_port = 1444;
inline constexpr uint16_t zmq_port = 1445;

/// Threads that run actors. Two are enough: no scheduled actor waits or computes for long.
inline constexpr size_t scheduler_threads = 2;
/// Write requests that wait for their commit; further ones are answered 503.
inline constexpr size_t queued_writes = 4096;
/// Bytes of the documents of these requests; further writes are answered 503.
inline constexpr size_t queued_bytes = size_t{64} * 1024 * 1024;
/// A bucket submits a batch of this many bytes to storage even while another one is on its way.
inline constexpr size_t batch_bytes = size_t{1} * 1024 * 1024;
/// The same while a bulk is applied, so that storage writes the first part during the rest.
inline constexpr size_t bulk_batch_bytes = size_t{64} * 1024;
/// Bytes of batches on their way to storage, for one bucket and for all buckets of the node. Beyond
/// a limit, a bucket applies no more work until one of its own batches is written.
inline constexpr size_t bucket_bytes_on_their_way = size_t{8} * 1024 * 1024;
inline constexpr size_t node_bytes_on_their_way = size_t{64} * 1024 * 1024;
/// How long a bucket applies work before it gives its thread to other actors.
inline constexpr std::chrono::milliseconds bucket_slice{5};
/// Documents with strikes (js::is_strike) after which a query is suspended.
inline constexpr uint32_t query_strikes = 10;
/// Slots for parts whose rows may be in memory, for all queries together: the parts of one build
/// plus this many. Each part holds at most the rows of one answer of a worker.
inline constexpr size_t more_row_slots = 3;
/// Trials of maps that run or wait at one time; further ones are answered 503.
inline constexpr size_t trials = 4;
/// Limits of one trial: time, and bytes of rows. The trial ends after the piece that exceeds one,
/// and answers the rows so far.
inline constexpr std::chrono::milliseconds trial_time{10'000};
inline constexpr size_t trial_rows_bytes = size_t{4} * 1024 * 1024;
/// A trial whose last piece took less than this gets a piece of twice as many documents.
inline constexpr std::chrono::milliseconds trial_piece_time{50};
/// Workers that compile functions and run trials, and how long an idle one is kept.
inline constexpr size_t trial_workers = 2;
inline constexpr std::chrono::milliseconds trial_worker_idle{30'000};
/// How long a view pauses after a failure.
inline constexpr std::chrono::milliseconds view_pause{500};
/// How often storage checks for due work: reopening, interval syncs, cleaning up, free space.
inline constexpr std::chrono::milliseconds tick_interval{100};
/// How long the node waits for storage to make or drop a bucket before it answers `ambiguous`.
inline constexpr std::chrono::seconds catalogue_timeout{30};
/// How long the answer to a request to add a peer waits until the peer is reached.
inline constexpr std::chrono::milliseconds peer_wait{3000};
/// How often a link updates the peer board while its state changes.
inline constexpr std::chrono::milliseconds peer_shown_every{100};
/// How often the ZeroMQ gateway checks its connections.
inline constexpr std::chrono::milliseconds peers_tick{500};
/// Bytes of frames that wait for their actor, for one connection, or for all connections without a
/// link together. The wire drops further frames, which the protocol treats as loss. Each frame
/// counts `frame_overhead` more than its bytes.
inline constexpr size_t frames_waiting = size_t{64} * 1024 * 1024;
inline constexpr size_t frame_overhead = 256;
/// Share of one processor for a peer's frames that bring nothing this node asked for (its requests,
/// for example): for each peer that an operator added, and for all other peers together. Unused
/// time is saved, up to `peer_work_saved`.
inline constexpr double peer_work_share = 0.5;
inline constexpr double strangers_work_share = 0.5;
inline constexpr std::chrono::milliseconds peer_work_saved{1000};
/// Frames of a peer that wait for its work budget; with more, the peer is cut.
inline constexpr size_t frames_deferred = 8192;
/// How long requests in progress may take after SIGTERM or SIGINT.
inline constexpr std::chrono::milliseconds shutdown_grace{4000};

} // namespace treadmill::defaults
