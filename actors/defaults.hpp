#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the actor layer, with its unit and what it means.
namespace treadmill::defaults {

/// Where REST listens, and where peers are listened for.
inline constexpr uint16_t http_port = 1444;
inline constexpr uint16_t zmq_port = 1445;

/// Threads that run actors. Two are enough: no actor of ours waits or computes for long.
inline constexpr size_t scheduler_threads = 2;
/// Write requests that wait for their commit; further ones are answered 503.
inline constexpr size_t queued_writes = 4096;
/// Bytes of their documents; above it writes are answered 503.
inline constexpr size_t queued_bytes = size_t{64} * 1024 * 1024;
/// Bytes of a bucket's batch at which it is handed to storage although another one is on its way.
inline constexpr size_t batch_bytes = size_t{1} * 1024 * 1024;
/// The same while a bulk is applied: it is written and applied side by side.
inline constexpr size_t bulk_batch_bytes = size_t{64} * 1024;
/// Bytes of batches that a bucket, and all of a node's, have on their way to storage: beyond it a
/// bucket waits with what it is asked, until one of its own is written.
inline constexpr size_t bucket_bytes_on_their_way = size_t{8} * 1024 * 1024;
inline constexpr size_t node_bytes_on_their_way = size_t{64} * 1024 * 1024;
/// How long a bucket applies what it is asked before it lets other actors have its thread.
inline constexpr std::chrono::milliseconds bucket_slice{5};
/// Documents that a query's map may cost a limit or a worker before it is suspended.
inline constexpr uint32_t query_strikes = 10;
/// Parts of the builds of all queries whose rows may be in memory: those of one build and so many.
/// Each has the rows of one answer of a worker at most.
inline constexpr size_t more_row_slots = 3;
/// Trials of maps that run or wait at one time; further ones are answered 503.
inline constexpr size_t trials = 4;
/// What one trial may take: time, and bytes of rows. It ends with the piece that goes beyond, and
/// answers what it has.
inline constexpr std::chrono::milliseconds trial_time{10'000};
inline constexpr size_t trial_rows_bytes = size_t{4} * 1024 * 1024;
/// A trial that took less for its last documents is given twice as many at once.
inline constexpr std::chrono::milliseconds trial_piece_time{50};
/// Workers of what is compiled and tried, and how long they stay with nothing to do.
inline constexpr size_t trial_workers = 2;
inline constexpr std::chrono::milliseconds trial_worker_idle{30'000};
/// How long a view waits after something failed before it tries again.
inline constexpr std::chrono::milliseconds view_pause{500};
/// How often storage looks after what is due: reopening, interval syncs, cleaning up, free space.
inline constexpr std::chrono::milliseconds tick_interval{100};
/// How long the node waits for storage to make or drop a bucket before it answers `ambiguous`.
inline constexpr std::chrono::seconds catalogue_timeout{30};
/// How long the answer to a new peer waits for it to be reached.
inline constexpr std::chrono::milliseconds peer_wait{3000};
/// How often a link's state is shown while it changes.
inline constexpr std::chrono::milliseconds peer_shown_every{100};
/// How often the ZeroMQ gateway looks after its connections.
inline constexpr std::chrono::milliseconds peers_tick{500};
/// A connection with a peer over which nothing came for so long is not held for alive. Longer than
/// the heartbeat of links.
inline constexpr std::chrono::milliseconds connection_silence{2000};
/// How long another process with a peer's identity waits until it is known whether that peer's own
/// connection is alive.
inline constexpr std::chrono::milliseconds identity_probe{1500};
/// How long one of several connections with a peer must have been in use before the others are hung
/// up.
inline constexpr std::chrono::milliseconds connection_settled{3000};
/// Bytes of frames of one connection, or of all that belong to no link, that wait for their actor;
/// what comes beyond is dropped, which the protocol takes for a loss. Each counts for some more.
inline constexpr size_t frames_waiting = size_t{64} * 1024 * 1024;
inline constexpr size_t frame_overhead = 256;
/// The part of a processor that frames of a peer may take which bring nothing that was asked for,
/// its requests for instance: each peer that an operator added, and all others together. What they
/// do not use they may use later, up to so much of it.
inline constexpr double peer_work_share = 0.5;
inline constexpr double strangers_work_share = 0.5;
inline constexpr std::chrono::milliseconds peer_work_saved{1000};
/// Frames of a peer that wait until it has time again; with more it is cut.
inline constexpr size_t frames_deferred = 8192;
/// Frames that a connection without a link may bring before it is hung up.
inline constexpr size_t frames_of_nobody = 64;
/// How long a peer that was cut is not dialled.
inline constexpr std::chrono::milliseconds cut_pause{5000};
/// Bytes of a frame from whom no link is known: the longest greeting.
inline constexpr size_t greeting_bytes = size_t{1} * 1024 * 1024;
/// How long requests that are being answered may take after SIGTERM or SIGINT.
inline constexpr std::chrono::milliseconds shutdown_grace{4000};

} // namespace treadmill::defaults
