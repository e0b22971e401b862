#pragma once
#include "actors/logging.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace treadmill::test {

/// Logs into a file for one test.
struct logging_to_file {
  std::string path = (std::filesystem::temp_directory_path() / "treadmill-log-XXXXXX").string();

  explicit logging_to_file(log::level from, log::format form) {
    close(mkstemp(path.data()));
    REQUIRE(log::start({from, form, path}).empty());
  }
  ~logging_to_file() {
    log::stop();
    std::filesystem::remove(path);
  }
  logging_to_file(const logging_to_file&) = delete;
  logging_to_file& operator=(const logging_to_file&) = delete;

  std::vector<std::string> lines() const {
    std::ifstream in(path);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
};

} // namespace treadmill::test
