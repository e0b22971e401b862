#pragma once
#include "net/replication/link_context.hpp"
#include "storage/engine/rows.hpp"
#include <deque>
#include <set>

namespace treadmill::replication {

/// Serves one bucket of this node to a peer that follows it: sends the activity log from where the
/// peer asked, within the peer's window. Every `follow` frame brings all state that it needs.
class serving {
public:
  serving(link_context& shared, bucket_info bucket) : shared_(shared), bucket_(std::move(bucket)) {}

  void asked(const follow& what, ticks now);
  enum class outcome : uint8_t {
    done,
    more,       ///< more to send, after other events
    unreadable, ///< rows cannot be read now: the store is briefly closed
    withheld,   ///< the session cannot carry the bucket; the stream is over
  };
  /// Sends as much as the window and `served_at_once` allow.
  outcome serve();
  /// True if the peer has acknowledged more than it was sent for `believed_after`: it has to start
  /// over.
  bool contradicted(ticks now) const;
  uint64_t taken() const { return taken_; }
  /// Why it cannot continue; empty: no problem.
  const std::string& problem() const { return problem_; }
  uint64_t sequence() const { return sequence_; } ///< of this node's log, at the last `serve`
  const bucket_info& bucket() const { return bucket_; }

private:
  struct sent_batch {
    uint64_t through = 0;
    uint64_t bytes = 0;
  };
  struct slice;

  result<bool> fits(const row_view& rows, const checkpoint& from, const bucket_state& state) const;
  void begin(const follow& what);
  void stop();
  bool is_late(const follow& what, ticks now);
  result<slice> read_slice(const row_view& rows, const bucket_state& state) const;
  result<void> look_up(const row_view& rows, const activity_entry& logged, slice& made) const;
  result<void> append(const row_view& rows, const activity_entry& logged, slice& made) const;
  result<void> append_entry(const row_view& rows, const activity_entry& logged, slice& made) const;
  bool serve_slice(const row_view& rows, const bucket_state& state);

  link_context& shared_;
  bucket_info bucket_;
  uint64_t stream_ = 0; ///< 0: the peer does not follow
  uint64_t window_ = 0;
  uint64_t taken_ = 0;
  uint64_t sequence_ = 0;
  checkpoint sent_{}; ///< the position up to which it has sent
  /// The start of a new stream, until `serve` has compared it with the log.
  std::optional<checkpoint> from_{};
  bool restart_ = false; ///< the stream began at 0, because the checkpoint did not fit
  bool digests_ = false; ///< the peer requested the digests of the documents
  bool answer_ = false;  ///< answer a new stream even if there is nothing to send
  std::deque<sent_batch> on_their_way_{};
  uint64_t bytes_on_their_way_ = 0;
  ticks late_since_{-1};    ///< since when it has requested only an older stream
  ticks claimed_since_{-1}; ///< since when it has acknowledged more than it was sent
  std::string problem_{};
};

/// Answer requests for documents and for parts of bodies; they keep no state.
void serve_documents(link_context& shared, const bucket_info& bucket, const fetch_documents& asked);
void serve_part(link_context& shared, const bucket_info& bucket, const fetch_part& asked);

} // namespace treadmill::replication
