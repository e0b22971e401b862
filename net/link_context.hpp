#pragma once
#include "net/replication_link.hpp"
#include <algorithm>
#include <string>
#include <utility>

/// What the parts of a link share; included by them alone.
namespace treadmill::replication {

/// Of the two directions of all buckets of a link.
struct link_context {
  link_options options{};
  const local_rows* rows = nullptr;
  effects out{};
  uint64_t peer_session = 0; ///< 0: not known
  bool compress = false;     ///< the peer reads it
  bool patient = false;      ///< other links are there
  uint64_t streams = 0;      ///< the last number of a stream; those of all buckets grow together
  std::string peer_id{};
  // Counted, see link_status.
  uint64_t entries_in = 0;
  uint64_t documents_in = 0;
  uint64_t fetched = 0;
  uint64_t rejected = 0;
  uint64_t restarts = 0;
  uint64_t rescans = 0;
  uint64_t refused_documents = 0;
  std::vector<std::string> refused{};

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
