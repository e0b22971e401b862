#pragma once
#include "tests/simulation/disk_reader.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/random_source.hpp"
#include <functional>
#include <optional>
#include <string>

namespace treadmill::simulation {

/// Rewrites frames on their way.
class frame_faults {
public:
  /// The chain value of a node's log at a sequence; nothing where it has none.
  using chain_reader = std::function<std::optional<hash_bytes>(
      size_t node, const std::string& bucket, uint64_t sequence)>;

  frame_faults(fault what, random_source& random, chain_reader chains)
      : what_(what), random_(random), chains_(std::move(chains)) {}

  /// Changes the frame, or empties it: it is lost. False: this kind of frame is left alone.
  bool spoil(size_t to, std::string& frame);

private:
  bool spoil_bytes(std::string& frame);

  fault what_;
  random_source& random_;
  chain_reader chains_;
  std::string kept_{}; ///< an old frame
};

/// A frame in a line, for traces.
std::string describe_frame(const std::string& bytes);

} // namespace treadmill::simulation
