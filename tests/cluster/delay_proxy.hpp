#pragma once
#include "tests/cluster/http_client.hpp"
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

namespace treadmill::cluster {

/// A TCP proxy that holds everything back, each piece for a random part of `most`, in order. (The
/// kernel's own means, netem, is not everywhere.) It listens on a free port of `host`, on a thread
/// of its own, until it is destroyed.
class delay_proxy {
public:
  delay_proxy(const std::string& host, address to, std::chrono::milliseconds most);
  ~delay_proxy();
  delay_proxy(const delay_proxy&) = delete;
  delay_proxy& operator=(const delay_proxy&) = delete;

  /// Empty: it works.
  const std::string& problem() const { return problem_; }
  uint16_t port() const { return port_; }

private:
  class loop;

  std::string problem_{};
  uint16_t port_ = 0;
  int stop_ = -1; ///< an eventfd
  std::unique_ptr<loop> loop_;
  std::thread thread_{};
};

} // namespace treadmill::cluster
