#pragma once
#include "tests/simulation/world.hpp"
#include <cstdint>
#include <string>
#include <vector>

namespace treadmill::simulation {

/// TREADMILL_SEED_OPERATIONS, or 200.
size_t operations_asked_for();

/// Sums of many runs.
struct run_totals {
  uint64_t seeds = 0;
  uint64_t operations = 0;
  uint64_t acknowledged = 0;
  uint64_t excused = 0;
  uint64_t frames = 0;
  uint64_t events = 0;
  uint64_t restarts = 0;
  uint64_t fetched = 0;
  std::vector<int64_t> convergence{}; ///< of each run, in milliseconds
  std::vector<std::string> failed{};  ///< a line each

  void add(const plan& planned, const run_report& report);
  std::string text(double seconds);
};

/// How to run a seed again.
std::string how_to_replay(uint64_t seed);

} // namespace treadmill::simulation
