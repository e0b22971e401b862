#pragma once
#include "storage/base/result.hpp"
#include "storage/documents/replicated.hpp"
#include "storage/engine/checkpoint.hpp"
#include "storage/engine/row_batch.hpp"
#include "storage/engine/rows.hpp"
#include "storage/json/json.hpp"
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace treadmill {

/// One write of one document, as a client requests it.
struct write_op {
  enum class kind : uint8_t {
    create, ///< POST: conflict if the id is live
    put,    ///< replace or create
    patch,  ///< merge `body` into the current body (RFC 7396)
    remove, ///< a tombstone: on `rev`, or on every live leaf
    /// One revision on `rev`, which may be any leaf, a tombstone too. Without `rev` the document
    /// must not be live, and the parent is its tombstone, if there is one. The same edit again is a
    /// conflict.
    edit,
    graft, ///< adds the revisions of `grafted` as a merge does, but logs them as made here
    /// Sets the local row `id` (1 to 600 bytes) to `body`, or, if `deleted`, removes it. Such a row
    /// is in no log, digest, count or export, and no peer gets it.
    local,
    keep_superseded, ///< from now on the bucket keeps the bodies of superseded revisions
  };
  enum class only : uint8_t {
    always,
    if_missing, ///< If-None-Match: *
    if_there,   ///< If-Match: *
  };
  kind what = kind::put;
  only when = only::always;
  std::string id;         ///< validated by the caller
  bool made_here = false; ///< the id was generated for this write, so the document cannot exist and
                          ///< is not looked up
  bool deleted = false;   ///< of an `edit`: it makes a tombstone; see `local`
  std::optional<revision> rev; ///< must be a live leaf; of an `edit` any leaf
  std::string body; ///< stored form; for `patch` the patch; empty for `remove` and tombstones
  /// Of a `local`: a conflict, unless the row still has this value (nothing: is missing). nullptr:
  /// whatever it has.
  std::shared_ptr<const std::optional<std::string>> before{};
  /// Of a `graft`: one document that passed check_replicated, within the limits of an import.
  std::shared_ptr<const replicated_document> grafted{};
  /// Set if the document was refused earlier (a bad id in a bulk request, for example): `apply`
  /// answers this error in its place.
  std::optional<error> refused;
};

/// Writes of one request; each sees the effects of those before it.
struct write_group {
  std::vector<write_op> ops;
  bool atomic = false; ///< all or none
};

/// The limits of a bucket.
struct bucket_limits {
  json_limits json{}; ///< for the result of a patch
  size_t queries = defaults::queries;
  size_t atomic_bytes = defaults::atomic_bytes; ///< of the rows of a group
};

struct write_outcome {
  std::string id;
  revision rev{}; ///< the new revision; on a conflict, the current winner
  error problem{ec::none, {}};
  bool created = false; ///< the document did not exist (or was deleted)
  bool ok() const { return problem.code == ec::none; }
};

/// The outcomes of an atomic group whose last outcome is a refusal: all others become not_applied.
std::vector<write_outcome> refuse_others(const write_group& group,
                                         std::vector<write_outcome> outcomes);

/// Orders the writes of one bucket: checks revisions, extends the trees, assigns sequences to the
/// activity, maintains digest and counts. A plain state machine: no clock, no thread, no disk. It
/// reads rows through `row_reader`, and writes them into a batch that the caller commits.
///
/// Operation: `apply` works on the state after everything applied before it, committed or not: an
/// overlay holds the rows of uncommitted batches. `take_batch` closes the batch; `committed` drops
/// its part of the overlay. After a failed commit the caller destroys the object and creates a new
/// one from the stored state.
///
/// **Errors**: see an outcome's `problem`. If `row_reader` or the decoding of a row fails
/// (io_error, corrupt, …), that error is the problem, and the op changed nothing.
/// **Units and limits**: the cost of an op grows with the number of leaves of its document, not
/// with its history. Rarely it grows with all nodes of its tree, which are bounded (tree_limits).
class bucket_core {
public:
  using row_reader = std::function<result<std::optional<std::string>>(std::string_view key)>;

  bucket_core(uint32_t bucket, bucket_state state, row_reader read, bucket_limits limits = {});

  /// Applies the ops in order; the outcomes are in the same order. With `atomic`, all are applied
  /// or none: the first refusal ends the group, all other ops have the problem not_applied, and
  /// rows, state and overlay are unchanged.
  std::vector<write_outcome> apply(const write_group& group);
  /// Applies one op. A caller that applies a non-atomic group op by op can take batches in between.
  write_outcome apply(const write_op& op);

  /// Opens a group. `keep_group` keeps all changes applied and merged since; `undo_group` discards
  /// them and restores rows, state and overlay. While a group is open, no batch may be taken and no
  /// other group may be opened.
  void begin_group();
  void keep_group();
  void undo_group();
  bool in_group() const { return group_.has_value(); }
  /// Checks that the open group is small enough to be kept. Errors: too_large.
  result<void> check_group() const;

  /// Merges a document from a peer: the union of both trees, with the bodies of the leaves that are
  /// new here. Answers the revisions that are logged for it, newest first; if empty, all of it was
  /// known and nothing changed. Precondition: check_replicated. `limits` apply to the resulting
  /// tree.
  ///
  /// If the oldest nodes of a partial tree name parents that are unknown here, the part is merged,
  /// and its branch and the local one remain in conflict until the ancestry between them arrives:
  /// the caller then requests the whole tree from the peer. A tree costs as much as an op if all of
  /// its nodes are known, or new and about as young as the known ones. Any other tree also reads
  /// and writes the older ancestry.
  ///
  /// If the document contradicts the known claim about a revision, the same claim wins on all
  /// nodes, in any order of arrival: Treadmill's own (the hash matches its content, even if marked
  /// as foreign) over one made elsewhere; a live one over a tombstone; the larger body, byte by
  /// byte. Parents: see revision_tree::merge.
  /// Errors: bad_rev (a live leaf that is new here came without its body; or one of Treadmill's own
  /// came without a body and contradicts the stored body or parent), too_large (the tree, or one
  /// query too many), and those of reading. After an error nothing has changed.
  result<std::vector<revision>> merge(const replicated_document& incoming,
                                      const tree_limits& limits = {}) {
    return merge_from(incoming, limits, true);
  }
  /// Entries of a peer's log depend on the entries before them, so they arrive in runs; `first`
  /// begins a run. False if the previous entry of the run was not merged here: after a failed
  /// commit (this object is then new) or after end_run. In that case the caller must not merge the
  /// rest of the run.
  bool continue_run(const std::string& peer, uint64_t run, bool first);
  /// Call it if an entry of the peer's run could not be merged.
  void end_run(const std::string& peer) { runs_.erase(peer); }
  /// Writes to the open batch how far the log of a peer (its node id) is applied.
  void note_checkpoint(std::string_view peer, const checkpoint& reached);

  bool dirty() const; ///< take_batch would give a batch with changes
  size_t batch_bytes() const;
  struct batch {
    uint64_t number = 0;   ///< 1, 2, 3 …
    uint64_t sequence = 0; ///< of the last entry in it
    bool queries = false;  ///< it changes query definitions
    bool unlogged = false; ///< it has writes of clients that are not in the activity
    row_batch rows;
  };
  batch take_batch();
  void committed(uint64_t batch_number);

  const bucket_state& state() const { return state_; } ///< includes all applied ops
  size_t overlay_rows() const { return overlay_.size(); }

private:
  struct overlay_row {
    std::optional<std::string> value{}; ///< nullopt: removed
    uint64_t batch = 0;
  };
  struct string_hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using overlay = std::unordered_map<std::string, overlay_row, string_hash, std::equal_to<>>;
  using overlay_item = overlay::value_type;
  /// The overlay items that a batch wrote. The addresses of items are stable.
  struct batch_items {
    uint64_t batch = 0;
    std::vector<overlay_item*> items{};
  };
  struct before_row {
    overlay_item* item = nullptr;
    std::optional<overlay_row> row{}; ///< nullopt: it was not in the overlay
  };
  /// The data that undo_group needs.
  struct open_group {
    std::vector<before_row> changed{};
    size_t items = 0; ///< of the open batch, before the group
    row_batch rows{}; ///< of the open batch, before the group
    bucket_state state{};
    bool queries = false;
    bool unlogged = false;
  };
  struct document;
  /// A live leaf whose body a change writes.
  struct new_leaf {
    revision rev{};
    std::string_view body{};
  };
  /// A change of a document, except for its tree.
  struct document_change {
    std::span<const new_leaf> made{}; ///< newest first
    std::span<const revision> logged{};
    bool from_peer = false;
    size_t nodes = defaults::merged_nodes;           ///< limit of the tree
    const new_leaf* find(const revision& rev) const; ///< in `made`; nullptr: not found
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
  void note_features(std::span<const new_leaf> made);
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

  result<std::vector<revision>> merge_from(const replicated_document& incoming,
                                           const tree_limits& limits, bool from_peer);
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
  result<write_outcome> write_edit(document& doc, const write_op& op);
  result<write_outcome> write_graft(const write_op& op);
  result<write_outcome> write_local(const write_op& op);
  write_outcome keep_superseded(const write_op& op);
  using revision_body = std::pair<revision, std::string>;
  result<std::vector<revision_body>> superseded_bodies(const document& doc) const;

  uint32_t bucket_;
  bucket_state state_;
  row_reader read_;
  bucket_limits limits_;
  row_batch rows_{};
  uint64_t batch_ = 1;
  activity_entry entry_{}; ///< the last one logged; kept to reuse its memory
  overlay overlay_{};
  std::deque<batch_items> taken_{};    ///< of the batches being committed, oldest first
  std::vector<overlay_item*> items_{}; ///< of the open batch
  bool queries_ = false;               ///< the open batch changes query definitions
  bool unlogged_ = false;              ///< it has writes that are not in the activity
  std::unordered_map<std::string, uint64_t> runs_{}; ///< by the node id of the peer
  std::optional<open_group> group_{};
};

} // namespace treadmill
