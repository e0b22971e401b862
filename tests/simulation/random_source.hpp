#pragma once
#include <cstddef>
#include <cstdint>

namespace treadmill::simulation {

/// All chance of one run: the same numbers for the same seed, on every machine.
class random_source {
public:
  explicit random_source(uint64_t seed) : state_(seed) {}

  uint64_t next() { // SplitMix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  size_t below(size_t limit) { return limit == 0 ? 0 : next() % limit; }
  /// From `least` to `most`, both included.
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(below(static_cast<size_t>(most - least + 1)));
  }
  bool chance(unsigned permille) { return below(1000) < permille; }

private:
  uint64_t state_;
};

} // namespace treadmill::simulation
