#pragma once
#include "tests/simulation/faults.hpp"
#include "tests/simulation/schedule.hpp"
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::simulation {

enum class topology : uint8_t { mesh, chain, ring, star };

/// Permille are of frames.
struct network_plan {
  unsigned lost = 0;
  unsigned repeated = 0;
  unsigned reordered = 0;
  ticks delay{1};  ///< of every frame, at least
  ticks jitter{0}; ///< on top, at most
};

/// How often each disturbance comes in one run.
struct disturbance_plan {
  unsigned crashes = 0;
  unsigned partitions = 0;
  unsigned connections_lost = 0;
  unsigned pauses = 0; ///< of a whole node, as by SIGSTOP
  unsigned wipes = 0;
  unsigned restores = 0;
  unsigned drops = 0;
  unsigned removals = 0; ///< of a peer
  unsigned late_joiners = 0;
  unsigned failed_commits = 0; ///< permille of commits
};

struct content_plan {
  size_t buckets = 1;
  size_t hot = 6;
  size_t cold = 20;
  unsigned hot_share = 800;   ///< permille
  unsigned inline_bodies = 0; ///< permille of bodies above the inline limit
  unsigned part_bodies = 0;   ///< above the limit of one part
  unsigned equal_bodies = 50; ///< permille of bodies that other nodes may write as well
  unsigned queries = 0;       ///< permille of writes that define a query
  unsigned forged = 0;        ///< permille of operations that import what somebody made up
  unsigned new_bodies = 0;    ///< permille of bodies that version 1 of the protocol cannot carry
};

/// All that is decided before a run, from its seed.
struct plan {
  uint64_t seed = 0;
  size_t operations = 200;
  size_t nodes = 3;
  topology shape = topology::mesh;
  ticks pause{30};       ///< between operations, on average
  ticks commit{3};       ///< how long a commit takes, at most
  bool interval = false; ///< answers before the sync
  bool original = false; ///< the nodes run the algorithm of the first draft
  /// A bit for each node that speaks version 1 of the protocol until all is healed.
  uint64_t old_nodes = 0;
  network_plan network{};
  disturbance_plan disturbances{};
  content_plan content{};
  fault injected = fault::none;

  std::vector<std::pair<size_t, size_t>> edges() const;
  bool is_old(size_t node) const { return (old_nodes >> node & 1) != 0; }
};

plan make_plan(uint64_t seed, size_t operations);
std::string to_text(const plan& of);

} // namespace treadmill::simulation
