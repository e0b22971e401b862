#pragma once
#include "tests/simulation/frame_faults.hpp"
#include "tests/simulation/participant.hpp"
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::simulation {

/// What came of one run.
struct run_report {
  std::string problem{}; ///< empty: all is right
  uint64_t events = 0;
  uint64_t operations = 0; ///< documents that were written, or refused
  uint64_t acknowledged = 0;
  uint64_t excused = 0;
  uint64_t faults = 0; ///< how often the planned one was put in
  uint64_t frames = 0;
  uint64_t bytes = 0;
  ticks duration{0};    ///< of the run, on its clock
  ticks convergence{0}; ///< after all was healed
  ticks rest{0};        ///< after that: until all checkpoints are written
  uint64_t quiet_frames = 0;
  uint64_t quiet_bytes = 0;
  link_counts links{};
};

/// Runs one plan: nodes on a network that loses, repeats, reorders and delays, disturbed in every
/// way that the plan says, then healed, left alone until it is quiet, and checked.
run_report run(const plan& planned, bool trace = false);

} // namespace treadmill::simulation
