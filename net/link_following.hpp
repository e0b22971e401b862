#pragma once
#include "net/link_claims.hpp"
#include "net/link_context.hpp"
#include "net/replication_defaults.hpp"
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

namespace treadmill::replication {

/// Follows one bucket of a peer: takes in its activity in order, asks for the documents that are
/// not known here, has them applied, and moves the checkpoint behind them.
///
/// Operation: `received_` is how far the log came in order; `stored_` how far it is applied, or
/// known. Between them lie the batches of `queue_`. Whatever goes wrong, all of them are forgotten
/// and a new stream begins at `stored_`.
class following {
public:
  /// `from`: the checkpoint that is stored here.
  following(link_context& shared, bucket_info bucket, checkpoint from);

  const bucket_info& bucket() const { return bucket_; }

  // Events
  void announced(const heads::head& head, ticks now);
  void taken_in(activity&& what, ticks now);
  void delivered(documents&& what, ticks now);
  void delivered(part&& what, ticks now);
  void applied(uint64_t ticket, ec code, ticks now,
               const std::vector<std::string>& refused_ids = {});
  void tick(ticks now);
  /// Some of what is held for the peer is released: asks for what found no room.
  void use_room(ticks now);
  /// A new session: whatever was on its way is lost.
  void begin_session(ticks now);
  /// The peer has no such bucket any more.
  void stopped(ticks now);
  /// The peer has announced the bucket, and taken in its log here up to `taken`.
  void compare(uint64_t taken, ticks now);

  ticks due() const;
  bool caught_up() const;
  bucket_progress progress(ticks now) const;

  /// Documents of which revisions are known that are not applied yet.
  size_t documents_on_their_way() const { return pending_.size(); }

private:
  /// Revisions of a document that are on their way: known as soon as their batch is applied.
  struct on_their_way {
    std::vector<known_claim> revisions{};
    uint64_t batch = 0; ///< the last one that brings some
  };
  using documents_by_id = std::unordered_map<std::string, on_their_way>;
  /// A stretch of the log that came, until it is applied.
  struct batch {
    uint64_t number = 0; ///< 1, 2, 3 …
    checkpoint reached{};
    std::vector<replicated_document> documents{};
    /// What it brings. Items of the map do not move, and stay until the last batch that brings some
    /// of theirs is applied.
    std::vector<const documents_by_id::value_type*> pending{};
    /// The revisions of documents that have to be fetched, by id: as the peer told of them.
    std::map<std::string, std::vector<peer_change>> missing{};
    size_t bytes = 0;
    uint64_t share = 0; ///< of the window
    held_bytes held{};
    held_bytes fetched{};       ///< of its documents that were asked for
    uint64_t fetched_bytes = 0; ///< the same
    bool in_parts = false;      ///< some of its documents went ahead of it
    uint64_t ticket = 0;        ///< 0: not handed over
    bool done = false;
  };
  /// A document that is asked for.
  struct wanted {
    ticks at{0}; ///< when to ask; again, where that is past
    bool asked = false;
    revision after{};    ///< what came of it already, see want
    uint32_t newest = 0; ///< the largest number of a revision of what came
  };
  /// A document, or a part of one, whose bodies come in parts.
  struct assembly {
    replicated_document document{};
    std::deque<std::pair<revision, uint64_t>> left{}; ///< leaves and the sizes of their bodies
    std::string body{};                               ///< of the first of them, as far as it came
    wanted next{};                                    ///< what to ask for then, where there is more
    held_bytes held{};
    held_bytes body_held{};
    held_bytes counted{}; ///< the same, among the bodies that are being put together
    ticks asked_at{0};
  };
  /// The document that an entry was about last: entries of one often follow each other.
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
  bool ask_for(const std::string& id, const row_view& rows, want& asked, ticks now);
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
  void hand_over();
  void go_ahead(batch& waiting);
  void submit(batch& of, std::vector<replicated_document> left, bool whole);
  void pop_done(ticks now);
  void note_soon(ticks now);

  link_context& shared_;
  bucket_info bucket_;
  checkpoint stored_{};
  checkpoint received_{};
  checkpoint written_{}; ///< stored with a batch, or noted
  uint64_t stream_ = 0;
  bool streaming_ = false; ///< the stream was asked for in this session
  bool answered_ = false;  ///< and has begun to come
  bool gone_ = false;      ///< the peer has no such bucket, until it announces one
  uint64_t restarted_ = 0; ///< the stream that began with a restart
  ticks ticked_at_{0};     ///< the last `tick`
  ticks begun_at_{0};      ///< when the stream was asked for
  ticks again_at_{0};      ///< when to ask for it again
  back_off retry_{defaults::retry_first, defaults::retry_most};
  std::deque<batch> queue_{};
  uint64_t queued_share_ = 0; ///< of the window, together
  uint64_t run_ = 0;          ///< of batches that rest on each other; 0: the next one begins a run
  std::set<uint64_t> applying_{}; ///< tickets of this stream that are not answered
  std::map<std::string, wanted> wanted_{};
  bool asking_ = false; ///< documents were asked for, and have not come
  held_bytes expected_{};
  ticks asked_at_{0};
  ticks ask_again_at_{0};
  std::map<std::string, assembly> assembling_{};
  std::string assembled_{}; ///< whose body is being put together; empty: none
  documents_by_id pending_{};
  uint64_t last_batch_ = 0;
  uint64_t peer_sequence_ = 0;
  hash128 peer_log_{};
  uint64_t head_sequence_ = 0; ///< with this digest
  hash128 peer_digest_{};
  ticks behind_since_{-1};
  uint64_t unacknowledged_ = 0;
  ticks acknowledge_at_{-1};
  ticks note_at_{-1};
  ticks noted_at_{0};
  // Unequal digests at rest.
  uint64_t rest_sequence_ = 0;
  uint64_t rest_own_ = 0;
  int rest_seen_ = 0;
  ticks rescan_after_{0};
  bool refused_some_ = false;
  std::set<std::string> refused_{}; ///< above a limit of this node: not asked for in this session
  bool rescans_ = false;            ///< all documents are compared, until it has caught up
  std::string problem_{};           ///< why nothing more is taken in; empty: it is
};

} // namespace treadmill::replication
