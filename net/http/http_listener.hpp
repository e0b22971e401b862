#pragma once
#include "net/http/http.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace treadmill::http {

/// The status line and the headers of an answer.
struct answer_head {
  int status = 200;
  std::string_view date;         ///< as http_date.hpp writes it
  std::string_view content_type; ///< "": none
  const std::vector<std::pair<std::string, std::string>>* headers = nullptr;
  std::optional<size_t> content_length; ///< absent: none is sent
  bool chunked = false;
  bool close = false;
  bool http_1_0 = false; ///< the request's version; keep-alive is then sent explicitly
};

/// The only user of cpp-httplib, which binds, accepts, and writes the heads of answers. cpp-httplib
/// never reads or writes a connection's socket: the listener passes each socket on as soon as it is
/// accepted.
///
/// **Thread**: bind and run from one thread each, close and write_head from any.
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
  /// Appends an answer's head, with the empty line that ends it.
  void write_head(std::string& out, const answer_head& head);

private:
  class library;
  std::unique_ptr<library> library_;
};

} // namespace treadmill::http
