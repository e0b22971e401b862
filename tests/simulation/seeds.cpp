#include "tests/simulation/seeds.hpp"
#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace treadmill::simulation {

size_t operations_asked_for() {
  const char* given = std::getenv("TREADMILL_SEED_OPERATIONS");
  return given == nullptr ? 200 : static_cast<size_t>(std::stoull(given));
}

std::string how_to_replay(uint64_t seed) {
  return "TREADMILL_SEEDS=" + std::to_string(seed) +
         " TREADMILL_TRACE=1 build/release/tests/simulation";
}

void run_totals::add(const plan& planned, const run_report& report) {
  ++seeds;
  operations += report.operations;
  acknowledged += report.acknowledged;
  excused += report.excused;
  frames += report.frames;
  events += report.events;
  restarts += report.links.restarts;
  fetched += report.links.fetched;
  convergence.push_back(report.convergence.count());
  if (report.problem.empty()) return;
  failed.push_back("seed=" + std::to_string(planned.seed) + ": " + report.problem + "; " +
                   to_text(planned) + "; again: " + how_to_replay(planned.seed));
}

std::string run_totals::text(double seconds) {
  std::sort(convergence.begin(), convergence.end());
  const auto at = [&](size_t permille) {
    return convergence.empty() ? 0 : convergence[(convergence.size() - 1) * permille / 1000];
  };
  std::ostringstream out;
  out << "seeds=" << seeds << " failed=" << failed.size() << " operations=" << operations
      << " acknowledged=" << acknowledged << " excused=" << excused << " frames=" << frames
      << " events=" << events << " restarts=" << restarts << " fetched=" << fetched
      << " convergence_ms p50=" << at(500) << " p99=" << at(990) << " max=" << at(1000)
      << " seconds=" << static_cast<int64_t>(seconds);
  return out.str();
}

} // namespace treadmill::simulation
