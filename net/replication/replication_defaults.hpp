#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every number of the peer protocol, with its unit and meaning. "About" marks bounds that a single
/// item may exceed.
namespace treadmill::replication::defaults {

using std::chrono::milliseconds;

/// Maximum number of peers that operators add to one node.
inline constexpr size_t peers = 32;
/// How long the node remembers a peer without a connection that none of its operators added (a
/// stranger).
inline constexpr milliseconds stranger_memory{600'000};
/// Bytes in memory for one peer, about. Above it the link accepts no more of the peer's activity
/// until some of those bytes are applied.
inline constexpr uint64_t held_bytes = uint64_t{64} * 1024 * 1024;
/// How long the link then waits before it asks for the rest.
inline constexpr milliseconds room_again{250};
/// Limits for each peer: buckets that are being created here at the same time; buckets that wait
/// for that (the peer has to announce further ones again); refused bucket names that are
/// remembered.
inline constexpr size_t making_buckets = 16;
inline constexpr size_t unmade_buckets = 1024;
inline constexpr size_t refused_buckets = 1000;
/// Bytes of one frame, both compressed and uncompressed.
inline constexpr size_t frame_bytes = size_t{16} * 1024 * 1024;
/// Bytes of an `activity` frame, about, and entries in it. The receiver applies one frame as one
/// batch.
inline constexpr size_t batch_bytes = size_t{256} * 1024;
inline constexpr size_t batch_entries = 2000;
/// Log rows read for one batch, including superseded ones.
inline constexpr size_t batch_looks = 4000;
/// Bytes of activity in flight beyond what the receiver acknowledged.
inline constexpr uint64_t window_bytes = uint64_t{4} * 1024 * 1024;
/// The same while at least half of held_bytes is in use for the peer.
inline constexpr uint64_t small_window_bytes = uint64_t{256} * 1024;
/// Batches of one bucket that are being applied at the same time.
inline constexpr size_t applying = 4;
/// Batches that a link sends in a row before it handles the next event.
inline constexpr size_t served_at_once = 4;
/// Largest body, in bytes, that is sent inside its activity entry.
inline constexpr size_t inline_bytes = size_t{64} * 1024;
/// Leaves named in one `fetch_documents` frame for a document; a frame that names this many asks
/// for no further document.
inline constexpr size_t wanted_leaves = 10'000;
/// Documents in one `fetch_documents` frame; bytes of the `documents` frame that answers it, about.
inline constexpr size_t wanted_documents = 1000;
inline constexpr size_t documents_bytes = size_t{1024} * 1024;
/// Bytes above which a body is sent in parts, and bytes of one part.
inline constexpr size_t part_bytes = size_t{1024} * 1024;
/// Revision tree nodes in one frame; a larger tree is sent in several parts of a few branches each.
inline constexpr size_t part_nodes = 4000;
/// Changes sent for one entry. (The log of this version never has more; that of an older version
/// may.)
inline constexpr size_t sent_changes = 10'000;
/// Bytes of bodies read to report body sizes to a node of an older version.
inline constexpr size_t sized_bytes = size_t{64} * 1024 * 1024;
/// Bytes of bodies read to list the leaves in one `fetch_documents`, and read to answer one. The
/// answer's limit is lower, so that the answer only looks at leaves that the request could list.
inline constexpr size_t named_bytes = size_t{64} * 1024 * 1024;
inline constexpr size_t compared_bytes = size_t{32} * 1024 * 1024;
/// Bytes in memory for a peer, about. Above fetched_bytes a bucket requests documents only if none
/// of its own are in flight; above crowded_bytes only if no bucket has any in flight.
inline constexpr uint64_t fetched_bytes = uint64_t{16} * 1024 * 1024;
inline constexpr uint64_t crowded_bytes = uint64_t{32} * 1024 * 1024;
/// Bytes reserved for a `documents` answer until it arrives; a correct answer is smaller.
inline constexpr uint64_t answer_bytes = uint64_t{4} * 1024 * 1024;
/// Documents of one bucket that are remembered as exceeding a limit of this node.
inline constexpr size_t refused_remembered = 1000;
/// Unchanged buckets that each heartbeat announces again.
inline constexpr size_t heads_again = 64;
/// Refused documents, and refused buckets, listed in the status of a link.
inline constexpr size_t refused_shown = 20;

/// How often each side sends a heartbeat, and after how much silence it considers the other
/// unreachable.
inline constexpr milliseconds heartbeat{1000};
inline constexpr milliseconds silence{5000};
/// A connection over which no frame came for this long does not count as alive. Longer than the
/// heartbeat of links.
inline constexpr milliseconds connection_silence{2000};
/// How long a greeting from another process with a connected peer's identity waits, to find out
/// whether that peer's own connection is alive.
inline constexpr milliseconds identity_probe{1500};
/// Bytes of such greetings, for all peers together. With more, the longest one is dropped, and its
/// sender repeats it.
inline constexpr size_t probed_bytes = size_t{8} * 1024 * 1024;
/// How long one of several connections with a peer must be in use before this node hangs up the
/// others.
inline constexpr milliseconds connection_settled{3000};
/// Frames that a connection without a link may send before it is hung up.
inline constexpr size_t frames_of_nobody = 64;
/// How long frames of a connection that was hung up may still arrive.
inline constexpr milliseconds late_frames{3000};
/// How long a peer that was cut is not dialled.
inline constexpr milliseconds cut_pause{5000};
/// Bytes of the longest frame from a connection without a link: the longest greeting.
inline constexpr size_t greeting_bytes = size_t{1} * 1024 * 1024;
/// An unanswered greeting is sent again after greet_first; the wait doubles each time up to
/// greet_most. A refused one is sent again after greet_refused.
inline constexpr milliseconds greet_first{100};
inline constexpr milliseconds greet_most{1000};
inline constexpr milliseconds greet_refused{5000};
/// An unanswered request is sent again after retry_first; the wait doubles each time up to
/// retry_most, and starts longer if answers are slow on this link.
inline constexpr milliseconds retry_first{1000};
inline constexpr milliseconds retry_most{5000};
/// How long a contradiction must last before the link believes it (the peer follows an older stream
/// than before, or acknowledges more than it was sent). Longer than a frame can be delayed.
inline constexpr milliseconds believed_after{2000};
/// Wait before another attempt to read rows while the store is briefly closed.
inline constexpr milliseconds read_again{50};
/// Wait before another attempt at a request that could not be sent, because it waits for its turn
/// or the store is briefly closed.
inline constexpr milliseconds again_soon{100};
/// How long an entry that a third node wrote waits for that node's own frame, which brings the
/// body.
inline constexpr milliseconds other_link_wait{30};
/// A checkpoint that only moved over entries that were known here is written this long after the
/// previous one.
inline constexpr milliseconds note_after{1000};
/// Applied activity is acknowledged after this, or when a quarter of the window is used.
inline constexpr milliseconds acknowledge_after{200};
/// How many announcements of a bucket in a row (one a heartbeat) must show different digests,
/// although both sides have applied everything, before the link compares all documents again.
inline constexpr int rests_before_rescan = 10;
/// Minimum time between two rescans from sequence 0 because of different digests.
inline constexpr milliseconds rescan_pause{30'000};

} // namespace treadmill::replication::defaults
