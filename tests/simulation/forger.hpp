#pragma once
#include "storage/documents/replicated.hpp"
#include "tests/simulation/random_source.hpp"
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::simulation {

/// Makes up documents that contradict others: bodies, parents and tombstones under names that
/// another kind of database gave, that a node gave, or that one may yet give; and now and then the
/// truth. Most of them keep the rules of check_replicated.
class forger {
public:
  /// `known`: revisions that the document had somewhere; `body`: a new one, or (true) one that
  /// others may write as well.
  forger(random_source& random, std::vector<revision> known,
         std::function<std::string(bool shared)> body)
      : random_(random), known_(std::move(known)), body_(std::move(body)) {}

  replicated_document document(const std::string& id) const;

private:
  revision some_name() const;
  revision some_parent(const revision& of) const;

  random_source& random_;
  std::vector<revision> known_;
  std::function<std::string(bool shared)> body_;
};

} // namespace treadmill::simulation
