#include "actors/run.hpp"
#include "actors/stop_signal.hpp"

namespace treadmill {

int run_node(const settings& how) {
  if (const std::string problem = log::start(how.logging); !problem.empty()) {
    log::error("the log cannot be written", {{"reason", problem}});
    return 1;
  }
  log::info("waiting for the end: this build has no store yet", {{"name", how.name}});
  const int received = wait_for_stop_signal();
  log::info("ended", {{"signal", received}});
  log::stop();
  return 0;
}

} // namespace treadmill
