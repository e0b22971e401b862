#pragma once
#include "tests/bench/raw_store.hpp"
#include <string>
#include <utility>
#include <vector>

namespace treadmill::bench {

/// An answer of the node, for the floor to give.
struct kept_answer {
  int status = 0;
  std::string content_type{};
  std::vector<std::pair<std::string, std::string>> headers{}; ///< without those that a server sets
  std::string body{};
};

// The files in which the benchmark tells the floor's process what to do. Errors: throw.

void write_answer(const std::string& path, const kept_answer& answer);
kept_answer read_answer(const std::string& path);
void write_rows(const std::string& path, const std::vector<row>& rows);
std::vector<row> read_rows(const std::string& path);

} // namespace treadmill::bench
