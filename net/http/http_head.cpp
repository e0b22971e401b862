#include "net/http/http_head.hpp"
#include "net/http/header_text.hpp"
#include <algorithm>
#include <cstring>

namespace treadmill::http {

namespace {

// Bytes of a request line beside its target: a method, two spaces, a version.
constexpr size_t request_line_rest = 64;
// Most bytes of one size line of a chunk, extensions included, and of all trailers.
constexpr size_t chunk_line_bytes = 256;
constexpr size_t trailer_bytes = 4096;

// Bytes above 0x7f pass: curl sends a URL's UTF-8 as it was typed.
bool is_target(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f;
  });
}

bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f && !std::strchr("/?#@\\,\"<>{}|^`", c);
  });
}

bool has_list_item(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (equal_ignoring_case(trim(list.substr(0, comma)), item)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

tl::unexpected<error> bad(const char* reason) { return fail(ec::bad_request, reason); }

// Headers about the message itself, collected before judge() checks them together.
struct framing {
  size_t hosts = 0;
  size_t lengths = 0;
  size_t codings = 0;
  bool content_encoding = false;
  bool close = false;
  bool keep_alive = false;
  std::string_view host;
  std::string_view length;
  std::string_view coding;
};

void note(framing& seen, request_head& head, std::string_view name, std::string_view value) {
  switch (name.size()) {
  case 4:
    if (equal_ignoring_case(name, "host")) {
      ++seen.hosts;
      seen.host = value;
    }
    break;
  case 6:
    if (equal_ignoring_case(name, "expect") && equal_ignoring_case(value, "100-continue"))
      head.expects_continue = true;
    break;
  case 10:
    if (equal_ignoring_case(name, "connection")) {
      seen.close = seen.close || has_list_item(value, "close");
      seen.keep_alive = seen.keep_alive || has_list_item(value, "keep-alive");
    }
    break;
  case 14:
    if (equal_ignoring_case(name, "content-length")) {
      ++seen.lengths;
      seen.length = value;
    }
    break;
  case 16:
    seen.content_encoding = seen.content_encoding || equal_ignoring_case(name, "content-encoding");
    break;
  case 17:
    if (equal_ignoring_case(name, "transfer-encoding")) {
      ++seen.codings;
      seen.coding = value;
    }
    break;
  default: break;
  }
}

struct request_line {
  std::string_view method, target, version;
};

result<request_line> read_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("the request line is not a method, a target and a version");
  request_line read{line.substr(0, first), line.substr(first + 1, last - first - 1),
                    line.substr(last + 1)};
  if (!is_token(read.method)) return bad("the method is not a token");
  if (!is_target(read.target))
    return bad("the request target has a character that it may not have");
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (read.version.size() != 8 || read.version.substr(0, 5) != "HTTP/" || !digit(read.version[5]) ||
      read.version[6] != '.' || !digit(read.version[7]))
    return bad("the request line does not end with an HTTP version");
  return read;
}

result<void> read_header(std::string_view line, framing& seen, request_head& head) {
  const size_t colon = line.find(':');
  // A folded line begins with white space and so fails here too.
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return bad("a header line does not begin with a name and a colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_value(value)) return bad("a header value has a control character");
  head.headers.emplace_back(name, value);
  note(seen, head, name, value);
  return {};
}

// Removes the origin of an absolute form and splits the rest.
result<void> split_target(request_head& head, framing& seen) {
  std::string_view target = head.target;
  if (target == "*" && head.method == "OPTIONS") {
    head.path = target;
    return {};
  }
  if (target.size() > 7 && equal_ignoring_case(target.substr(0, 7), "http://")) {
    const size_t end = std::min(target.find_first_of("/?#", 7), target.size());
    seen.host = target.substr(7, end - 7);
    // RFC 9110, 4.2.1: an http URI without a host must be rejected.
    if (seen.host.empty() || seen.host.front() == ':') return bad("the request target has no host");
    // RFC 9112, 3.2.2: the target's authority replaces the Host header.
    for (auto& [name, value] : head.headers)
      if (equal_ignoring_case(name, "host")) value = seen.host;
    target.remove_prefix(end);
    if (target.empty() || target.front() == '#') {
      head.target = head.path = "/";
      return {};
    }
    if (target.front() == '?') {
      head.target = target;
      head.path = "/";
      head.query = target.substr(1, std::min(target.find('#'), target.size()) - 1);
      return {};
    }
  }
  if (target.front() != '/') return bad("the request target does not begin with a slash");
  head.target = target;
  target = target.substr(0, target.find('#'));
  const size_t mark = target.find('?');
  head.path = target.substr(0, mark);
  if (mark != std::string_view::npos) head.query = target.substr(mark + 1);
  return {};
}

enum class body_rule { taken, refused, lenient, unknown_method };

body_rule rule_of(std::string_view method) {
  if (method == "GET" || method == "HEAD" || method == "OPTIONS") return body_rule::refused;
  if (method == "DELETE" || method == "COPY") return body_rule::lenient;
  if (method == "POST" || method == "PUT" || method == "PATCH") return body_rule::taken;
  return body_rule::unknown_method;
}

result<void> read_length(const framing& seen, request_head& head, const head_limits& limits) {
  if (seen.lengths > 1) return bad("there is more than one Content-Length");
  if (seen.codings > 1) return bad("there is more than one Transfer-Encoding");
  if (seen.lengths && seen.codings)
    return bad("there are both a Content-Length and a Transfer-Encoding");
  if (seen.codings) {
    if (head.http_1_0 || !equal_ignoring_case(seen.coding, "chunked"))
      return bad("the only transfer coding that is read is chunked, of HTTP/1.1");
    head.chunked = true;
  }
  if (!seen.lengths) return {};
  // 18 digits fit in 64 bits, and no body is that long.
  if (seen.length.empty() || seen.length.size() > 18)
    return bad("the Content-Length is not a number");
  for (const char c : seen.length) {
    if (c < '0' || c > '9') return bad("the Content-Length is not a number");
    head.content_length = head.content_length * 10 + static_cast<size_t>(c - '0');
  }
  if (head.content_length > limits.request_bytes)
    return fail(ec::too_large, "the request's body is larger than the limit");
  return {};
}

result<void> judge(const framing& seen, request_head& head, const head_limits& limits) {
  body_rule rule = rule_of(head.method);
  const bool lenient = !limits.lenient_below.empty() && head.path.starts_with(limits.lenient_below);
  if (rule == body_rule::unknown_method || (head.method == "COPY" && !lenient))
    return fail(ec::method_not_allowed, "the method is not known here");
  if (rule == body_rule::lenient) rule = lenient ? body_rule::taken : body_rule::refused;
  if (seen.hosts > 1 || (seen.hosts == 0 && !head.http_1_0))
    return bad("a request of HTTP/1.1 needs one Host");
  if (!is_host(seen.host)) return bad("the Host is not a host");
  if (auto read = read_length(seen, head, limits); !read) return read;
  if (rule == body_rule::refused && (head.chunked || head.content_length > 0))
    return bad("a request of this method has no body");
  if (seen.content_encoding && !lenient)
    return fail(ec::unsupported_media_type, "a body with a Content-Encoding is not taken");
  head.keep_alive = head.http_1_0 ? seen.keep_alive && !seen.close : !seen.close;
  // Without a length and chunks the body is empty (RFC 9112, 6.3). A sender of HTTP/1.0 may have
  // meant the following bytes as a body, so they must never be read as the next request.
  if (head.http_1_0 && rule == body_rule::taken && !seen.lengths) head.keep_alive = false;
  head.expects_continue = head.expects_continue && !head.http_1_0;
  return {};
}

} // namespace

// The current line is known to extend to `line_end` at least, and the head to `size`.
result<void> head_scanner::check_limits(size_t line_end, size_t size,
                                        const head_limits& limits) const {
  if (lines_ == 0 && line_end - line_start_ > limits.target_bytes + request_line_rest)
    return fail(ec::uri_too_long, "the request target is longer than the limit");
  if (size > limits.header_bytes)
    return fail(ec::headers_too_large, "the headers are larger than the limit");
  return {};
}

result<size_t> head_scanner::scan(std::string_view text, const head_limits& limits) {
  for (;;) {
    if (lines_ == 0 && text.size() > line_start_ && !is_token_char(text[line_start_]) &&
        text[line_start_] != '\r' && text[line_start_] != '\n')
      return bad("the request does not begin with a method");
    const size_t feed = text.find('\n', scanned_);
    if (feed == std::string_view::npos) break;
    if (auto within = check_limits(feed, feed + 1, limits); !within)
      return tl::unexpected(std::move(within.error()));
    if (feed == 0 || text[feed - 1] != '\r') return bad("a line does not end with CR LF");
    const bool empty = feed == line_start_ + 1;
    if (empty && lines_ > 0) return feed + 1;
    if (empty && line_start_ > 0) return bad("the request begins with empty lines");
    if (!empty && ++lines_ > limits.header_count + 1)
      return fail(ec::headers_too_large, "there are more headers than the limit allows");
    line_start_ = scanned_ = feed + 1;
  }
  scanned_ = text.size();
  if (auto within = check_limits(text.size(), text.size(), limits); !within)
    return tl::unexpected(std::move(within.error()));
  return size_t{0};
}

result<void> read_head(std::string_view text, const head_limits& limits, request_head& head) {
  auto headers = std::move(head.headers);
  headers.clear();
  head = request_head{};
  head.headers = std::move(headers);

  if (text.substr(0, 2) == "\r\n") text.remove_prefix(2);
  const size_t first_end = text.find("\r\n");
  if (first_end == std::string_view::npos) return bad("the head of the request has no end");
  auto line = read_request_line(text.substr(0, first_end));
  if (!line) return tl::unexpected(std::move(line.error()));
  text.remove_prefix(first_end + 2);

  framing seen;
  for (;;) {
    const size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return bad("the head of the request has no end");
    if (end == 0) break;
    if (head.headers.size() == limits.header_count)
      return fail(ec::headers_too_large, "there are more headers than the limit allows");
    if (auto read = read_header(text.substr(0, end), seen, head); !read) return read;
    text.remove_prefix(end + 2);
  }
  if (text.size() != 2) return bad("the head of the request goes on after its end");

  head.method = line->method;
  head.target = line->target;
  if (line->version != "HTTP/1.1" && line->version != "HTTP/1.0")
    return fail(ec::http_version, "only HTTP/1.1 and HTTP/1.0 are supported");
  head.http_1_0 = line->version == "HTTP/1.0";
  if (head.target.size() > limits.target_bytes)
    return fail(ec::uri_too_long, "the request target is longer than the limit");
  if (rule_of(head.method) != body_rule::unknown_method)
    if (auto split = split_target(head, seen); !split) return split;
  return judge(seen, head, limits);
}

bool is_sendable_header(std::string_view name, std::string_view value) {
  return is_token(name) && is_value(value);
}

result<void> chunk_reader::take_size_byte(char c) {
  int digit = -1;
  if (c >= '0' && c <= '9') digit = c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') digit = lower(c) - 'a' + 10;
  if (digit >= 0) {
    has_digit_ = true;
    chunk_left_ = chunk_left_ * 16 + static_cast<size_t>(digit);
    // Checked at every digit, so that the next multiplication cannot overflow.
    if (chunk_left_ > body_limit_ - body_bytes_)
      return fail(ec::too_large, "the request's body is larger than the limit");
    return {};
  }
  if (!has_digit_ || (c != ';' && c != '\r')) return bad("the size of a chunk is no size");
  state_ = c == ';' ? state::extension : state::size_end;
  return {};
}

// Takes every byte except chunk data.
result<void> chunk_reader::take_byte(char c) {
  switch (state_) {
  case state::size:
  case state::extension:
    if (++line_bytes_ > chunk_line_bytes) return bad("the size line of a chunk is too long");
    if (state_ == state::size) return take_size_byte(c);
    if (c == '\r')
      state_ = state::size_end;
    else if (is_control(c))
      return bad("a chunk extension has a control character");
    return {};
  case state::size_end:
    if (c != '\n') return bad("the size line of a chunk does not end with CR LF");
    body_bytes_ += chunk_left_;
    state_ = chunk_left_ > 0 ? state::data : state::trailer;
    line_bytes_ = trailer_line_ = 0;
    has_digit_ = false;
    return {};
  case state::data_cr:
    if (c != '\r') return bad("a chunk does not end with CR LF");
    state_ = state::data_lf;
    return {};
  case state::data_lf:
    if (c != '\n') return bad("a chunk does not end with CR LF");
    state_ = state::size;
    return {};
  case state::trailer:
    if (++line_bytes_ > trailer_bytes)
      return fail(ec::headers_too_large, "the trailers are too large");
    if (c == '\r')
      state_ = state::trailer_lf;
    else if (is_control(c))
      return bad("a trailer has a control character");
    else
      ++trailer_line_;
    return {};
  case state::trailer_lf:
    if (c != '\n') return bad("a trailer does not end with CR LF");
    state_ = trailer_line_ == 0 ? state::done : state::trailer;
    trailer_line_ = 0;
    return {};
  case state::data:
  case state::done: break;
  }
  return {};
}

result<chunk_reader::progress> chunk_reader::read(std::string_view raw, char* out) {
  progress step;
  while (step.used < raw.size() && state_ != state::done) {
    if (state_ == state::data) {
      const size_t size = std::min(chunk_left_, raw.size() - step.used);
      std::memmove(out + step.written, raw.data() + step.used, size);
      step.used += size;
      step.written += size;
      chunk_left_ -= size;
      if (chunk_left_ == 0) state_ = state::data_cr;
    } else if (auto taken = take_byte(raw[step.used++]); !taken) {
      return tl::unexpected(std::move(taken.error()));
    }
  }
  step.done = state_ == state::done;
  return step;
}

} // namespace treadmill::http
