#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>

namespace treadmill {

/// Random numbers for options that are copied, for example into a restarted actor: all copies draw
/// from one engine, so that no copy repeats the numbers of another. Thread safe.
inline std::function<uint64_t()> shared_random(uint64_t seed) {
  struct source {
    explicit source(uint64_t first) : engine(first) {}
    std::mutex mutex{};
    std::mt19937_64 engine;
  };
  return [from = std::make_shared<source>(seed)] {
    const std::lock_guard lock(from->mutex);
    return from->engine();
  };
}

} // namespace treadmill
