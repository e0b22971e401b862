#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the peer protocol, with its unit and what it means.
namespace treadmill::replication::defaults {

using std::chrono::milliseconds;

/// Peers of one node.
inline constexpr size_t peers = 32;
/// How long one that no operator of this node added is remembered without a connection.
inline constexpr milliseconds stranger_memory{600'000};
/// Bytes that are held for one peer, about, beyond which no more activity of its is taken in until
/// some of them are applied.
inline constexpr uint64_t held_bytes = uint64_t{64} * 1024 * 1024;
/// After what time the rest is asked for.
inline constexpr milliseconds room_again{250};
/// Buckets of a peer that are being made here at one time, that wait for it (others have to be
/// announced again), and names of buckets without a place here that are remembered.
inline constexpr size_t making_buckets = 16;
inline constexpr size_t unmade_buckets = 1024;
inline constexpr size_t refused_buckets = 1000;
/// Connections that peers, or strangers, have made at one time.
inline constexpr size_t incoming_connections = 256;
/// Bytes of one frame, packed and unpacked.
inline constexpr size_t frame_bytes = size_t{16} * 1024 * 1024;
/// Bytes of an `activity` frame, about, and entries in it: one batch that is applied at once.
inline constexpr size_t batch_bytes = size_t{256} * 1024;
inline constexpr size_t batch_entries = 2000;
/// Rows of the log that are looked at for one batch, superseded ones included.
inline constexpr size_t batch_looks = 4000;
/// Bytes of activity that may be on their way beyond what was taken in.
inline constexpr uint64_t window_bytes = uint64_t{4} * 1024 * 1024;
/// The same while much is held for the peer.
inline constexpr uint64_t small_window_bytes = uint64_t{256} * 1024;
/// Batches that are being applied at one time, for each bucket.
inline constexpr size_t applying = 4;
/// Batches that are served in one go before the next event.
inline constexpr size_t served_at_once = 4;
/// Bytes of a body up to which it travels with its entry.
inline constexpr size_t inline_bytes = size_t{64} * 1024;
/// Leaves that are named in one `want` of a document, and beyond which no further one is asked for
/// with it.
inline constexpr size_t wanted_leaves = 10'000;
/// Documents in one `want`; bytes of the `documents` that answer it, about.
inline constexpr size_t wanted_documents = 1000;
inline constexpr size_t documents_bytes = size_t{1024} * 1024;
/// Bytes of a body above which it goes in parts, and of one part.
inline constexpr size_t part_bytes = size_t{1024} * 1024;
/// Nodes of a revision tree that are sent at once: a larger one goes in parts, some branches each.
inline constexpr size_t part_nodes = 4000;
/// Changes of one entry that are sent. (No more are logged; an older build may have.)
inline constexpr size_t sent_changes = 10'000;
/// Bytes of bodies that are read to tell a node of an older build their sizes.
inline constexpr size_t sized_bytes = size_t{64} * 1024 * 1024;
/// Bytes of bodies that are read to name the leaves in one `want`, and to answer one: fewer, so
/// that the leaves that an answer looks at are among those that were named.
inline constexpr size_t named_bytes = size_t{64} * 1024 * 1024;
inline constexpr size_t compared_bytes = size_t{32} * 1024 * 1024;
/// Bytes that are held for a peer, about, beyond which a bucket asks for more documents only where
/// none of its own are on their way; and beyond which it does so only where no bucket has any.
inline constexpr uint64_t fetched_bytes = uint64_t{16} * 1024 * 1024;
inline constexpr uint64_t crowded_bytes = uint64_t{32} * 1024 * 1024;
/// Bytes that an answer with documents counts while it has not come: an honest one is smaller.
inline constexpr uint64_t answer_bytes = uint64_t{4} * 1024 * 1024;
/// Documents of a bucket that are remembered as being above a limit of this node.
inline constexpr size_t refused_remembered = 1000;
/// Buckets that each heartbeat names although nothing changed.
inline constexpr size_t heads_again = 64;
/// Refused documents, and buckets, that are shown with a link.
inline constexpr size_t refused_shown = 20;

/// How often each side gives a sign of life, and after what silence the other is held for gone.
inline constexpr milliseconds heartbeat{1000};
inline constexpr milliseconds silence{5000};
/// Greetings that are not answered are sent again after this, twice as long each time up to the
/// second; one that was refused after the third.
inline constexpr milliseconds greet_first{100};
inline constexpr milliseconds greet_most{1000};
inline constexpr milliseconds greet_refused{5000};
/// A request without an answer is sent again after this, twice as long each time up to the second;
/// later where answers take long on this link.
inline constexpr milliseconds retry_first{1000};
inline constexpr milliseconds retry_most{5000};
/// How long a peer has to contradict itself (a stream older than the one it follows, more taken in
/// than it was sent) before that is believed. Longer than a frame can be late.
inline constexpr milliseconds believed_after{2000};
/// Rows that cannot be read now, as the store is closed for a moment, are tried again after this.
inline constexpr milliseconds read_again{50};
/// What could not be done at once, because the store was closed, is tried again after this.
inline constexpr milliseconds again_soon{100};
/// Between two goes at serving a peer that catches up.
inline constexpr milliseconds serve_pause{2};
/// How long an entry of a third node's may wait for that node's own message, which brings the body.
inline constexpr milliseconds patience{30};
/// A checkpoint that moved over known entries is written this long after the last one was.
inline constexpr milliseconds note_after{1000};
/// What was taken in is acknowledged after this, or when a quarter of the window is used.
inline constexpr milliseconds acknowledge_after{200};
/// Announcements of a bucket in a row (one a heartbeat) where all was taken in and the digests
/// differ, before it is believed.
inline constexpr int rests_before_rescan = 10;
/// Between two restarts from 0 because of unequal digests.
inline constexpr milliseconds rescan_pause{30'000};

} // namespace treadmill::replication::defaults
