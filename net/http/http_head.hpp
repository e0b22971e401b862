#pragma once
#include "net/http/defaults.hpp"
#include "storage/base/result.hpp"
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

/// A strict reader of HTTP/1 request heads and chunked bodies: pure functions over text, no socket,
/// no clock. It refuses everything that two readers could interpret differently (bare LF, folded
/// lines, two lengths, a length beside a transfer coding, a body where none belongs), because
/// request smuggling uses such differences.
namespace treadmill::http {

struct head_limits {
  size_t header_bytes = defaults::header_bytes;
  size_t header_count = defaults::header_count;
  size_t target_bytes = defaults::target_bytes;
  size_t request_bytes = defaults::request_bytes;
  /// Requests whose path begins with this may also be of the method COPY, and a DELETE may have a
  /// body, and a body the Content-Encoding gzip, as CouchDB's clients send them. Empty: none.
  std::string_view lenient_below{};
};

/// As `request_bytes`: a body may have any length.
inline constexpr size_t any_body_bytes = SIZE_MAX / 32;

/// A request's head. Views point into the text that was read.
struct request_head {
  std::string_view method;
  std::string_view target; ///< origin form (`/path?query`), or `*` of OPTIONS; the origin of an
                           ///< absolute form is removed
  std::string_view path;
  std::string_view query; ///< without '?' and fragment
  std::vector<std::pair<std::string_view, std::string_view>>
      headers; ///< values trimmed, never decoded
  size_t content_length = 0;
  bool chunked = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool http_1_0 = false;
};

/// The value of Allow if no path knows the method.
inline constexpr std::string_view known_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Finds the end of a head while it arrives; looks at every byte once. One empty line before the
/// request line is skipped (RFC 9112, 2.2).
class head_scanner {
public:
  /// `text` is everything received of the request: the bytes of the last call and the new ones.
  /// Returns the size of the head, or 0 while the head is incomplete. Errors: bad_request (a line
  /// that does not end with CR LF, a first byte that begins no method), uri_too_long,
  /// headers_too_large.
  result<size_t> scan(std::string_view text, const head_limits& limits);

private:
  result<void> check_limits(size_t line_end, size_t size, const head_limits& limits) const;

  size_t scanned_ = 0;
  size_t line_start_ = 0;
  size_t lines_ = 0;
};

/// Reads a whole head, as head_scanner delimited it, into `head` (whose memory is reused).
/// Errors: bad_request; http_version; method_not_allowed; uri_too_long; headers_too_large (too
/// many); unsupported_media_type (any Content-Encoding); too_large (Content-Length).
/// Without a length and chunks there is no body (RFC 9112, 6.3); a POST, PUT or PATCH of HTTP/1.0
/// without a length is the last request of its connection.
result<void> read_head(std::string_view text, const head_limits& limits, request_head& head);

/// True if the server may send `name: value` as a header: a token, and a value without control
/// characters.
bool is_sendable_header(std::string_view name, std::string_view value);

/// Decodes a chunked body while it arrives. Extensions and trailers are checked, bounded and
/// dropped.
class chunk_reader {
public:
  struct progress {
    size_t used = 0;    ///< bytes of `raw` that were taken
    size_t written = 0; ///< bytes of body that were written to `out`
    bool done = false;  ///< the last chunk and the trailers were read
  };
  explicit chunk_reader(size_t body_limit) : body_limit_(body_limit) {}
  /// Decodes all of `raw`, or up to the end of the body. `out` has room for raw.size() bytes and
  /// may be the address of `raw` or a lower one in the same buffer. Errors: bad_request; too_large
  /// (as soon as a chunk announces it).
  result<progress> read(std::string_view raw, char* out);

private:
  enum class state { size, extension, size_end, data, data_cr, data_lf, trailer, trailer_lf, done };
  result<void> take_size_byte(char c);
  result<void> take_byte(char c);

  size_t body_limit_;
  size_t body_bytes_ = 0; ///< announced so far
  size_t chunk_left_ = 0; ///< the size while it is read, then the bytes of data that are left
  size_t line_bytes_ = 0; ///< in this size line, or in all trailers
  size_t trailer_line_ = 0;
  bool has_digit_ = false;
  state state_ = state::size;
};

} // namespace treadmill::http
