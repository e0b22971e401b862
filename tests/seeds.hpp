#pragma once
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace treadmill::test {

/// The first and the last seed that are run: TREADMILL_SEEDS=FROM:TO (or one number) where that is
/// set.
inline std::pair<uint64_t, uint64_t> seeds_asked_for(uint64_t from, uint64_t to) {
  const char* given = std::getenv("TREADMILL_SEEDS");
  if (given == nullptr) return {from, to};
  const std::string text(given);
  const size_t colon = text.find(':');
  const uint64_t first = std::stoull(text.substr(0, colon));
  return {first, colon == std::string::npos ? first : std::stoull(text.substr(colon + 1))};
}

} // namespace treadmill::test
