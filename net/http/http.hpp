#pragma once
#include "net/base/client_presence.hpp"
#include "net/base/clock.hpp"
#include "net/base/waker.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// HTTP requests and answers as the rest of Treadmill sees them: no library type, no socket.
namespace treadmill::http {

/// One complete request, with its body. Views point into the connection's buffer and live as long
/// as the request.
struct request {
  std::string_view method; ///< as sent; one of `known_methods` (http_head.hpp)
  std::string_view target; ///< raw: still percent-encoded, with the query
  std::string_view path;   ///< raw: the target up to '?'
  std::string_view query;  ///< raw: the text after '?', without a fragment
  std::vector<std::pair<std::string_view, std::string_view>>
      headers; ///< raw values, trimmed; never decoded
  std::string_view body;
  std::string_view remote_address; ///< numeric, without the port
  clock::time_point deadline;      ///< an answer is due by then
  client_presence client{};
  size_t door = 0; ///< of the server's addresses, the one where it came in

  /// The value of the header `name` (case does not matter), "" if it is absent.
  std::string_view header(std::string_view name) const;
};

/// The body of an answer that is produced piece by piece while its client takes it. Destroyed when
/// the answer is complete or its connection ends. **Thread**: one at a time, but not always the
/// same one.
class body_stream {
public:
  enum class state {
    more, ///< call again as soon as there is room
    wait, ///< nothing now: call again after the waker was called, or at `due()`
    done, ///< the body is complete
    cut,  ///< the body cannot be completed: the connection drops the bytes that `next` appended and
          ///< closes without the closing chunk, so that the client notices
  };
  virtual ~body_stream() = default;
  /// Appends a bounded piece (about 64 KiB) to `out`. Must not block for longer than a slice of
  /// work takes.
  virtual state next(std::string& out) = 0;
  /// Called once, before `next`.
  virtual void start(const waker&) {}
  /// When the connection calls `next` without a wake-up (heartbeats, timeouts).
  virtual clock::time_point due() const { return clock::time_point::max(); }
  /// A stream that may stay open for long (counted against the limit of feed clients, not of
  /// connections).
  virtual bool is_feed() const { return false; }
};

class responder;

/// Takes the body of one request piece by piece while it arrives, so that the body may be of any
/// length. The answer may begin before the body's end if it has a stream: the server then sends it
/// while it reads on. Any other answer before the end is the last one of its connection.
///
/// **Lifetime**: until the answer is complete; shorter if the client disconnects or the work makes
/// no progress, and then neither `end` nor `fail` may have been called.
/// **Thread**: one at a time, but not always the same one.
class body_sink {
public:
  enum class state {
    ok,      ///< the sink has room for the next piece
    wait,    ///< it took this one and has no more room: the server reads on when `resume` is `ok`
    refused, ///< it drops the rest of the body: the responder was answered, or will be
  };
  virtual ~body_sink() = default;
  /// True: the sink takes a body in chunks from its first byte. False: the server gathers a body
  /// within its limit and gives it to the handler; the sink gets only a larger one.
  virtual bool takes_small() const = 0;
  /// Bytes of memory that the sink holds now, and needs for the work on them. The server asks
  /// again after each call of `take` and `resume`, and calls `fail` if there is no room.
  virtual size_t memory() const = 0;
  /// Called once, before all others. Each call of the waker means that the work makes progress. If
  /// it makes none for longer than the deadline of a request, the server answers 504, or cuts the
  /// answer that has begun.
  virtual void start(responder answer, const waker& wake) = 0;
  /// Takes a piece of at most 64 KiB. It must not block.
  virtual state take(std::string_view piece) = 0;
  /// Called after each call of the waker, also after the body's end: the sink goes on with its
  /// work. The result counts only before the end.
  virtual state resume() = 0;
  /// The body is complete.
  virtual void end() = 0;
  /// The body breaks off: it is malformed, comes too slowly, needs more memory than there is, or
  /// the server stops. The sink gets no more pieces and has to answer, with this problem unless it
  /// knows better. It is the last answer of the connection.
  virtual void fail(const error& problem) = 0;
};

/// One answer. Exactly one of `body` and `stream` is used.
struct response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>>
      headers; ///< without Content-Length, Transfer-Encoding and Connection, which the server sets
  std::string content_type = "application/json";
  std::string body;
  std::unique_ptr<body_stream> stream; ///< sent in chunks; to HTTP/1.0 until the connection closes
  std::string route = "other"; ///< label of the metrics: a fixed name, never the client's text
};

/// Delivers the answer of one request, exactly once, from any thread. If it is destroyed without an
/// answer (the actor that held it died), it answers 500 `ambiguous`, so that the client always gets
/// an answer. Move-only.
class responder {
public:
  using function = std::function<void(response&&)>;
  responder() = default;
  explicit responder(function answer) : answer_(std::move(answer)) {}
  responder(responder&& other) noexcept : answer_(std::exchange(other.answer_, nullptr)) {}
  responder& operator=(responder&& other) noexcept;
  ~responder();
  void operator()(response&& answer);

private:
  function answer_;
};

/// The function that a server calls with each request. It must not block: a handler that has to
/// wait keeps the responder and answers later. The request's views stay valid until the responder
/// is called.
using handler = std::function<void(const request&, responder)>;

/// The function that a server calls with the head of a request whose body comes in chunks or is
/// larger than the limit. It returns the sink of that body, or nullptr if there is none. The
/// request has no body, and its views are valid during the call.
using sink_factory = std::function<std::unique_ptr<body_sink>(const request& head)>;

} // namespace treadmill::http
