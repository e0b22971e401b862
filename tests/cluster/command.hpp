#pragma once
#include "tests/cluster/node_process.hpp"
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::cluster {

struct printed {
  std::string text{};
  int code = -1;
};

/// What `treadmill` with these arguments prints, and its exit code.
inline printed run_command(std::vector<std::string> arguments, child_process::milliseconds limit) {
  child_process asked({TREADMILL_BINARY, std::move(arguments)});
  const auto end = asked.wait(limit);
  REQUIRE(end);
  return {asked.output(), end->code};
}

} // namespace treadmill::cluster
