#pragma once
#include "net/replication/peer_budget.hpp"
#include "net/replication/replication_defaults.hpp"
#include "net/replication/replication_link.hpp"
#include "storage/base/back_off.hpp"
#include "storage/documents/features.hpp"
#include <algorithm>
#include <map>
#include <string>
#include <utility>

/// State and helpers that the parts of a link share. Only those parts include this file.
namespace treadmill::replication {

/// How long to wait for an answer: twice what recent answers took. Each repeated request doubles
/// the wait until one is answered.
class answer_time {
public:
  ticks wait() const {
    return std::clamp(2 * lately_ * (1 << repeats_), defaults::retry_first * (1 << repeats_),
                      defaults::retry_most);
  }
  void repeated() { repeats_ = std::min(repeats_ + 1, 2); }
  /// `took`: time since the request was first sent.
  void answered(ticks took) {
    lately_ = std::max(took, lately_ - lately_ / 8);
    repeats_ = 0;
  }

private:
  ticks lately_{0};
  int repeats_ = 0;
};

/// The bytes of the flow-control window that an entry uses. Both sides compute it the same way.
inline uint64_t window_share(const peer_entry& entry) {
  uint64_t bytes = entry.id.size() + 8;
  for (const peer_change& change : entry.changes)
    bytes += 40 + (change.body ? change.body->size() : 0);
  return bytes;
}

/// The memory that a batch holds while it is being applied.
struct batch_charge {
  held_bytes activity{};
  held_bytes documents{};
  bool fetched = false; ///< it contains fetched documents
};

/// State that both directions of all buckets of a link share.
struct link_context {
  link_options options{};
  const local_rows* rows = nullptr;
  effects out{};
  uint64_t peer_session = 0;           ///< 0: unknown
  uint64_t version = protocol_version; ///< of the protocol, in this session
  bool compress = false;               ///< the peer reads compressed frames
  bool patient = false;                ///< other links exist that may bring the same documents
  /// The last stream number. All buckets of a link draw from this counter, and it starts at the
  /// current time, so that a delayed frame of an earlier link with the same peer never has a larger
  /// number.
  uint64_t streams = 0;
  std::string peer_id{};
  answer_time answers{};
  // Counters and lists of link_status.
  uint64_t entries_in = 0;
  uint64_t documents_in = 0;
  uint64_t fetched = 0;
  uint64_t rejected = 0;
  uint64_t restarts = 0;
  uint64_t rescans = 0;
  uint64_t refused_documents = 0;
  std::vector<std::string> refused{};
  uint64_t cuts = 0;
  uint64_t held = 0;      ///< bytes of activity and documents that are not applied yet
  uint64_t assembled = 0; ///< the share of `held` for bodies that arrive in parts
  /// Bytes reserved for documents that buckets requested and that have not arrived.
  uint64_t expected = 0;
  bool crowded = false; ///< a bucket found no room for documents: others let it go first
  std::string turn{};   ///< the last bucket that requested documents or a body
  bool useful = false;  ///< the current frame brought what this side had asked for
  uint64_t tickets = 0; ///< the last ticket, of batches of all buckets
  /// The bytes of batches that are being applied, by bucket and ticket. They count until the batch
  /// is answered, even if its stream was abandoned meanwhile.
  std::map<std::pair<uint32_t, uint64_t>, batch_charge> applying{};

  /// The features of a bucket that this session cannot carry: the bucket is withheld if there is
  /// one.
  uint64_t beyond(const bucket_state& state) const {
    return version >= 2 ? 0 : state.features & feature::beyond_protocol_1;
  }
  /// Whether the bucket is withheld, as those rows have it. If the state cannot be read, it is.
  bool withholds(const row_view& from, uint32_t bucket) const {
    if (version >= 2) return false;
    const auto state = read_state(from, bucket);
    return !state || beyond(*state) != 0;
  }

  /// Whether fetched documents of the bucket are being applied.
  bool applies_fetched(uint32_t bucket) const {
    return std::any_of(applying.lower_bound({bucket, 0}),
                       applying.upper_bound({bucket, UINT64_MAX}),
                       [](const auto& item) { return item.second.fetched; });
  }
  /// True if no document of the peer is requested, arriving in parts, or being applied after a
  /// fetch.
  bool is_idle() const {
    return expected == 0 && assembled == 0 &&
           std::none_of(applying.begin(), applying.end(),
                        [](const auto& item) { return item.second.fetched; });
  }

  /// How many bytes of a bucket's activity may be in flight.
  uint64_t window() const {
    return held < defaults::held_bytes / 2 ? defaults::window_bytes : defaults::small_window_bytes;
  }
  /// Cuts the connection because the peer exceeded a bound.
  void cut(std::string why) {
    ++cuts;
    if (out.cut.empty()) out.cut = std::move(why);
  }
  /// How long to wait for an answer to a request sent now. Up to a quarter is random, so that
  /// repeated requests do not stay in step with a periodic cause of loss.
  ticks answer_wait() const {
    const ticks wait = answers.wait();
    return wait + wait * static_cast<int64_t>(options.random() % 1024) / 4096;
  }
  void send(frame content) {
    out.frames.push_back(encode_frame({peer_session, std::move(content)}, compress));
  }
};

} // namespace treadmill::replication
