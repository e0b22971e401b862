#pragma once
#include "storage/engine/store.hpp"
#include "storage/index/index_writer.hpp"
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

/// A document to map, as it is in the run's snapshot.
struct run_document {
  std::string id{};
  std::string rev{};
  std::string body{}; ///< stored form
};

/// The rows that a map produced for one document.
struct run_rows {
  std::vector<mapped_row> rows{};
  bool emitted = false;
  std::string problem{}; ///< not empty: the map failed, and the document has no rows
  bool strike = false;   ///< the map exceeded the time limit, or killed its worker
};

/// Brings one index from its current position to a sequence: a plain state machine over one
/// snapshot of the store. The caller maps documents, runs JavaScript reductions and commits
/// batches.
///
/// Operation: `next_part` gives slices of the activity with the documents that changed in them,
/// each document once, at its last entry. The caller maps them, several parts at a time, and
/// returns the rows with `mapped`: the parts in any order, the rows of one part possibly in pieces.
/// Rows of the oldest part move into batches, which frees their memory. `next_step` says what to do
/// with the returned rows, one bounded batch at a time. When it answers `done`, the index equals a
/// fresh build over the documents at `target`. If a run is destroyed earlier, another run continues
/// from the last committed state.
///
/// **Thread**: a plain value. **Errors**: those of the views; the run is then unusable.
/// **Units and limits**: a part has at most `part_documents` documents and about `part_bytes` of
/// bodies; the caller decides how many parts are out at a time.
class index_run {
public:
  static constexpr size_t part_documents = 512;
  static constexpr size_t part_bytes = 256 * 1024;
  static constexpr size_t part_entries = 4096; ///< log entries read for one part

  /// `at`: the snapshot; `target` is the bucket's sequence in it. Precondition: only this run's
  /// batches change the index's rows, and `state` is the stored state.
  index_run(const store& rows, read_view at, uint64_t target, index_id where, index_state state,
            reduction how);

  struct part {
    uint64_t number = 0; ///< 1, 2, 3 …
    std::vector<run_document> documents{};
  };
  /// nullopt: all of the log up to `target` is given out.
  result<std::optional<part>> next_part();
  bool parts_left() const { return read_up_to_ < target_; } ///< next_part will give one
  size_t parts_out() const { return parts_.size(); } ///< given out and not yet all in batches
  /// `rows` are those of the part's next documents, in order.
  void mapped(uint64_t number, std::vector<run_rows> rows);
  /// True if some rows of the part are not in a batch yet.
  bool holds_rows(uint64_t number) const;
  /// The number of documents that ran into a limit, among the rows not yet in a batch, and the last
  /// such document.
  struct strikes {
    uint32_t count = 0;
    std::string id{};
    std::string problem{};
  };
  strikes strikes_waiting() const;
  /// The oldest part that is not completely in batches; if there is none, the number of the next
  /// part.
  uint64_t oldest_part() const { return parts_.empty() ? last_part_ + 1 : parts_.front().number; }

  struct step {
    enum class kind : uint8_t {
      wait,   ///< for the oldest part to be mapped
      reduce, ///< have `blocks` reduced, give `reduced`, and ask again
      commit, ///< commit `rows` before asking again
      done,
    };
    kind what = kind::wait;
    std::vector<reduce_block> blocks{};
    row_batch rows{};
  };
  /// Precondition: the caller carried out the last step.
  result<step> next_step();
  /// Takes the values of the last step's blocks, in order.
  void reduced(std::vector<reduced_value> values);

  uint64_t target() const { return target_; }
  const index_state& state() const { return state_; } ///< after the last step's batch

private:
  struct entry {
    std::string id{};
    uint64_t sequence = 0;
    bool mapped = false; ///< false: it was deleted
  };
  struct waiting_part {
    uint64_t number = 0;
    std::vector<entry> entries{};
    uint64_t up_to = 0;          ///< sequence of the last log entry read for it
    std::deque<run_rows> rows{}; ///< of the mapped entries, from next_entry on
    size_t next_entry = 0;
    bool done() const { return next_entry == entries.size(); }
    /// True if the next entry waits for its rows.
    bool lacks_rows() const { return !done() && entries[next_entry].mapped && rows.empty(); }
  };
  result<void> take_entry(const activity_entry& logged, row_finder& documents,
                          waiting_part& waiting, part& given, size_t& bytes) const;
  bool nothing_left() const { return parts_.empty() && read_up_to_ >= target_; }
  result<bool> begin_batch();
  result<void> apply(waiting_part& front);
  result<void> update_partials();
  void note_problem(const entry& of, const run_rows& rows);

  const store& rows_;
  read_view at_;
  uint64_t target_;
  index_id where_;
  index_state state_;
  reduction how_;
  bool from_nothing_; ///< the index was empty, so no document has rows from before
  uint64_t read_up_to_;
  uint64_t last_part_ = 0;
  std::deque<waiting_part> parts_{};
  std::optional<index_writer> writer_{}; ///< of the open batch
  std::vector<block_place> reducing_{};  ///< of the blocks being reduced
};

} // namespace treadmill
