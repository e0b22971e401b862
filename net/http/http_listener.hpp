#pragma once
#include "storage/base/result.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace treadmill::http {

/// The only part of the server that uses cpp-httplib, which binds and accepts. cpp-httplib never
/// reads or writes a connection's socket: the listener passes each socket on as soon as it is
/// accepted.
///
/// **Thread**: bind and run from one thread each, close from any.
class listener {
public:
  /// `accepted` takes ownership of each socket; called on the thread of run().
  explicit listener(std::function<void(int socket)> accepted);
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  /// Binds and returns the port. Sets SO_REUSEADDR, never SO_REUSEPORT, so that two nodes cannot
  /// share a port unnoticed. Errors: io_error with address and reason.
  result<uint16_t> bind(const std::string& host, uint16_t port, int backlog);
  /// Accepts until close().
  void run();
  /// Ends run(), also if run() has not begun yet.
  void close();

private:
  class library;
  std::unique_ptr<library> library_;
};

} // namespace treadmill::http
