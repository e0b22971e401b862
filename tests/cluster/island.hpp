#pragma once
#include "tests/cluster/delay_proxy.hpp"
#include "tests/cluster/node_process.hpp"
#include "tests/cluster/small_disk.hpp"
#include "tests/cluster/temporary_folder.hpp"
#include "tests/cluster/test_network.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace treadmill::cluster {

/// A write that was answered with OK.
struct acknowledged {
  std::string id{};
  std::string rev{};
  std::chrono::steady_clock::time_point at{};
};

/// The next write of a client.
struct planned_write {
  std::string id{};
  std::string body{}; ///< empty: a delete
};

/// Nodes on hosts of their own, federated, with a client that writes to each: what of the tests of
/// federation does not depend on what goes wrong.
///
/// **Thread**: one; the clients have their own. **Errors**: of doctest, where a node does not come
/// up or refuses a peer.
class island {
public:
  using links = std::vector<std::pair<size_t, size_t>>; ///< the first of each asks for the second
  using time_point = std::chrono::steady_clock::time_point;
  using write_source = std::function<planned_write(std::mt19937_64& random)>;

  /// The first node's store is on the small disk.
  island(test_network& network, const small_disk& disk, size_t size, std::string bucket);
  ~island();
  island(const island&) = delete;
  island& operator=(const island&) = delete;

  /// Before they are started: the last one is dialled through a proxy that delays.
  void put_far_away(std::chrono::milliseconds delay);

  void start_all(const links& chosen);
  void federate();
  void kill(size_t node) { processes_[node]->kill(); }
  void start(size_t node);
  void signal(size_t node, int number) { processes_[node]->signal(number); }
  /// Kills it, and puts back an older copy of its store, a second old.
  void set_back(size_t node);
  void cut_both(size_t i, size_t j);
  void isolate(size_t node);

  void begin_writing(const write_source& source, uint64_t seed);
  void end_writing();

  /// Waits until all agree, and checks that every node knows what was acknowledged, and that its
  /// log has no gap.
  void check(std::chrono::milliseconds limit);

  size_t size() const { return nodes_.size(); }
  const address& node(size_t i) const { return nodes_[i]; }
  const std::vector<address>& nodes() const { return nodes_; }
  const links& linked() const { return links_; }
  test_network& network() { return network_; }
  const small_disk& disk() const { return disk_; }
  size_t writes() const { return written_.size(); }
  std::chrono::milliseconds settled{0}; ///< how long they took to agree

private:
  struct writer;
  /// What a node answered in that time was maybe on its disk alone, and then its store was set
  /// back.
  struct lost_time {
    size_t node = 0;
    time_point begin{};
    time_point end{};
  };

  static bool ready(const address& node);
  std::string data(size_t node) const;
  bool is_excused(size_t node, time_point at) const;
  void check_node(const address& node) const;
  std::string states() const;

  test_network& network_;
  const small_disk& disk_;
  std::string bucket_;
  std::vector<std::unique_ptr<temporary_folder>> folders_{};
  std::vector<std::unique_ptr<child_process>> processes_{};
  std::vector<address> nodes_{};
  std::vector<std::string> uris_{}; ///< where they are dialled
  std::unique_ptr<delay_proxy> proxy_{};
  links links_{};
  std::atomic<bool> stop_ = false;
  std::vector<std::unique_ptr<writer>> clients_{};
  std::vector<acknowledged> written_{};
  std::vector<lost_time> lost_{};
};

} // namespace treadmill::cluster
