#pragma once
#include "storage/base/hash.hpp"
#include "storage/base/result.hpp"
#include "storage/documents/replicated.hpp"
#include "storage/documents/revision.hpp"
#include "storage/engine/checkpoint.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The frames that two nodes exchange (net/README.md, "Peer protocol"), as plain structs with their
/// codec. Every decode is total: any bytes give a frame or an error. A decoder ignores bytes after
/// the fields that it knows, so that a newer node may add fields.
namespace treadmill::replication {

/// The newest protocol version that this node speaks, and the oldest. Version 2 carries what
/// documents can have since format 2 (feature::beyond_protocol_1).
inline constexpr uint64_t protocol_version = 2;
inline constexpr uint64_t protocol_oldest = 1;

/// The first frame of each side, and the answer to it. A side repeats it until it knows the other
/// side's session.
struct hello {
  uint64_t session = 0;  ///< of the sender's link: random, new at every greeting
  uint64_t instance = 0; ///< of the sender's process: random, new at every start
  uint64_t oldest = protocol_oldest;
  uint64_t newest = protocol_version;
  std::string node_id{};
  std::string name{};
  std::string zmq_uri{};   ///< where peers can dial the sender; empty: they cannot
  bool invites = false;    ///< an operator asked for this link, even if it was removed before
  bool zstd = false;       ///< the sender reads compressed frames
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
};

/// The disconnect reason: why a link is refused, or ends.
enum class disconnect_reason : uint8_t {
  removed = 1,       ///< an operator removed the peer: the receiver forgets the sender, too
  ending = 2,        ///< the sender's process ends; it will be back
  itself = 3,        ///< the two are one process
  same_identity = 4, ///< another node with the sender's or the receiver's node id is connected
  same_name = 5,     ///< another peer has the receiver's name
  version = 6,       ///< no common protocol version
  too_many = 7,      ///< the sender has reached its maximum number of peers
};
inline constexpr disconnect_reason last_disconnect_reason = disconnect_reason::too_many;
/// A phrase for operators.
std::string_view to_string(disconnect_reason why);

struct goodbye {
  disconnect_reason why = disconnect_reason::ending;
};

/// The positions and digests of the sender's buckets; also its heartbeat.
struct bucket_digests {
  struct item {
    std::string bucket{};
    hash128 log_id{};
    uint64_t sequence = 0;
    hash128 digest{};
  };
  bool complete = false; ///< true: all buckets of the sender; false: some of them
  std::vector<item> buckets{};
};

/// Requests the activity of a bucket, acknowledges what was applied, and renews the window.
struct follow {
  std::string bucket{};
  uint64_t stream = 0; ///< a larger number starts a new stream at `from`
  checkpoint from{};   ///< what the sender of this frame has of the receiver's log
  uint64_t taken = 0;  ///< everything up to this sequence is applied, or known
  uint64_t window = 0; ///< bytes that may be in flight beyond `taken`
  /// With a new stream: send the digests of documents, to show where the buckets differ.
  bool digests = false;
};

/// The sender does not serve this bucket, or its stream has to start over.
struct leave {
  std::string bucket{};
};

/// One new revision of an activity entry.
struct peer_change {
  revision rev{};
  revision parent{};
  bool deleted = false;
  bool foreign = false;
  std::optional<std::string> body{}; ///< if it is sent with the entry
  /// claim_of a leaf that was made elsewhere. (A node that does not support claims sends none.)
  std::optional<hash128> claim{};
  bool differs = false; ///< not sent: fetch the document, whatever is known of it
  bool came = false;    ///< not sent: a part of the document that arrived has it
};

struct peer_entry {
  uint64_t sequence = 0;
  std::string id{};
  std::vector<peer_change> changes{};
  std::optional<hash128> digest{}; ///< of the document, with its last entry, if requested
};

/// A range of the sender's activity log: all entries of (after, through] that no later entry has
/// superseded.
struct activity {
  std::string bucket{};
  uint64_t stream = 0;
  hash128 log_id{};
  bool restart = false; ///< the receiver's checkpoint does not fit this log: the stream began at 0
  uint64_t after = 0;
  uint64_t through = 0;
  hash128 chain{};   ///< of the entry `through`
  uint64_t last = 0; ///< the sender's last sequence
  std::vector<peer_entry> entries{};
};

/// Asks for documents.
struct fetch_documents {
  /// A live leaf that was made elsewhere, as the sender of this frame has it.
  struct claimed_leaf {
    revision rev{};
    hash128 claim{};
  };
  struct item {
    std::string id{};
    std::vector<revision> leaves{}; ///< live leaves that the sender of this frame has, by name
    std::vector<claimed_leaf> elsewhere{}; ///< leaves whose names do not identify their content
    revision after{}; ///< request only the branches of leaves after it, newest first
  };
  std::string bucket{};
  std::vector<item> documents{};
  /// A large document may be sent branch by branch; false: from an older node.
  bool in_parts = true;
};

/// Answers `fetch_documents`: some of the requested documents, in order; the receiver requests the
/// rest again.
struct documents {
  struct sent_body {
    revision rev{};
    uint64_t size = 0;
    std::optional<std::string> body{}; ///< empty: the receiver has to request it in parts
  };
  struct sent {
    std::string id{};
    std::string
        tree{}; ///< encoded; empty: no such document, or no leaf after fetch_documents::item::after
    std::vector<sent_body> bodies{};
    revision next{}; ///< if not empty: there is more; request it with this as `after`
  };
  std::string bucket{};
  std::vector<sent> items{};
};

/// Requests a part of a large body.
struct fetch_part {
  std::string bucket{};
  std::string id{};
  revision rev{};
  uint64_t offset = 0;
};

struct part {
  std::string bucket{};
  std::string id{};
  revision rev{};
  uint64_t offset = 0;
  uint64_t size = 0; ///< of the whole body; 0: no longer a leaf
  std::string bytes{};
};

using frame = std::variant<hello, goodbye, bucket_digests, follow, leave, activity, fetch_documents,
                           documents, fetch_part, part>;

/// A frame with its envelope.
struct addressed_frame {
  uint64_t session = 0; ///< the receiver's, from its hello; 0: unknown so far
  frame content{};
};

/// Writes the checksum of a frame into its envelope, if the frame has one. Call it after changing
/// the bytes of a frame.
void seal_frame(std::string& bytes);

/// The bytes of a frame. `compress`: with zstd, if that makes it smaller.
std::string encode_frame(const addressed_frame& what, bool compress);

/// Reads a frame. `most`: maximum size in bytes after decompression. Errors: bad_request (no frame
/// of this protocol, one that was damaged in transit, or a field that breaks its rules), not_found
/// (an unknown type, which the receiver ignores), too_large.
result<addressed_frame> decode_frame(std::string_view bytes, size_t most);

} // namespace treadmill::replication
