#include "actors/process/command_line.hpp"
#include "actors/process/commands.hpp"
#include "actors/process/run.hpp"
#include "actors/process/stop_signal.hpp"
#include <cerrno>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>

namespace {

/// The exit code, or 1 if the output could not be written, so that a script notices the failure.
int finish(int code) {
  errno = 0;
  if (std::cout.flush()) return code;
  std::cerr << "treadmill: the output cannot be written"
            << (errno != 0 ? std::string(": ") + std::strerror(errno) : std::string()) << '\n';
  return code == 0 ? 1 : code;
}

int start(int argc, char** argv) {
  const auto asked = treadmill::parse_settings(argc, argv);
  switch (asked.what) {
  case treadmill::command_line::action::serve:
    treadmill::block_stop_signals();
    return treadmill::run_node(asked.values);
  case treadmill::command_line::action::command: return finish(treadmill::run_command(asked));
  case treadmill::command_line::action::leave: break;
  }
  (asked.exit_code == 0 ? std::cout : std::cerr) << asked.output;
  return finish(asked.exit_code);
}

} // namespace

int main(int argc, char** argv) {
  try {
    return start(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "treadmill: " << problem.what() << '\n';
    return 1;
  }
}
