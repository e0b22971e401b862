#pragma once
#include "net/replication/link_claims.hpp"
#include "net/replication/link_context.hpp"
#include "net/replication/replication_defaults.hpp"
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

namespace treadmill::replication {

/// Follows one bucket of a peer: receives its activity in order, fetches the documents that are not
/// known here, submits them to be applied, and moves the checkpoint after them.
///
/// Operation: `received_` is the position up to which activity arrived in order; `stored_` is the
/// position up to which it is applied or was known. The batches of `queue_` lie between them. After
/// any failure, `following` discards all of them and starts a new stream at `stored_`.
class following {
public:
  /// `from`: the stored checkpoint.
  following(link_context& shared, bucket_info bucket, checkpoint from);

  const bucket_info& bucket() const { return bucket_; }

  // Events
  void announced(const bucket_digests::item& item, ticks now);
  void taken_in(activity&& what, ticks now);
  void delivered(documents&& what, ticks now);
  void delivered(part&& what, ticks now);
  void applied(uint64_t ticket, ec code, ticks now,
               const std::vector<std::string>& refused_ids = {});
  void tick(ticks now);
  /// Memory held for the peer was released: requests what found no room before.
  void use_room(ticks now);
  /// A new session began: everything in flight is lost.
  void begin_session(ticks now);
  /// The peer no longer has the bucket.
  void stopped(ticks now);
  /// The peer has announced the bucket, and has applied this node's log of it up to `taken`.
  void compare(uint64_t taken, ticks now);

  ticks due() const;
  bool caught_up() const;
  bucket_progress progress(ticks now) const;

  /// Number of documents with revisions that arrived and are not applied yet.
  size_t documents_on_their_way() const { return pending_.size(); }

private:
  /// Revisions of a document that arrived and are not applied yet. The link treats them as known.
  struct on_their_way {
    std::vector<known_claim> revisions{};
    uint64_t batch = 0; ///< number of the last batch that brings some of them
  };
  using documents_by_id = std::unordered_map<std::string, on_their_way>;
  /// A range of the peer's log that arrived and is not applied yet.
  struct batch {
    uint64_t number = 0; ///< 1, 2, 3 …
    checkpoint reached{};
    std::vector<replicated_document> documents{};
    /// The documents that this batch brings, as items of `pending_`. Map items do not move, and
    /// each stays until the last batch that brings revisions of it is applied.
    std::vector<const documents_by_id::value_type*> pending{};
    /// The revisions that have to be fetched, by document id, as the peer described them.
    std::map<std::string, std::vector<peer_change>> missing{};
    size_t bytes = 0;
    uint64_t share = 0; ///< of the window
    held_bytes held{};
    held_bytes fetched{};       ///< of its fetched documents
    uint64_t fetched_bytes = 0; ///< the same, as a number
    bool in_parts = false;      ///< some of its documents were submitted before the rest
    uint64_t ticket = 0;        ///< 0: not submitted
    bool done = false;
  };
  /// A document to fetch.
  struct wanted {
    ticks at{0}; ///< when to request it, or to repeat the request
    bool asked = false;
    revision after{};    ///< the last leaf that arrived, see fetch_documents::item
    uint32_t newest = 0; ///< the largest revision number that arrived
  };
  /// A document, or a part of one, whose bodies arrive in parts.
  struct assembly {
    replicated_document document{};
    /// Leaves whose bodies are missing, and the sizes of those bodies.
    std::deque<std::pair<revision, uint64_t>> left{};
    std::string body{}; ///< the bytes that arrived of the first one
    wanted next{};      ///< what to request afterwards, if the document has more parts
    held_bytes held{};
    held_bytes body_held{};
    held_bytes counted{}; ///< the bytes of `body_held`, counted in link_context::assembled
    ticks asked_at{0};
  };
  /// The document of the previous entry: consecutive entries often concern the same one.
  struct looked_up {
    std::string id{};
    std::optional<local_document> here{};
  };
  enum class knowledge : uint8_t { known, extends, unknown };

