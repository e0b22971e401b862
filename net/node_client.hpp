#pragma once
#include "storage/result.hpp"
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace treadmill::http {

/// Asks a running node over REST, for the tools of the command line.
/// **Thread**: a plain value. **Blocks** in `get`, for as long as `timeout` at the most without
/// progress. One connection, made anew where it was lost.
class node_client {
public:
  /// `host`: an address or a name; IPv6 without brackets.
  node_client(const std::string& host, uint16_t port, std::chrono::milliseconds timeout);
  ~node_client();
  node_client(const node_client&) = delete;
  node_client& operator=(const node_client&) = delete;

  /// "http://127.0.0.1:1444"
  const std::string& url() const { return url_; }
  /// The body of the answer to a GET. Errors: io_error (no connection, no answer in time); internal
  /// (an answer other than 200), with the node's reason where it gives one.
  result<std::string> get(const std::string& path);

private:
  struct impl;
  std::string url_;
  std::unique_ptr<impl> impl_;
};

} // namespace treadmill::http
