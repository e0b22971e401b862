#pragma once
#include "storage/checkpoint.hpp"
#include "storage/json.hpp"
#include "storage/replicated.hpp"
#include "storage/result.hpp"
#include "storage/row_batch.hpp"
#include "storage/rows.hpp"
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace treadmill {

/// One write of one document, as a client asks for it.
struct write_op {
  enum class kind : uint8_t {
    create, ///< POST: conflict where the id is live
    put,    ///< replace or create
    patch,  ///< merge `body` into what is there (RFC 7396)
    remove, ///< a tombstone: on `rev`, or on every live leaf
  };
  enum class only : uint8_t {
    always,
    if_missing, ///< If-None-Match: *
    if_there,   ///< If-Match: *
  };
  kind what = kind::put;
  only when = only::always;
  std::string id; ///< checked by the caller
  bool made_here =
      false; ///< the id was just made for this write: nothing can be there, so it is not looked up
  std::optional<revision> rev; ///< must be a live leaf
  std::string body;            ///< stored form; the patch of a `patch`; nothing for a `remove`
  /// A document that was refused before it came here (a bad id in a bulk, say): answered as it is,
  /// in its place.
  std::optional<error> refused;
};

/// Writes that are asked for together; each sees those before it.
struct write_group {
  std::vector<write_op> ops;
  bool atomic = false; ///< all or none
};

/// What a bucket does not go beyond.
struct bucket_limits {
  json_limits json{}; ///< of what a patch may make
  size_t queries = defaults::queries;
  size_t atomic_bytes = defaults::atomic_bytes; ///< of the rows of a group
};

struct write_outcome {
  std::string id;
  revision rev{}; ///< the new revision; at a conflict the current winner
  error problem{ec::none, {}};
  bool created = false; ///< the document was not there (or deleted)
  bool ok() const { return problem.code == ec::none; }
};

/// The outcomes of a group that is applied all or none and was refused at its last outcome: all
/// others are not_applied.
std::vector<write_outcome> refuse_others(const write_group& group,
                                         std::vector<write_outcome> outcomes);

/// Orders the writes of one bucket: checks revisions, grows the trees, numbers the activity, keeps
/// digest and counts. A plain state machine: no clock, no thread, no disk; rows are read through
/// `row_reader`, and written into a batch that the caller commits.
///
/// Operation: `apply` works on the state after everything applied before it, committed or not: rows
/// of uncommitted batches are kept in an overlay. `take_batch` closes the batch; `committed` drops
/// its part of the overlay. After a failed commit the caller drops the whole object and makes a new
/// one from what is stored.
///
/// **Errors**: an outcome's problem; beside those of the rules, what `row_reader` or the decoding
/// of a row answers (io_error, corrupt, …): that op then changed nothing.
/// **Units and limits**: the cost of an op does not grow with the history of its document; it grows
/// with its leaves, and rarely with all nodes of its tree, which are bounded (tree_limits).
class bucket_core {
public:
  using row_reader = std::function<result<std::optional<std::string>>(std::string_view key)>;

  bucket_core(uint32_t bucket, bucket_state state, row_reader read, bucket_limits limits = {});

  /// Applies the ops in order; the outcomes are in the same order. With `atomic`, all are applied
  /// or none: at the first that is refused the rest is not tried, and all others have the problem
  /// not_applied; rows, state and overlay are then as they were.
  std::vector<write_outcome> apply(const write_group& group);
  /// One op alone: a caller that applies a group op by op can do other things in between: take
  /// batches, where it is not atomic.
  write_outcome apply(const write_op& op);

  /// What is applied and merged from here on is kept as a whole by `keep_group`, or forgotten as a
  /// whole by `undo_group`: rows, state and overlay are then as they were. No batch may be taken
  /// meanwhile, and one group is open at a time.
  void begin_group();
  void keep_group();
  void undo_group();
  bool in_group() const { return group_.has_value(); }
  /// Nothing where the open group has become too large to be kept. Errors: too_large.
  result<void> check_group() const;

  /// Takes in a document from a peer: the union of both trees, with the bodies of the leaves that
  /// are new here. Answers the revisions that are logged for it, newest first; none: all of it was
  /// known, and nothing changed. Precondition: check_replicated. `limits`: of the tree that comes
  /// of it.
  ///
  /// A part of a tree whose oldest nodes name parents that are not known here is taken as it is,
  /// and what lies before those stays a conflict until the ancestry in between comes: who calls
  /// asks the peer for the whole tree then. A tree of which everything is known, or new and about
  /// as young as what is known, costs what an op costs; any other one reads and writes the older
  /// ancestry.
  /// Where it contradicts what is known of a revision, one claim holds on all nodes, in whatever
  /// order they come: Treadmill's own (its hash computes, however it came marked) before one made
  /// elsewhere; a live one before a tombstone; the larger body, byte by byte. Parents: see
  /// revision_tree::merge.
  /// Errors: bad_rev (a live leaf that is new here came without its body, or one of Treadmill's
  /// without a body and with what contradicts the body or the parent that are here), too_large (the
  /// tree, or one query too many), and those of reading; nothing changed then.
  result<std::vector<revision>> merge(const replicated_document& incoming,
                                      const tree_limits& limits = {});
  /// What comes of a peer's log rests on what came before it, so it comes in runs: `first` begins
  /// one. False where the one before was not taken in here: after a failed commit (this object is
  /// new then) or after end_run. Nothing of it may be merged then.
  bool continue_run(const std::string& peer, uint64_t run, bool first);
  /// Something of the peer's run could not be merged.
  void end_run(const std::string& peer) { runs_.erase(peer); }
  /// How far the log of a peer, by its node id, is taken in: a row of the open batch.
  void note_checkpoint(std::string_view peer, const checkpoint& reached);

  bool dirty() const; ///< there is something that take_batch would give
  size_t batch_bytes() const;
  struct batch {
    uint64_t number = 0;   ///< 1, 2, 3 …
    uint64_t sequence = 0; ///< of the last entry in it
    bool queries = false;  ///< it has definitions of queries
    row_batch rows;
  };
  batch take_batch();
  void committed(uint64_t batch_number);

  const bucket_state& state() const { return state_; } ///< with everything applied
  size_t overlay_rows() const { return overlay_.size(); }

private:
  struct overlay_row {
    std::optional<std::string> value{}; ///< nothing: removed
    uint64_t batch = 0;
  };
  struct string_hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using overlay = std::unordered_map<std::string, overlay_row, string_hash, std::equal_to<>>;
  using overlay_item = overlay::value_type;
  /// The items of the overlay that a batch wrote. Items do not move while they are there.
  struct batch_items {
    uint64_t batch = 0;
    std::vector<overlay_item*> items{};
  };
  struct before_row {
    overlay_item* item = nullptr;
    std::optional<overlay_row> row{}; ///< nothing: it was not in the overlay
  };
  /// What a group needs to be undone.
  struct open_group {
    std::vector<before_row> changed{};
    size_t items = 0; ///< of the open batch, before the group
    row_batch rows{}; ///< of the open batch, before the group
    bucket_state state{};
    bool queries = false;
  };
  struct document;
  /// A live leaf whose body a change brings.
  struct new_leaf {
    revision rev{};
    std::string_view body{};
  };
  /// What a change of a document is besides its tree.
  struct document_change {
    std::span<const new_leaf> made{}; ///< newest first
    std::span<const revision> logged{};
    bool from_peer = false;
    size_t nodes = defaults::merged_nodes;           ///< that the tree may have
    const new_leaf* find(const revision& rev) const; ///< in `made`; nullptr: it is not there
  };

  result<std::optional<std::string>> read(std::string_view key) const;
  void put(std::string key, std::string value);
  void remove(std::string key);
  void change_overlay(std::string key, std::optional<std::string> value);

  document absent(std::string_view id) const;
  result<document> load(std::string_view id) const;
  result<revision_tree> full_tree(const document& doc) const;
  result<std::string> body_of(const document& doc, const revision& rev) const;
  result<void> take_in_older(document& doc, const revision_tree& added) const;
  result<bool> store_tree(document& doc, size_t most_nodes);
  result<void> check_queries(const document& doc, bool live) const;
  void store_losing_bodies(const document& doc, const revision& winner,
                           std::span<const new_leaf> made);
  result<void> store_document(document& doc, const document_change& change);
  void log_change(const document& doc, const document_change& change, bool gone);
  result<hash128> changed_claims(const document& doc, const document_change& change) const;
  result<bool> takes_body(const document& doc, const revision_tree::node* known,
                          const revision_tree::node* sent, const std::string_view* body) const;
  result<std::vector<new_leaf>> new_bodies(const document& doc, const revision_tree& before,
                                           const revision_tree& sent,
                                           const replicated_document& incoming) const;

  result<write_outcome> apply_op(const write_op& op);
  std::vector<write_outcome> apply_all_or_none(const write_group& group);
  result<write_outcome> check_retry(const document& doc, const write_op& op,
                                    const revision& made) const;
  result<void> own_what_computes(document& doc, const revision_tree& before,
                                 const document_change& change) const;
  result<std::vector<revision>> add_edits(document& doc, const revision_tree& added,
                                          std::vector<revision> made) const;
  result<write_outcome> write_body(document& doc, const write_op& op);
  result<write_outcome> write_tombstones(document& doc, const write_op& op);

  uint32_t bucket_;
  bucket_state state_;
  row_reader read_;
  bucket_limits limits_;
  row_batch rows_{};
  uint64_t batch_ = 1;
  activity_entry entry_{}; ///< the last that was logged, for its memory
  overlay overlay_{};
  std::deque<batch_items> taken_{};                  ///< of the batches on their way, oldest first
  std::vector<overlay_item*> items_{};               ///< of the open batch
  bool queries_ = false;                             ///< the open batch has definitions of queries
  std::unordered_map<std::string, uint64_t> runs_{}; ///< of peers, by their node ids
  std::optional<open_group> group_{};
};

} // namespace treadmill
