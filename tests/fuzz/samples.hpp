#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

/// Calls a fuzzer's entry with each sample, and with 2,000 random changes of samples: bytes that
/// are replaced, doubled, removed, or taken from another sample. Returns the number of calls.
inline size_t run_samples(int (*entry)(const uint8_t*, size_t),
                          const std::vector<std::string>& samples) {
  size_t calls = 0;
  const auto call = [&](const std::string& input) {
    entry(reinterpret_cast<const uint8_t*>(input.data()), input.size());
    ++calls;
  };
  for (const std::string& sample : samples) call(sample);
  std::mt19937_64 random(17);
  const auto below = [&](size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (int round = 0; round < 2000; ++round) {
    std::string input = samples[below(samples.size())];
    for (size_t changes = 1 + below(4); changes > 0; --changes) {
      const size_t at = below(input.size() + 1);
      const std::string& other = samples[below(samples.size())];
      const size_t from = below(other.size() + 1);
      switch (below(4)) {
      case 0: input.insert(at, other.substr(from, below(16))); break;
      case 1: input.erase(at, 1 + below(8)); break;
      case 2: input.insert(at, input.substr(at, below(8))); break;
      default:
        if (at < input.size()) input[at] = static_cast<char>(random());
      }
    }
    call(input);
  }
  return calls;
}
