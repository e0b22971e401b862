#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// Time since any fixed moment.
using ticks = std::chrono::milliseconds;

enum class link_state : uint8_t { connecting, catching_up, live, unreachable };
std::string_view to_string(link_state state);

struct bucket_progress {
  std::string bucket{};
  uint64_t sequence = 0; ///< of the peer's log, applied here
  uint64_t behind = 0;   ///< entries of the peer's log that are not applied yet
  ticks lag{0};          ///< how long there have been such entries
  /// Entries of this node's log that the peer has not acknowledged, as far as this node knows;
  /// empty: this node does not know.
  std::optional<uint64_t> peer_behind{};
  std::string reason{}; ///< why one of the directions makes no progress; empty: no problem
};

/// The status of a link, for operators.
struct link_status {
  link_state state = link_state::connecting;
  std::string reason{}; ///< of unreachable
  std::string peer_name{};
  std::string peer_id{};
  std::string peer_uri{}; ///< as the peer advertises it
  uint64_t sequence_number = 0;
  uint64_t behind = 0;
  uint64_t peer_behind = 0; ///< entries of this node's logs that the peer is not known to have
  ticks lag{0};
  ticks last_seen{0}; ///< when the last frame arrived
  uint64_t entries_in = 0;
  uint64_t documents_in = 0;
  uint64_t fetched = 0;  ///< documents requested because their entries did not bring them whole
  uint64_t rejected = 0; ///< frames that break the protocol or a rule
  uint64_t restarts = 0; ///< from 0, because the peer's log is not the one followed before
  uint64_t rescans = 0;  ///< from 0, because digests differed although nothing was in flight
  std::vector<std::string> refused{}; ///< "bucket/id": above a limit of this node, or damaged
  uint64_t refused_documents = 0;
  /// Buckets of the peer that exceed this node's limit of buckets: some of their names, and their
  /// number (about).
  std::vector<std::string> refused_buckets{};
  uint64_t refused_bucket_count = 0;
  uint64_t held_bytes = 0; ///< of its activity and documents, in memory
  uint64_t waited = 0;     ///< frames delayed because the peer had used up its work budget
  uint64_t cuts = 0;       ///< times the connection was cut because the peer exceeded a bound
  std::vector<bucket_progress> buckets{};
};

} // namespace treadmill