  void begin_stream(ticks now);
  void start_over(ticks now);
  void fall_back(ticks now);
  void reject(ticks now);
  void acknowledge(ticks now);
  result<void> look_at(peer_entry&& entry, const row_view& rows, looked_up& last, batch& into,
                       ticks now);
  result<knowledge> look_at(const peer_change& change, const std::string& id,
                            const std::optional<local_document>& here, const row_view& rows) const;
  bool knows(const std::string& id, const revision& rev,
             const std::optional<local_document>& here) const;
  result<bool> knows_all(const peer_change& told, const std::string& id,
                         const std::optional<local_document>& here, const row_view& rows) const;
  bool take_changes(replicated_document&& made, batch& into);
  void note_pending(const replicated_document& document, batch& brought_by);
  void forget_pending(const batch& applied);
  void go_on(ticks now);
  void ask(ticks now);
  bool ask_for(const std::string& id, const row_view& rows, fetch_documents& asked, ticks now);
  bool is_asked(const documents::sent& item) const;
  bool settle(documents::sent&& item, ticks now);
  bool finish(assembly&& whole, ticks now);
  bool may_fetch() const;
  bool may_assemble(uint64_t size) const;
  void stop_asking();
  void begin_assembly(ticks now);
  void ask_part(const std::string& id, assembly& of, ticks now);
  ec take_body(const std::string& id, assembly& of);
  void attach(replicated_document&& document, batch& to);
  void note_came(const replicated_document& part);
  void complete(replicated_document&& document, uint32_t newest, ticks now);
  void give_up(const std::string& id);
  void leave_out(const std::string& id);
  void refused(const std::string& id);
  void resolve(const std::string& id);
  batch* first_waiting_for(const std::string& id);
  bool lacks() const;
  size_t queued_bytes() const;
  bool has_room(ticks now);
  batch& open_batch();
  void submit();
  void go_ahead(batch& waiting);
  void submit(batch& of, std::vector<replicated_document> left, bool whole);
  void pop_done(ticks now);
  void note_soon(ticks now);

  link_context& shared_;
  bucket_info bucket_;
  checkpoint stored_{};
  checkpoint received_{};
  checkpoint written_{}; ///< the checkpoint as last written, with a batch or by note_checkpoint
  uint64_t stream_ = 0;
  bool streaming_ = false; ///< the stream was requested in this session
  bool answered_ = false;  ///< the stream has begun to arrive
  bool gone_ = false;      ///< the peer has no such bucket until it announces one
  uint64_t restarted_ = 0; ///< number of the stream that began with a restart
  ticks ticked_at_{0};     ///< time of the last `tick`
  ticks begun_at_{0};      ///< when the stream was requested
  ticks again_at_{0};      ///< when to request it again
  back_off<ticks> retry_{defaults::retry_first, defaults::retry_most};
  std::deque<batch> queue_{};
  uint64_t queued_share_ = 0;     ///< bytes of the window that `queue_` uses
  uint64_t run_ = 0;              ///< the run of dependent batches; 0: the next batch starts a run
  std::set<uint64_t> applying_{}; ///< unanswered tickets of this stream
  std::map<std::string, wanted> wanted_{};
  bool asking_ = false; ///< documents were requested and have not arrived
  held_bytes expected_{};
  ticks asked_at_{0};
  ticks ask_again_at_{0};
  std::map<std::string, assembly> assembling_{};
  std::string assembled_{}; ///< id of the document whose body is arriving; empty: none
  documents_by_id pending_{};
  uint64_t last_batch_ = 0;
  uint64_t peer_sequence_ = 0;
  hash128 peer_log_{};
  uint64_t head_sequence_ = 0; ///< the sequence of peer_digest_
  hash128 peer_digest_{};
  ticks behind_since_{-1};
  uint64_t unacknowledged_ = 0;
  ticks acknowledge_at_{-1};
  ticks note_at_{-1};
  ticks noted_at_{0};
  // Detection of different digests while nothing is in flight, see compare.
  uint64_t rest_sequence_ = 0;
  uint64_t rest_own_ = 0;
  int rest_seen_ = 0;
  ticks rescan_after_{0};
  bool refused_some_ = false;
  /// Above a limit of this node: not requested again in this session.
  std::set<std::string> refused_{};
  bool rescans_ = false;  ///< compares all documents until it has caught up
  std::string problem_{}; ///< why the link makes no progress; empty: no problem
};

} // namespace treadmill::replication
