#pragma once
#include "storage/index_writer.hpp"
#include "storage/store.hpp"
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

/// A document that is to be mapped, as it is in the run's snapshot.
struct run_document {
  std::string id{};
  std::string rev{};
  std::string body{}; ///< stored form
};

/// What a map made of one document.
struct run_rows {
  std::vector<mapped_row> rows{};
  bool emitted = false;
  std::string problem{}; ///< not empty: it failed on the document, which then has no rows
  bool strike = false;   ///< it ran into the limit of time, or killed its worker
};

/// Brings one index from where it is to a sequence, with whoever maps documents, runs JavaScript
/// reductions and commits batches kept out of it: a plain state machine over one snapshot of the
/// store.
///
/// Operation: `next_part` gives slices of the activity with the documents that changed in them,
/// each document once, at its last entry. They are mapped elsewhere, several parts at a time, and
/// come back by `mapped`, in any order, those of a part also piece by piece: what is there of the
/// oldest part goes into batches, and its memory with it. `next_step` says what is to be done with
/// what came back, a bounded batch at a time. When it says that the run is done the index equals a
/// fresh build over the documents at `target`. A run that is dropped in between is gone on with by
/// another one, from the state that was committed last.
///
/// **Thread**: a plain value. **Errors**: those of the views; the run is then of no use any more.
/// **Limits**: a part has at most `part_documents` documents and about `part_bytes` of bodies; how
/// many parts are out is up to the caller.
class index_run {
public:
  static constexpr size_t part_documents = 512;
  static constexpr size_t part_bytes = 256 * 1024;
  static constexpr size_t part_entries = 4096; ///< of the log that are looked at for one part

  /// `at`: the snapshot, of which `target` is the bucket's sequence. Precondition: the index's rows
  /// are only changed by what this run gives, and `state` is what is stored.
  index_run(const store& rows, read_view at, uint64_t target, index_id where, index_state state,
            reduction how);

  struct part {
    uint64_t number = 0; ///< 1, 2, 3 …
    std::vector<run_document> documents{};
  };
  /// Nothing: all of the log up to `target` was given out.
  result<std::optional<part>> next_part();
  bool parts_left() const { return read_up_to_ < target_; } ///< next_part gives one
  size_t parts_out() const { return parts_.size(); } ///< given out and not yet all in batches
  /// `rows` are those of the part's next documents, in order.
  void mapped(uint64_t number, std::vector<run_rows> rows);
  /// Rows of the part are there that are in no batch yet.
  bool holds_rows(uint64_t number) const;
  /// Documents that ran into a limit, among rows that are in no batch yet; and the last of them.
  struct strikes {
    uint32_t count = 0;
    std::string id{};
    std::string problem{};
  };
  strikes strikes_waiting() const;
  /// The oldest part that is not all in batches; the number of the next one where there is none.
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
  /// Precondition: the last step was done.
  result<step> next_step();
  /// The values of the last step's blocks, in order.
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
    uint64_t up_to = 0;          ///< sequence of the log's last entry that was looked at
    std::deque<run_rows> rows{}; ///< of the entries from next_entry on that are mapped
    size_t next_entry = 0;
    bool done() const { return next_entry == entries.size(); }
    /// The next entry needs rows that are not there.
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
  bool from_nothing_; ///< the index was empty: no document has rows before this run
  uint64_t read_up_to_;
  uint64_t last_part_ = 0;
  std::deque<waiting_part> parts_{};
  std::optional<index_writer> writer_{}; ///< of the batch that is being made
  std::vector<block_place> reducing_{};  ///< of the blocks that were given to be reduced
};

} // namespace treadmill
