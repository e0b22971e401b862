#include "tests/simulation/forger.hpp"

namespace treadmill::simulation {

revision forger::some_name() const {
  if (!known_.empty() && random_.chance(500)) return known_[random_.below(known_.size())];
  if (random_.chance(500)) {
    const auto number = static_cast<uint32_t>(1 + random_.below(4));
    return revision(number, std::string(1, static_cast<char>('a' + random_.below(4))));
  }
  revision parent;
  if (!known_.empty() && random_.chance(700)) parent = known_[random_.below(known_.size())];
  const bool deleted = random_.chance(300);
  return make_revision(parent, deleted, deleted ? "" : body_(true));
}

revision forger::some_parent(const revision& of) const {
  for (int tries = 0; tries < 3; ++tries) {
    const revision parent = some_name();
    if (parent.number() < of.number()) return parent;
  }
  return {};
}

replicated_document forger::document(const std::string& id) const {
  replicated_document made;
  made.id = id;
  std::vector<revision_tree::node> nodes;
  revision_tree::node one;
  one.rev = some_name();
  for (size_t count = random_.chance(700) ? 1 : 2; count > 0; --count) {
    if (random_.chance(800)) one.parent = some_parent(one.rev);
    one.deleted = random_.chance(250);
    // A lie about an ancestor cannot be told from the truth; about a leaf it is refused.
    one.foreign = !one.rev.is_native() || random_.chance(nodes.empty() ? 800 : 300);
    nodes.push_back(one);
    if (one.parent.empty()) break;
    one.rev = std::exchange(one.parent, {});
  }
  made.tree = revision_tree::of(std::move(nodes));
  for (const revision_tree::node& leaf : made.tree.leaves()) {
    if (!leaf.deleted) made.bodies.push_back({leaf.rev, body_(random_.chance(500))});
  }
  return made;
}

} // namespace treadmill::simulation
