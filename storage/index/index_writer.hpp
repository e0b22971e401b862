#pragma once
#include "storage/engine/row_batch.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index.hpp"
#include "storage/index/partial_blocks.hpp"
#include "storage/index/partial_result.hpp"
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace treadmill {

/// A block of rows, or of partial results, for a JavaScript reduction.
struct reduce_block {
  block_place place{};
  std::vector<std::string> keys{};   ///< for rows, JSON of [key, id] each; empty for rereduce
  std::vector<std::string> values{}; ///< JSON: values of the rows, or partial results
  bool rereduce() const { return place.level > 1; }
};

/// The result of a JavaScript reduction over some rows.
struct reduced_value {
  bool failed = false;
  std::string text{}; ///< JSON in stored form; if failed, the reason
  std::string encode() const;
  static result<reduced_value> decode(std::string_view bytes);
  friend bool operator==(const reduced_value&, const reduced_value&) = default;
};

/// Builds one atomic batch of an index: rows, the lists of each document's rows, partial results,
/// changes for live feeds and the index's state.
///
/// Operation of a run: call `replace` for every document, until `bytes()` says that the batch is
/// full; then make the partial results (`update_partials`, or for JavaScript `next_blocks` and
/// `put_partial` until there are no more blocks); then set `state().position` to the run's
/// position, or call `end_run` with the last batch; then `take` the batch, commit it, and create a
/// new writer with this state for the next batch. First build: `end_run` changes the phase from
/// `mapping` to `reducing` (or to `complete`, if there is no reduction). Then `build_partials` (or
/// `next_blocks`) fills one bounded batch per writer until the phase is `complete`; after a restart
/// it continues from the stored state. Until then the writer refuses `replace`.
///
/// **Thread**: a plain value; the index has no other writer, and `view` shows all of its earlier
/// batches.
/// **Errors**: io_error, corrupt, those of the view; the caller then drops the batch.
/// **Units and limits**: 65,536 rows per document; the size of a row's key or value is not limited
/// here.
class index_writer {
public:
  index_writer(read_view view, index_id index, index_state state, reduction how);

  /// Replaces the document's rows; if `rows` is empty, it has no rows afterwards. `sequence`: that
  /// of its last activity entry. Errors: internal (called while `reducing`); too_large (number of
  /// rows).
  result<void> replace(std::string_view id, uint64_t sequence, std::span<const mapped_row> rows);
  /// The same for a document that has no rows yet, and that occurs only once in this batch.
  result<void> add(std::string_view id, uint64_t sequence, std::span<const mapped_row> rows);

  index_state& state() { return state_; }
  const index_state& state() const { return state_; }
  void end_run(); ///< all documents up to state().target are added

  /// Updates the partial results of a built-in reduction to match the rows. No effect until the
  /// index is complete.
  result<void> update_partials();
  /// Builds a bounded part of the partial results of a first build, for a built-in reduction. No
  /// effect unless the index is `reducing`.
  result<void> build_partials();
  /// The next blocks of one level for a JavaScript reduction, about `defaults::reduce_input_bytes`
  /// in total: changed blocks, or, while `reducing`, all blocks. Call `put_partial` for each block
  /// before the next call. Empty: this batch needs no more. (A block that contains a failed block
  /// fails without being given.)
  result<std::vector<reduce_block>> next_blocks();
  void put_partial(const block_place& place, const reduced_value& value);

  size_t bytes() const { return rows_.bytes(); }
  /// The batch, including the state. Errors: internal (a block waits for its partial result).
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
  size_t blocks_waiting_ = 0; ///< given by next_blocks, without put_partial yet
  bool level_ended_ = false;  ///< first build: the next level reads the rows of this batch
};

} // namespace treadmill
