#pragma once
#include "storage/json.hpp"
#include "storage/result.hpp"
#include "storage/row_batch.hpp"
#include "storage/rows.hpp"
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
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

struct write_outcome {
  std::string id;
  revision rev{}; ///< the new revision; at a conflict the current winner
  error problem{ec::none, {}};
  bool created = false; ///< the document was not there (or deleted)
  bool ok() const { return problem.code == ec::none; }
};

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
/// **Units and limits**: the cost of an op does not grow with the history of its document.
class bucket_core {
public:
  using row_reader = std::function<result<std::optional<std::string>>(std::string_view key)>;

  /// `limits`: of what a patch may make.
  bucket_core(uint32_t bucket, bucket_state state, row_reader read, json_limits limits = {});

  /// Applies the ops in order; the outcomes are in the same order. With `atomic`, all are applied
  /// or none: at the first that is refused the rest is not tried, and all others have the problem
  /// not_applied; rows, state and overlay are then as they were.
  std::vector<write_outcome> apply(const write_group& group);

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
  /// Where an atomic group notes what to put back.
  struct undo {
    std::vector<before_row> rows{};
    size_t items = 0; ///< of the open batch, before the group
  };
  struct document;

  result<std::optional<std::string>> read(std::string_view key) const;
  void put(std::string key, std::string value);
  void remove(std::string key);
  void change_overlay(std::string key, std::optional<std::string> value);

  document absent(std::string_view id) const;
  result<document> load(std::string_view id) const;
  result<revision_tree> older_tree(const document& doc) const;
  result<revision_tree> full_tree(const document& doc) const;
  result<std::string> body_of(const document& doc, const revision& rev) const;
  result<bool> store_tree(document& doc);
  void store_losing_bodies(const document& doc, const revision& winner, const revision& made,
                           std::string_view made_body);
  result<void> store_document(document& doc, const revision& made, std::string_view made_body,
                              const std::vector<revision>& changes);
  void log_change(const document& doc, const std::vector<revision>& changes, bool gone);

  result<write_outcome> apply_op(const write_op& op);
  write_outcome apply_one(const write_op& op);
  std::vector<write_outcome> apply_all_or_none(const write_group& group);
  void put_back(undo& before);
  result<write_outcome> check_retry(const document& doc, const write_op& op,
                                    const revision& made) const;
  result<write_outcome> write_body(document& doc, const write_op& op);
  result<write_outcome> write_tombstones(document& doc, const write_op& op);

  uint32_t bucket_;
  bucket_state state_;
  row_reader read_;
  json_limits limits_;
  row_batch rows_{};
  uint64_t batch_ = 1;
  overlay overlay_{};
  std::deque<batch_items> taken_{};    ///< of the batches on their way, oldest first
  std::vector<overlay_item*> items_{}; ///< of the open batch
  bool queries_ = false;               ///< the open batch has definitions of queries
  undo* undo_ = nullptr;               ///< set while an atomic group is applied
};

} // namespace treadmill
