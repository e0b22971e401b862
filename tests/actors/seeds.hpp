#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace treadmill::test {

/// The first and the last seed of random histories: those of TREADMILL_SEEDS=FROM:TO, else 1 to
/// `most`.
inline std::pair<uint64_t, uint64_t> seeds(uint64_t most) {
  const char* const chosen = std::getenv("TREADMILL_SEEDS");
  if (chosen == nullptr) return {1, most};
  const uint64_t from = std::strtoull(chosen, nullptr, 10);
  const char* const colon = std::strchr(chosen, ':');
  return {from, colon == nullptr ? from : std::strtoull(colon + 1, nullptr, 10)};
}

} // namespace treadmill::test
