#pragma once
#include "actors/row_slots.hpp"
#include "js/wire/jobs.hpp"
#include "storage/documents/query_definition.hpp"
#include "storage/documents/reduction.hpp"
#include "storage/engine/store.hpp"
#include "storage/index/index.hpp"
#include "storage/index/index_run.hpp"
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace treadmill {

/// An index, the sources that it is built from, and its run if there is one. A plain value of the
/// view that builds it.
struct index_build {
  /// What the build waits for. Parts of a run may be at the pool in each phase but `resting`.
  enum class phase : uint8_t {
    resting,    ///< there is no run
    mapping,    ///< waits for rows, or for a free slot
    reducing,   ///< waits for reduced blocks
    committing, ///< waits for storage, with or without a run
  };
  /// A part that was given to the pool. The pool may answer it in several pieces.
  struct part_out {
    uint64_t number = 0; ///< of the run
    std::vector<run_document> documents{};
    size_t answered = 0; ///< documents whose rows were given to the run
    bool asked = false;  ///< the pool has the documents that are not answered yet
  };
  /// Blocks that were given to the pool. The pool may answer them in several pieces.
  struct reduction_out {
    uint64_t ticket = 0;
    std::vector<js::reduce_call> calls{};
    std::vector<reduced_value> values{};
  };

  index_id where{};
  std::string definition{}; ///< stored form
  query_definition source{};
  reduction how = reduction::none;
  std::shared_ptr<const js::function> map{};
  std::shared_ptr<const js::function> reduce{}; ///< only if the reduction is JavaScript
  index_state state{};                          ///< as last committed
  phase at = phase::resting;
  std::unique_ptr<index_run> run{};
  std::optional<read_view> before{};           ///< snapshot from before a run of several batches
  std::map<uint64_t, part_out> out{};          ///< by ticket
  std::map<uint64_t, row_slots::slot> slots{}; ///< by part number
  reduction_out reducing{};                    ///< of `phase::reducing`
  bool wants_slot = false;                     ///< the run waits for a free row slot
  std::string problem{};                       ///< why it cannot be built; empty: it can
  std::chrono::steady_clock::time_point run_began{};
  uint64_t run_from = 0;

  /// Whether it cannot go on before the query is defined again.
  bool suspended() const;
  std::string suspension() const; ///< why
  double rate() const;            ///< activity entries a second of the run
  /// Discards the run: what it has not committed.
  void end_run();

  /// A build of a definition in stored form, not begun.
  static index_build of(index_id where, std::string definition);
  /// Reads `state` as it was last committed. Errors: those of reading; corrupt.
  result<void> read_state(const store& rows);
};

} // namespace treadmill
