#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace treadmill::cluster {

/// Hosts of a test in network namespaces of their own, on one bridge. The process itself moves to a
/// new namespace, where the bridge is, and reaches all hosts; what passes between two hosts can be
/// stopped or made lossy, in each direction.
///
/// **Lifetime**: one a process. **Errors**: `problem` says why there is none on this machine.
class test_network {
public:
  explicit test_network(size_t hosts);
  ~test_network();
  test_network(const test_network&) = delete;
  test_network& operator=(const test_network&) = delete;

  const std::string& problem() const { return problem_; }
  size_t hosts() const { return names_.size(); }
  std::string address(size_t host) const { return "10.77.0." + std::to_string(host + 1); }
  /// Of this process, on the bridge.
  std::string hub() const { return "10.77.0.254"; }
  /// What to put before a command so that it runs on the host.
  std::vector<std::string> inside(size_t host) const {
    return {"/usr/sbin/ip", "netns", "exec", names_[host]};
  }

  /// Nothing of `from` arrives at `to` any more.
  void cut(size_t from, size_t to);
  /// So many of a hundred packets from `from` to `to` get lost.
  void lose(size_t from, size_t to, unsigned percent);
  /// Connections between the two are reset at their next packet.
  void reset(size_t from, size_t to);
  /// Takes back all of the above.
  void heal();
  /// What the host sends goes at this rate.
  void slow_down(size_t host, const std::string& rate);
  void speed_up(size_t host);

private:
  bool run(const std::string& command);
  void rule(size_t at, size_t from, const std::string& what);

  std::vector<std::string> names_{};
  std::string problem_{};
};

} // namespace treadmill::cluster
