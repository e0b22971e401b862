#pragma once
#include "storage/index.hpp"
#include "storage/partial_blocks.hpp"
#include "storage/reduction.hpp"
#include "storage/row_batch.hpp"
#include "storage/store.hpp"
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace treadmill {

/// A block of rows, or of partial results, that a JavaScript reduction is to reduce.
struct reduce_block {
  block_place place{};
  std::vector<std::string> keys{};   ///< of rows: JSON of [key, id] each; none: rereduce
  std::vector<std::string> values{}; ///< JSON: of the rows, or the partial results
  bool rereduce() const { return place.level > 1; }
};

/// What a JavaScript reduction made of some rows.
struct reduced_value {
  bool failed = false;
  std::string text{}; ///< JSON in its stored form; where it failed, why
  std::string encode() const;
  static result<reduced_value> decode(std::string_view bytes);
  friend bool operator==(const reduced_value&, const reduced_value&) = default;
};

/// Makes one batch of an index: rows, the lists of each document's rows, partial results, changes
/// for live feeds and the index's state, together or not at all.
///
/// Operation, a run: `replace` for every document, until `bytes()` says that the batch is full;
/// then the partial results (`update_partials`, or for JavaScript `next_blocks` and `put_partial`
/// until there are no more blocks); then `state().position` to where the run is, or `end_run` with
/// the last batch; `take`, commit it, and a new writer for the next batch with the state of this
/// one. First build: `end_run` turns an index that was `mapping` to `reducing` (or to `complete`,
/// without a reduction). Then `build_partials` (or `next_blocks`) makes one bounded batch with each
/// writer until the state's phase is `complete`; a restart in between goes on with the stored
/// state. Until then `replace` is refused.
///
/// **Thread**: a plain value; the index has no other writer, and `view` shows all of its batches
/// before. **Errors**: io_error, corrupt, those of the view: the batch is then to be dropped.
/// **Limits**: a row's key or value is not limited here; 65,536 rows a document.
class index_writer {
public:
  index_writer(read_view view, index_id index, index_state state, reduction how);

  /// Gives the document these rows in place of those that it has; none: it has no rows any more.
  /// `sequence`: that of its last activity entry. Errors: internal (called while `reducing`);
  /// too_large (number of rows).
  result<void> replace(std::string_view id, uint64_t sequence, std::span<const mapped_row> rows);
  /// The same for a document that the caller knows to have no rows, and to come once in this batch.
  result<void> add(std::string_view id, uint64_t sequence, std::span<const mapped_row> rows);

  index_state& state() { return state_; }
  const index_state& state() const { return state_; }
  void end_run(); ///< all documents up to state().target are in

  /// Brings the partial results of a built-in reduction up to date with the rows. Nothing while
  /// the index is not complete.
  result<void> update_partials();
  /// Makes a bounded part of the partial results of a first build, of a built-in reduction. Nothing
  /// unless the index is `reducing`.
  result<void> build_partials();
  /// The next blocks that a JavaScript reduction must reduce, of one level, of about
  /// `defaults::reduce_input_bytes` in all: of the blocks that changed, or, while `reducing`, of
  /// all. Every one is to be answered by `put_partial` before the next call. None: this batch needs
  /// no more. (A block with a failed block in it fails without being given.)
  result<std::vector<reduce_block>> next_blocks();
  void put_partial(const block_place& place, const reduced_value& value);

  size_t bytes() const { return rows_.bytes(); }
  /// The batch with the state. Errors: internal (a block waits for its partial result).
  result<row_batch> take();

  size_t entries_read() const { return entries_read_ + updates_.entries_read(); }

private:
  struct document_change;
  result<std::vector<std::string>> terms_of(const std::string& id);
  result<mapped_row> stored_row(const std::string& term, const std::string& suffix) const;
  result<void> remove_row(document_change& doc, const std::string& term, uint16_t emission);
  result<void> replace_row(document_change& doc, const std::string& old_term, const mapped_row& row,
                           uint16_t emission);
  void put_row(document_change& doc, const mapped_row& row, uint16_t emission, bool existed);
  void note_change(document_change& doc);
  result<void> change(document_change& doc, const std::vector<std::string>& before,
                      std::span<const mapped_row> rows);
  void store_reverse(const std::string& id, const std::vector<std::string>& before,
                     std::span<const mapped_row> rows);
  bool keeps_partials() const {
    return how_ != reduction::none && state_.phase == index_phase::complete;
  }
  result<bool> next_block(block_place& place, const entry_visitor& entry);
  result<bool> next_built(block_place& place, const entry_visitor& entry);
  result<void> reduce_all();
  void finish(const block_place& place, std::string value);
  void complete();
  result<void> trim_changes();

  read_view view_;
  index_id index_;
  index_state state_;
  reduction how_;
  row_batch rows_{};
  block_updates updates_;
  std::unordered_map<std::string, std::vector<std::string>> reverse_{}; ///< written in this batch
  uint64_t changes_added_ = 0;
  size_t entries_read_ = 0;
  size_t blocks_waiting_ = 0; ///< given by next_blocks while reducing, not yet put
  bool level_ended_ = false;  ///< of the first build: the next one reads what this batch writes
};

} // namespace treadmill
