#pragma once
#include "actors/process/settings.hpp"
#include <functional>
#include <map>
#include <string>

namespace treadmill {

/// The parsed command line.
struct command_line {
  enum class action {
    serve,   ///< run a node with `values`
    command, ///< ask the node at `values.server`
    leave,   ///< print `output` and exit with `exit_code`
  };
  action what = action::leave;
  settings values;
  std::string command{}; ///< "status", …: its help lists its arguments
  /// The given arguments and flags of that command, by name without dashes.
  std::map<std::string, std::string> given{};
  int exit_code = 0;  ///< 0 after --help and --version, 2 after any problem
  std::string output; ///< the text of --help or --version, or all problems, one per line

  bool has(const std::string& argument) const { return given.contains(argument); }
};

/// Looks up one environment variable; null if it is not set.
using environment = std::function<const char*(const char* name)>;

/// Reads the command line, then the environment, then the file named by `--config`: a flag beats a
/// variable, a variable beats the file. Reports all problems of the three, and those that
/// validate() finds, together. An unknown flag or name in the file is an error; an unknown variable
/// is not, because orchestrators invent variables that begin with the name of a service.
command_line parse_settings(int argc, const char* const* argv, const environment& lookup);
command_line parse_settings(int argc,
                            const char* const* argv); ///< with the process's own environment

} // namespace treadmill
