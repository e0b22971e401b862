#pragma once
#include <string>
#include <vector>

namespace treadmill::bench {

/// One run of wrk.
struct wrk_run {
  std::string url;
  unsigned connections = 32;
  unsigned threads = 2;
  unsigned seconds = 1;
  std::string script{};                 ///< of Lua; empty: plain GETs
  std::vector<std::string> arguments{}; ///< of the script
};

/// Requests a second. Errors: throws where wrk fails, or any answer was not 2xx.
double requests_per_second(const wrk_run& run);

} // namespace treadmill::bench
