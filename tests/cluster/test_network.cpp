#include "tests/cluster/test_network.hpp"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>

namespace treadmill::cluster {

namespace {

bool succeeds(const std::string& command) {
  return std::system(("{ " + command + "; } 2>/dev/null").c_str()) == 0; // NOLINT: fixed commands
}

} // namespace

test_network::test_network(size_t hosts) {
  if (::unshare(CLONE_NEWNET) != 0) {
    problem_ = std::string("no network namespace: ") + std::strerror(errno);
    return;
  }
  run("ip link set lo up");
  run("ip link add hub type bridge && ip addr add " + hub() + "/24 dev hub && ip link set hub up");
  for (size_t i = 0; i < hosts && problem_.empty(); ++i) {
    const std::string name = "treadmill-" + std::to_string(::getpid()) + "-" + std::to_string(i);
    names_.push_back(name);
    const std::string port = "port" + std::to_string(i);
    run("ip netns add " + name);
    run("ip link add " + port + " type veth peer name eth0 netns " + name);
    run("ip link set " + port + " master hub && ip link set " + port + " up");
    const std::string there = "ip netns exec " + name + " ";
    run(there + "ip link set lo up");
    run(there + "ip addr add " + address(i) + "/24 dev eth0");
    run(there + "ip link set eth0 up");
    run(there + "nft add table inet t");
    run(there + "nft add chain inet t in '{ type filter hook input priority 0; }'");
  }
}

test_network::~test_network() {
  for (const std::string& name : names_) {
    [[maybe_unused]] const bool gone = succeeds("ip netns del " + name);
  }
}

bool test_network::run(const std::string& command) {
  if (!problem_.empty()) return false;
  if (!succeeds(command)) problem_ = "failed: " + command;
  return problem_.empty();
}

void test_network::rule(size_t at, size_t from, const std::string& what) {
  run("ip netns exec " + names_[at] + " nft add rule inet t in ip saddr " + address(from) + " " +
      what);
}

void test_network::cut(size_t from, size_t to) { rule(to, from, "drop"); }
void test_network::lose(size_t from, size_t to, unsigned percent) {
  rule(to, from, "numgen random mod 100 '<' " + std::to_string(percent) + " drop");
}
void test_network::reset(size_t from, size_t to) {
  rule(to, from, "tcp dport 1445 reject with tcp reset");
}

void test_network::heal() {
  for (const std::string& name : names_)
    run("ip netns exec " + name + " nft flush chain inet t in");
}

void test_network::slow_down(size_t host, const std::string& rate) {
  run("ip netns exec " + names_[host] + " tc qdisc replace dev eth0 root tbf rate " + rate +
      " burst 16kb latency 200ms");
}

void test_network::speed_up(size_t host) {
  run("ip netns exec " + names_[host] + " tc qdisc del dev eth0 root");
}

} // namespace treadmill::cluster
