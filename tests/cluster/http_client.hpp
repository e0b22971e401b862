#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treadmill::cluster {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// Where a node listens; an address, IPv6 without brackets.
struct address {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
};

/// What came back for one request.
struct http_answer {
  int status = 0;    ///< 0: no answer came; `problem` says why
  bool sent = false; ///< a byte of the request left: without an answer, what it did is unknown
  header_list headers{};
  std::string body{};
  std::string problem{};

  /// The body's one line, without the end that each JSON answer has; empty where it has none.
  std::string line() const;
  bool ok() const { return status >= 200 && status < 300; }
  std::string header(std::string_view name) const;
  /// The value of the first string member of that name, as it stands in the body's text.
  std::string member(std::string_view name) const;
  bool says(std::string_view text) const { return body.find(text) != std::string::npos; }
};

/// An HTTP/1.1 client for tests, on a socket of its own, that does nothing behind its user's back:
/// no redirects, no second attempt. It keeps its connection as long as the server does.
///
/// **Thread**: one. **Errors**: an answer with status 0. Every call ends after the deadline at the
/// latest.
class http_client {
public:
  using milliseconds = std::chrono::milliseconds;

  explicit http_client(address where, milliseconds deadline = std::chrono::seconds(10))
      : where_(std::move(where)), deadline_(deadline) {}
  ~http_client() { close(); }
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  http_client(http_client&& other) noexcept;
  http_client& operator=(http_client&&) = delete;

  /// A whole exchange.
  http_answer send(std::string_view method, std::string_view target, std::string_view body = {},
                   const header_list& headers = {});
  http_answer get(std::string_view target) { return send("GET", target); }

  /// Sends a request and reads the head of the answer; the body is left to read_some.
  http_answer start(std::string_view method, std::string_view target, std::string_view body = {},
                    const header_list& headers = {});
  enum class piece : uint8_t {
    data,    ///< something was appended
    end,     ///< the body is complete: its closing chunk or its last byte came
    cut,     ///< the connection ended before
    nothing, ///< nothing came in that time
  };
  /// The next piece of the body, waiting for at most `wait`.
  piece read_some(std::string& out, milliseconds wait);

  /// Opens the connection now instead of with the first request. False: it was refused.
  bool connect();
  void close();
  /// A reader that can take little: bytes of the socket's receive buffer, before connecting.
  void set_receive_buffer(int bytes) { receive_buffer_ = bytes; }

private:
  using time_point = std::chrono::steady_clock::time_point;

  bool connect_until(time_point end);
  bool send_all(std::string_view bytes, time_point end, bool& sent);
  enum class filled : uint8_t { some, end, late };
  filled fill(time_point end);
  bool read_line(std::string& line, time_point end);
  bool read_head(http_answer& answer, time_point end);
  void set_framing(const http_answer& answer, std::string_view method);
  /// Reads the size line of the next chunk if one is due. Answers what there is to say already.
  piece open_chunk(time_point end);
  piece finish();
  http_answer give_up(http_answer answer, std::string problem);

  address where_;
  milliseconds deadline_;
  int receive_buffer_ = 0;
  int socket_ = -1;
  std::string buffer_{}; ///< received and not yet taken
  size_t taken_ = 0;
  bool chunked_ = false;
  bool in_chunk_ = false;
  bool until_close_ = false;
  bool close_after_ = false;
  uint64_t left_ = 0; ///< bytes of the body, or of its current chunk
};

} // namespace treadmill::cluster
