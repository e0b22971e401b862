#include "tests/seeds.hpp"
#include "tests/simulation/seeds.hpp"
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>

namespace treadmill::simulation {

TEST_CASE("nodes that were disturbed in every way end up identical, and lose nothing that they "
          "acknowledged") {
  const auto [from, to] = test::seeds_asked_for(1, TREADMILL_SIMULATED_SEEDS);
  const bool trace = std::getenv("TREADMILL_TRACE") != nullptr;
  const auto begin = std::chrono::steady_clock::now();
  run_totals totals;
  for (uint64_t seed = from; seed <= to; ++seed) {
    const plan planned = make_plan(seed, operations_asked_for());
    totals.add(planned, run(planned, trace));
    if (totals.failed.empty() || totals.failed.back().rfind("seed=" + std::to_string(seed) + ":"))
      continue;
    std::cout << totals.failed.back() << std::endl;
    CHECK_MESSAGE(false, totals.failed.back());
    if (totals.failed.size() >= 20) break;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (std::getenv("TREADMILL_SEED_TIMES") != nullptr) {
    std::cout << "convergence of each:";
    for (const int64_t time : totals.convergence) std::cout << " " << time;
    std::cout << "\n";
  }
  std::cout << totals.text(took.count()) << std::endl;
}

} // namespace treadmill::simulation
