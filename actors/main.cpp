#include "actors/command_line.hpp"
#include "actors/run.hpp"
#include "actors/stop_signal.hpp"
#include "net/health_probe.hpp"
#include <exception>
#include <iostream>
#include <sys/resource.h>

namespace {

/// Connections and LevelDB's files share the limit of open files, whose soft value is often 1,024.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// What a container's health check calls.
int health(const treadmill::settings& where, bool ready) {
  const treadmill::endpoint at{where.server.host, where.server.port};
  const auto answer =
      treadmill::http::probe_health(at.host, at.port, std::chrono::seconds(5), ready);
  const std::string address = "http://" + to_string(at);
  if (answer)
    std::cout << address << '\n';
  else
    std::cerr << "treadmill: " << address << ": " << answer.error().reason << '\n';
  return answer ? 0 : 1;
}

int start(int argc, char** argv) {
  const auto asked = treadmill::parse_settings(argc, argv);
  switch (asked.what) {
  case treadmill::command_line::action::serve:
    raise_open_files();
    return treadmill::run_node(asked.values);
  case treadmill::command_line::action::health: return health(asked.values, asked.ready);
  case treadmill::command_line::action::leave: break;
  }
  (asked.exit_code == 0 ? std::cout : std::cerr) << asked.output << std::flush;
  return asked.exit_code;
}

} // namespace

int main(int argc, char** argv) {
  treadmill::block_stop_signals();
  try {
    return start(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "treadmill: " << problem.what() << '\n';
    return 1;
  }
}
