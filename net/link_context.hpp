#pragma once
#include "net/peer_budget.hpp"
#include "net/replication_defaults.hpp"
#include "net/replication_link.hpp"
#include <algorithm>
#include <map>
#include <string>
#include <utility>

/// What the parts of a link share; included by them alone.
namespace treadmill::replication {

/// How long an answer may take: twice what one took lately, and doubled by each request that is
/// repeated, until one is answered.
class answer_time {
public:
  ticks wait() const {
    return std::clamp(2 * lately_ * (1 << repeats_), defaults::retry_first * (1 << repeats_),
                      defaults::retry_most);
  }
  void repeated() { repeats_ = std::min(repeats_ + 1, 2); }
  /// `took`: since the request was sent for the first time.
  void answered(ticks took) {
    lately_ = std::max(took, lately_ - lately_ / 8);
    repeats_ = 0;
  }

private:
  ticks lately_{0};
  int repeats_ = 0;
};

/// What an entry counts of the window, for both sides.
inline uint64_t window_share(const peer_entry& entry) {
  uint64_t bytes = entry.id.size() + 8;
  for (const peer_change& change : entry.changes)
    bytes += 40 + (change.body ? change.body->size() : 0);
  return bytes;
}

/// What a batch holds while it is being applied.
struct batch_charge {
  held_bytes activity{};
  held_bytes documents{};
  bool fetched = false; ///< it has documents that were asked for
};

/// Of the two directions of all buckets of a link.
struct link_context {
  link_options options{};
  const local_rows* rows = nullptr;
  effects out{};
  uint64_t peer_session = 0; ///< 0: not known
  bool compress = false;     ///< the peer reads it
  bool patient = false;      ///< other links are there
  /// The last number of a stream. Those of all buckets grow together, and begin with the time, so
  /// that no frame of an earlier link between the two, coming late, has a larger one.
  uint64_t streams = 0;
  std::string peer_id{};
  answer_time answers{};
  // Counted, see link_status.
  uint64_t entries_in = 0;
  uint64_t documents_in = 0;
  uint64_t fetched = 0;
  uint64_t rejected = 0;
  uint64_t restarts = 0;
  uint64_t rescans = 0;
  uint64_t refused_documents = 0;
  std::vector<std::string> refused{};
  uint64_t cuts = 0;
  uint64_t held = 0;      ///< bytes of activity and documents, until they are applied
  uint64_t assembled = 0; ///< of them, those of bodies that come in parts
  uint64_t expected = 0;  ///< bytes of documents that buckets asked for and that have not come
  bool crowded = false;   ///< a bucket found no room for documents: others let it go first
  std::string turn{};     ///< the bucket that asked for documents, or a body, last
  bool useful = false;    ///< the frame that is being looked at brought what was asked for
  uint64_t tickets = 0;   ///< of batches of all buckets: the last one
  /// The bytes of batches that are being applied, by bucket and ticket: counted until the answer
  /// comes, even if their stream was given up meanwhile.
  std::map<std::pair<uint32_t, uint64_t>, batch_charge> applying{};

  /// Documents of the bucket that were asked for are being applied.
  bool applies_fetched(uint32_t bucket) const {
    return std::any_of(applying.lower_bound({bucket, 0}),
                       applying.upper_bound({bucket, UINT64_MAX}),
                       [](const auto& item) { return item.second.fetched; });
  }
  /// No document of the peer is asked for, comes in parts, or is being applied after that.
  bool is_idle() const {
    return expected == 0 && assembled == 0 &&
           std::none_of(applying.begin(), applying.end(),
                        [](const auto& item) { return item.second.fetched; });
  }

  /// What may be on its way of a bucket's activity.
  uint64_t window() const {
    return held < defaults::held_bytes / 2 ? defaults::window_bytes : defaults::small_window_bytes;
  }
  /// The peer broke a bound.
  void cut(std::string why) {
    ++cuts;
    if (out.cut.empty()) out.cut = std::move(why);
  }
  /// How long to wait for an answer to what is sent now; a part is left to chance, so that nothing
  /// keeps in step with what makes it get lost.
  ticks answer_wait() const {
    const ticks wait = answers.wait();
    return wait + wait * static_cast<int64_t>(options.random() % 1024) / 4096;
  }
  void send(frame content) {
    out.frames.push_back(encode_frame({peer_session, std::move(content)}, compress));
  }
};

/// A wait that grows with every time that it was in vain.
class back_off {
public:
  back_off(ticks first, ticks most) : first_(first), most_(most), next_(first) {}
  void reset() { next_ = first_; }
  /// The next wait; half of it is left to chance, so that nodes do not move in step.
  ticks wait(uint64_t random) {
    const ticks wait = next_ / 2 + next_ * static_cast<int64_t>(random % 1024) / 2048;
    next_ = std::min(next_ * 2, most_);
    return wait;
  }

private:
  ticks first_;
  ticks most_;
  ticks next_;
};

} // namespace treadmill::replication
