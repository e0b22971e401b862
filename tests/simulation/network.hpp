#pragma once
#include "tests/simulation/participant.hpp"
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace treadmill::simulation {

/// The network of a run: for each direction between two nodes frames that are lost, repeated, out
/// of order and late, as the plan has it, and cuts that let nothing through.
class network {
public:
  using delivery = std::function<void(size_t from, size_t to, std::string frame)>;

  network(surroundings& around, delivery deliver)
      : around_(around), deliver_(std::move(deliver)), now_(around.planned().network) {}

  void send(size_t from, size_t to, std::string frame);
  /// Nothing passes until `mend`, in one direction. Cuts add up.
  void cut(size_t from, size_t to) { ++cuts_[{from, to}]; }
  void mend(size_t from, size_t to) { --cuts_[{from, to}]; }
  /// What is on its way between the two is lost, or, now and then, comes late.
  void lose_connection(size_t a, size_t b);
  /// From now on nothing is lost, and all is near.
  void heal();

  uint64_t frames() const { return frames_; } ///< that were handed over to it
  uint64_t bytes() const { return bytes_; }

private:
  void pass(size_t from, size_t to, std::string frame);

  surroundings& around_;
  delivery deliver_;
  network_plan now_;
  std::map<std::pair<size_t, size_t>, int> cuts_{};
  std::map<std::pair<size_t, size_t>, ticks> last_arrival_{};
  std::map<std::pair<size_t, size_t>, uint64_t> connection_{};
  uint64_t frames_ = 0;
  uint64_t bytes_ = 0;
};

} // namespace treadmill::simulation
