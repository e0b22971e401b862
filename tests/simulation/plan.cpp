#include "tests/simulation/plan.hpp"
#include "tests/simulation/random_source.hpp"
#include <sstream>

namespace treadmill::simulation {

namespace {

network_plan make_network(random_source& random) {
  network_plan made;
  switch (random.below(6)) {
  case 0: made.delay = ticks(1); break; // perfect
  case 1:                               // near, with loss
    made.lost = static_cast<unsigned>(random.below(100));
    made.jitter = ticks(3);
    break;
  case 2: // near, everything out of order
    made.lost = static_cast<unsigned>(random.below(50));
    made.repeated = static_cast<unsigned>(random.below(100));
    made.reordered = static_cast<unsigned>(random.below(500));
    made.jitter = ticks(random.between(1, 40));
    break;
  case 3: // far
    made.delay = ticks(random.between(20, 200));
    made.jitter = ticks(random.between(0, 100));
    made.lost = static_cast<unsigned>(random.below(20));
    break;
  case 4: // bad
    made.lost = static_cast<unsigned>(random.below(300));
    made.repeated = static_cast<unsigned>(random.below(200));
    made.reordered = static_cast<unsigned>(random.below(300));
    made.delay = ticks(random.between(1, 50));
    made.jitter = ticks(random.between(0, 100));
    break;
  default: // very slow
    made.delay = ticks(random.between(200, 1000));
    made.jitter = ticks(random.between(0, 500));
    break;
  }
  return made;
}

/// Some number up to `most`, in one of `one_in` runs.
unsigned sometimes(random_source& random, size_t one_in, size_t most) {
  return random.below(one_in) == 0 ? static_cast<unsigned>(1 + random.below(most)) : 0;
}

disturbance_plan make_disturbances(random_source& random) {
  disturbance_plan made;
  if (random.below(8) == 0) return made;
  made.crashes = sometimes(random, 2, 6);
  made.partitions = sometimes(random, 2, 5);
  made.connections_lost = sometimes(random, 3, 8);
  made.pauses = sometimes(random, 5, 3);
  made.wipes = sometimes(random, 6, 2);
  made.restores = sometimes(random, 6, 2);
  made.drops = sometimes(random, 5, 2);
  made.removals = sometimes(random, 5, 2);
  made.late_joiners = sometimes(random, 4, 1);
  made.failed_commits = random.below(3) == 0 ? static_cast<unsigned>(random.below(60)) : 0;
  return made;
}

content_plan make_content(random_source& random) {
  content_plan made;
  made.buckets = 1 + random.below(10) / 5 + random.below(10) / 9;
  made.hot = 1 + random.below(10);
  made.cold = random.below(60);
  made.hot_share = static_cast<unsigned>(random.between(500, 1000));
  made.equal_bodies = static_cast<unsigned>(random.below(200));
  if (random.below(12) == 0) made.inline_bodies = static_cast<unsigned>(random.below(60));
  if (random.below(150) == 0) made.part_bodies = 15;
  if (random.below(8) == 0) made.queries = 30;
  if (random.below(3) == 0) made.forged = static_cast<unsigned>(random.between(20, 500));
  return made;
}

} // namespace

plan make_plan(uint64_t seed, size_t operations) {
  random_source random(seed * 0x2545f4914f6cdd1dULL + 1);
  plan made;
  made.seed = seed;
  made.operations = operations;
  constexpr size_t sizes[] = {2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6, 7};
  made.nodes = sizes[random.below(std::size(sizes))];
  made.shape = static_cast<topology>(random.below(4));
  made.pause = ticks(random.between(2, 60));
  made.commit = ticks(random.between(1, 25));
  made.interval = random.below(6) == 0;
  made.network = make_network(random);
  made.disturbances = make_disturbances(random);
  made.content = make_content(random);
  if (random.below(3) == 0) made.content.new_bodies = 1U << random.below(8);
  if (random.below(4) == 0) made.old_nodes = random.below(size_t{1} << made.nodes);
  return made;
}

std::vector<std::pair<size_t, size_t>> plan::edges() const {
  std::vector<std::pair<size_t, size_t>> made;
  for (size_t b = 1; b < nodes; ++b) {
    switch (shape) {
    case topology::mesh:
      for (size_t a = 0; a < b; ++a) made.emplace_back(a, b);
      break;
    case topology::chain:
    case topology::ring: made.emplace_back(b - 1, b); break;
    case topology::star: made.emplace_back(0, b); break;
    }
  }
  if (shape == topology::ring && nodes > 2) made.emplace_back(0, nodes - 1);
  return made;
}

std::string to_text(const plan& of) {
  constexpr const char* shapes[] = {"mesh", "chain", "ring", "star"};
  const disturbance_plan& d = of.disturbances;
  std::ostringstream out;
  out << of.nodes << " nodes, " << shapes[static_cast<size_t>(of.shape)] << ", "
      << of.content.buckets << " buckets, " << of.operations << " operations, a pause of "
      << of.pause.count() << " ms, commits of " << of.commit.count() << " ms"
      << (of.interval ? ", interval" : "") << "; network: lost " << of.network.lost << ", repeated "
      << of.network.repeated << ", reordered " << of.network.reordered << " of 1000, delay "
      << of.network.delay.count() << "+" << of.network.jitter.count() << " ms; crashes "
      << d.crashes << ", partitions " << d.partitions << ", connections lost " << d.connections_lost
      << ", pauses " << d.pauses << ", wipes " << d.wipes << ", restores " << d.restores
      << ", drops " << d.drops << ", removals " << d.removals << ", late " << d.late_joiners
      << ", failed commits " << d.failed_commits << " of 1000; hot " << of.content.hot << ", cold "
      << of.content.cold << ", forged " << of.content.forged << ", large "
      << of.content.inline_bodies << ", in parts " << of.content.part_bodies << ", new "
      << of.content.new_bodies << " of 1000; old nodes " << of.old_nodes;
  return out.str();
}

} // namespace treadmill::simulation
