#pragma once
#include "storage/checkpoint.hpp"
#include "storage/hash.hpp"
#include "storage/replicated.hpp"
#include "storage/result.hpp"
#include "storage/revision.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The frames that two nodes exchange (net/README.md, "Peer protocol"), as plain structs with their
/// codec. Every decode is total: any bytes give a frame or an error. What follows the fields that
/// are known here is ignored, so that a newer node may add some.
namespace treadmill::replication {

/// The protocol that is spoken here, and the oldest that is understood.
inline constexpr uint64_t protocol_version = 1;
inline constexpr uint64_t protocol_oldest = 1;

/// The first frame of each side, and its answer; sent again until the other side's session is
/// known.
struct hello {
  uint64_t session = 0;  ///< of the sender's link: random, new at every greeting
  uint64_t instance = 0; ///< of the sender's process: random, new at every start
  uint64_t oldest = protocol_oldest;
  uint64_t newest = protocol_version;
  std::string node_id{};
  std::string name{};
  std::string zmq_uri{};   ///< where the sender can be dialled; empty: nowhere
  bool invites = false;    ///< an operator asked for this link, even where it was ended before
  bool zstd = false;       ///< the sender reads compressed frames
  bool all_buckets = true; ///< else only `buckets`
  std::vector<std::string> buckets{};
};

/// Why a link is not made, or ends.
enum class parting : uint8_t {
  removed = 1,       ///< an operator ended it: the receiver forgets the peer, too
  ending = 2,        ///< the sender's process ends; it will be back
  itself = 3,        ///< the two are one process
  same_identity = 4, ///< another node with the sender's or the receiver's node id is connected
  same_name = 5,     ///< another peer has the receiver's name
  version = 6,       ///< no common protocol version
  too_many = 7,      ///< the sender has all the peers that it takes
};
inline constexpr parting last_parting = parting::too_many;
/// A phrase for people.
std::string_view to_string(parting why);

struct goodbye {
  parting why = parting::ending;
};

/// How far the sender's buckets are; also its sign of life.
struct heads {
  struct head {
    std::string bucket{};
    hash128 log_id{};
    uint64_t sequence = 0;
    hash128 digest{};
  };
  bool complete = false; ///< all buckets of the sender, not only those that changed
  std::vector<head> buckets{};
};

/// Asks for the activity of a bucket, acknowledges what was taken in, and renews the credit.
struct follow {
  std::string bucket{};
  uint64_t stream = 0; ///< a larger one starts anew, at `from`
  checkpoint from{};   ///< what the sender of this frame has of the receiver's log
  uint64_t taken = 0;  ///< everything up to this sequence is applied, or known
  uint64_t window = 0; ///< bytes that may be on their way beyond `taken`
  bool digests =
      false; ///< of the documents, with a new stream: the buckets differ, and it shall show where
};

/// The sender does not follow the bucket any more.
struct leave {
  std::string bucket{};
};

/// One new revision of an activity entry.
struct peer_change {
  revision rev{};
  revision parent{};
  bool deleted = false;
  bool foreign = false;
  std::optional<std::string> body{}; ///< where it travels along
  /// claim_of a leaf that was made elsewhere. (A node that knows nothing of claims sends none.)
  std::optional<hash128> claim{};
  bool differs = false; ///< not sent: the document is to be fetched, whatever is known of it
  bool came = false;    ///< not sent: a part of the document that came has it
};

struct peer_entry {
  uint64_t sequence = 0;
  std::string id{};
  std::vector<peer_change> changes{};
  std::optional<hash128> digest{}; ///< of the document, with its last entry, where it was asked for
};

/// A stretch of the sender's activity log: all of (after, through] that a later entry has not
/// superseded.
struct activity {
  std::string bucket{};
  uint64_t stream = 0;
  hash128 log_id{};
  bool restart = false; ///< the receiver's checkpoint is not of this log: the stream began at 0
  uint64_t after = 0;
  uint64_t through = 0;
  hash128 chain{};   ///< of the entry `through`
  uint64_t last = 0; ///< the sender's last sequence
  std::vector<peer_entry> entries{};
};

/// Asks for documents.
struct want {
  /// A live leaf that was made elsewhere, as the sender of this frame has it.
  struct claimed_leaf {
    revision rev{};
    hash128 claim{};
  };
  struct wanted {
    std::string id{};
    std::vector<revision> leaves{}; ///< live ones that the sender of this frame has, by their names
    std::vector<claimed_leaf> elsewhere{}; ///< those whose names do not say what they are
    revision after{}; ///< only the branches of leaves that come after it, newest first
  };
  std::string bucket{};
  std::vector<wanted> documents{};
  bool in_parts = true; ///< a large document may come branch by branch; false: of an older node
};

/// Answers `want`: some of what was asked for, in order; the rest is to be asked for again.
struct documents {
  struct sent_body {
    revision rev{};
    uint64_t size = 0;
    std::optional<std::string> body{}; ///< nothing: to be asked for in parts
  };
  struct sent {
    std::string id{};
    std::string tree{}; ///< encoded; empty: there is no such document
    std::vector<sent_body> bodies{};
    revision next{}; ///< there is more: to be asked for with this as `after`
  };
  std::string bucket{};
  std::vector<sent> items{};
};

/// Asks for a part of a large body.
struct want_part {
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
  uint64_t size = 0; ///< of the whole body; 0: it is no leaf any more
  std::string bytes{};
};

using frame =
    std::variant<hello, goodbye, heads, follow, leave, activity, want, documents, want_part, part>;

/// A frame with its envelope.
struct addressed_frame {
  uint64_t session = 0; ///< the receiver's, as its hello named it; 0: not known yet
  frame content{};
};

/// Writes the checksum of a frame into its envelope, where the frame has one: to be called by who
/// has changed its bytes.
void seal_frame(std::string& bytes);

/// The bytes of a frame. `compress`: with zstd, where that makes it smaller.
std::string encode_frame(const addressed_frame& what, bool compress);

/// Reads a frame. `most`: bytes that it may have when it is unpacked. Errors: bad_request (no frame
/// of this protocol, one that was damaged on its way, or a field that breaks its rules), not_found
/// (a type that is not known here: to be ignored), too_large.
result<addressed_frame> decode_frame(std::string_view bytes, size_t most);

} // namespace treadmill::replication
