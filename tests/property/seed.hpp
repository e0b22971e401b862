#pragma once
#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>
#include <random>
#include <string>

/// The seed of a property test: TREADMILL_SEED where that is set, else a fresh one. It is printed,
/// so that a run that failed can be repeated.
inline uint64_t property_seed(const char* test) {
  const char* given = std::getenv("TREADMILL_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << test << ": TREADMILL_SEED=" << seed << std::endl;
  return seed;
}
