#include "net/http/http_head.hpp"
#include <doctest/doctest.h>
#include <string>

namespace http = treadmill::http;
using treadmill::ec;

namespace {

ec code_of(const std::string& text, const http::head_limits& limits = {}) {
  http::request_head head;
  const auto read = http::read_head(text, limits, head);
  return read ? ec::none : read.error().code;
}

std::string get(const std::string& headers, const std::string& line = "GET / HTTP/1.1") {
  return line + "\r\nHost: a\r\n" + headers + "\r\n";
}

std::string post(const std::string& headers) { return get(headers, "POST /b HTTP/1.1"); }

// Scans as if `text` came in pieces of `step` bytes; 0: the end was not found.
treadmill::result<size_t> scan_in_steps(const std::string& text, size_t step,
                                        const http::head_limits& limits = {}) {
  http::head_scanner scanner;
  for (size_t size = std::min(step, text.size());; size = std::min(size + step, text.size())) {
    auto found = scanner.scan(std::string_view(text).substr(0, size), limits);
    if (!found || *found > 0 || size == text.size()) return found;
  }
}

struct decoded {
  ec code = ec::none;
  std::string body;
  size_t used = 0;
  bool done = false;
};

decoded decode(const std::string& raw, size_t step, size_t limit = 1000) {
  http::chunk_reader reader(limit);
  decoded got;
  while (got.used < raw.size() && !got.done) {
    std::string piece = raw.substr(got.used, step);
    const auto read = reader.read(piece, piece.data());
    if (!read) {
      got.code = read.error().code;
      return got;
    }
    got.body += piece.substr(0, read->written);
    got.used += read->used;
    got.done = read->done;
  }
  return got;
}

} // namespace

TEST_CASE("a request's head is taken apart as it was sent") {
  const std::string text = "PUT /b/a%2Fb?x=1&y=%20#frag HTTP/1.1\r\nHost: box:1444\r\n"
                           "Content-Length:  12\t\r\nX-Empty:\r\nX-Raw: a%0d%0ab \xc3\xa9\r\n\r\n";
  http::request_head head;
  REQUIRE(http::read_head(text, {}, head));
  CHECK(head.method == "PUT");
  CHECK(head.path == "/b/a%2Fb");
  CHECK(head.query == "x=1&y=%20");
  CHECK(head.content_length == 12);
  CHECK(head.keep_alive);
  CHECK_FALSE(head.chunked);
  CHECK_FALSE(head.http_1_0);
  REQUIRE(head.headers.size() == 4);
  CHECK(head.headers[1].second == "12");
  CHECK(head.headers[2].second.empty());
  CHECK(head.headers[3].second == "a%0d%0ab \xc3\xa9"); // never decoded
}

TEST_CASE("a head that is read after another keeps nothing of it") {
  http::request_head head;
  REQUIRE(http::read_head(
      post("Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n"), {}, head));
  CHECK(head.expects_continue);
  REQUIRE(http::read_head(get("", "GET /x HTTP/1.1"), {}, head));
  CHECK(head.content_length == 0);
  CHECK_FALSE(head.expects_continue);
  CHECK(head.keep_alive);
  CHECK(head.headers.size() == 1);
  CHECK(head.query.empty());
}

TEST_CASE("all methods of the interface are taken, any other is 405") {
  for (const auto method : {"GET", "HEAD", "DELETE", "OPTIONS"})
    CHECK(code_of(get("", std::string(method) + " / HTTP/1.1")) == ec::none);
  for (const auto method : {"POST", "PUT", "PATCH"})
    CHECK(code_of(get("Content-Length: 0\r\n", std::string(method) + " / HTTP/1.1")) == ec::none);
  for (const auto method : {"TRACE", "CONNECT", "get", "FOO", "GETT"})
    CHECK(code_of(get("", std::string(method) + " / HTTP/1.1")) == ec::method_not_allowed);
}

TEST_CASE("a request line that is not method, target and version is refused") {
  for (const auto line :
       {"GET /", "GET", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET / HTTP/1.10",
        "GET / http/1.1", "GET / HTTP/1,1", "G(T / HTTP/1.1", "GET /a b HTTP/1.1",
        "GET /\x01 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET b HTTP/1.1", "GET * HTTP/1.1",
        "GET ftp://a/ HTTP/1.1", "GET\t/\tHTTP/1.1", "GET /\t HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(code_of(get("", line)) == ec::bad_request);
  }
  CHECK(code_of(get("", std::string("GET /\0 HTTP/1.1", 15))) == ec::bad_request);
}

TEST_CASE("only versions 1.0 and 1.1 are spoken") {
  CHECK(code_of(get("", "GET / HTTP/1.0")) == ec::none);
  for (const auto version : {"HTTP/9.9", "HTTP/2.0", "HTTP/1.2", "HTTP/0.9"})
    CHECK(code_of(get("", std::string("GET / ") + version)) == ec::http_version);
}

TEST_CASE("an absolute target is split like its path, and its authority replaces Host") {
  const auto read = [](const std::string& target) {
    static std::string text;
    text = get("", "GET " + target + " HTTP/1.1");
    http::request_head head;
    REQUIRE(http::read_head(text, {}, head));
    return head;
  };
  auto head = read("http://box:1444/b/x?y=1");
  CHECK(head.path == "/b/x");
  CHECK(head.query == "y=1");
  CHECK(head.headers[0].second == "box:1444");
  CHECK(read("HTTP://box").path == "/");
  head = read("http://box?y=1#z");
  CHECK(head.path == "/");
  CHECK(head.query == "y=1");
  CHECK(read("/a?b?c").query == "b?c");
  CHECK(read("/a#b?c").query.empty());
  http::request_head options;
  const std::string text = get("", "OPTIONS * HTTP/1.1");
  REQUIRE(http::read_head(text, {}, options));
  CHECK(options.path == "*");
}

TEST_CASE("header lines that two readers could understand differently are refused") {
  for (const auto line :
       {"X-A : 1\r\n", "X A: 1\r\n", ": 1\r\n", "X-A\r\n", " X-A: 1\r\n", "X-A: 1\r\n 2\r\n",
        "X-A: 1\r\n\t2\r\n", "X-A: a\rb\r\n", "X-A: a\x01\r\n", "X-A: \x7f\r\n", "X\x80: 1\r\n"}) {
    CAPTURE(line);
    CHECK(code_of(get(line)) == ec::bad_request);
  }
  CHECK(code_of(get(std::string("X-A: a\0b\r\n", 10))) == ec::bad_request);
  CHECK(code_of(get("X-A: tab\there\r\n")) == ec::none);
}

TEST_CASE("HTTP/1.1 needs exactly one Host, and it is a host") {
  CHECK(code_of("GET / HTTP/1.1\r\n\r\n") == ec::bad_request);
  CHECK(code_of("GET / HTTP/1.0\r\n\r\n") == ec::none);
  CHECK(code_of("GET / HTTP/1.1\r\nHost:\r\n\r\n") == ec::none);
  CHECK(code_of("GET / HTTP/1.1\r\nhOST: [::1]:1444\r\n\r\n") == ec::none);
  CHECK(code_of(get("Host: b\r\n")) == ec::bad_request);
  CHECK(code_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == ec::bad_request);
  CHECK(code_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == ec::bad_request);
}

TEST_CASE("a body's length is one number, or chunked, and never both") {
  CHECK(code_of(post("Content-Length: 007\r\n")) == ec::none);
  CHECK(code_of(post("Transfer-Encoding: Chunked\r\n")) == ec::none);
  for (const auto headers :
       {"Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1\r\ncontent-length: 2\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Content-Length: -1\r\n",
        "Content-Length: +1\r\n", "Content-Length: 0x1\r\n", "Content-Length: 1 2\r\n",
        "Content-Length: 1,1\r\n", "Content-Length:\r\n", "Content-Length: 1e1\r\n",
        "Content-Length: 99999999999999999999\r\n", "Content-Length: 18446744073709551617\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n"}) {
    CAPTURE(headers);
    CHECK(code_of(post(headers)) == ec::bad_request);
  }
  CHECK(code_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == ec::bad_request);
}

TEST_CASE("an absolute form without a host is refused") {
  for (const std::string target :
       {"http:///b/x", "http://", "http://?y=1", "http://#z", "http://:1444/b/x"})
    CHECK(code_of(get("", "GET " + target + " HTTP/1.1")) == ec::bad_request);
  CHECK(code_of(get("", "GET http://box/ HTTP/1.1")) == ec::none);
}

TEST_CASE("a body where none belongs is refused, and one without a length and chunks is empty") {
  for (const auto method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
    const std::string line = std::string(method) + " / HTTP/1.1";
    CHECK(code_of(get("Content-Length: 1\r\n", line)) == ec::bad_request);
    CHECK(code_of(get("Transfer-Encoding: chunked\r\n", line)) == ec::bad_request);
    CHECK(code_of(get("Content-Length: 0\r\n", line)) == ec::none);
  }
  for (const std::string method : {"POST", "PUT", "PATCH"}) {
    http::request_head head;
    const std::string text = get("", method + " / HTTP/1.1");
    REQUIRE(http::read_head(text, {}, head));
    CHECK(head.content_length == 0);
    CHECK_FALSE(head.chunked);
    CHECK(head.keep_alive);
    // What a client of HTTP/1.0 sends behind it, until it closes, is no request.
    const std::string old = get("Connection: keep-alive\r\n", method + " / HTTP/1.0");
    REQUIRE(http::read_head(old, {}, head));
    CHECK_FALSE(head.keep_alive);
    const std::string sized =
        get("Connection: keep-alive\r\nContent-Length: 0\r\n", method + " / HTTP/1.0");
    REQUIRE(http::read_head(sized, {}, head));
    CHECK(head.keep_alive);
  }
}

TEST_CASE("limits of a head: body, target, number of headers, content encoding") {
  http::head_limits limits;
  limits.request_bytes = 10;
  limits.target_bytes = 20;
  limits.header_count = 3;
  CHECK(code_of(post("Content-Length: 10\r\n"), limits) == ec::none);
  CHECK(code_of(post("Content-Length: 11\r\n"), limits) == ec::too_large);
  CHECK(code_of(get("", "GET /" + std::string(19, 'a') + " HTTP/1.1"), limits) == ec::none);
  CHECK(code_of(get("", "GET /" + std::string(20, 'a') + " HTTP/1.1"), limits) == ec::uri_too_long);
  CHECK(code_of(get("A: 1\r\nB: 1\r\n"), limits) == ec::none);
  CHECK(code_of(get("A: 1\r\nB: 1\r\nC: 1\r\n"), limits) == ec::headers_too_large);
  for (const auto coding : {"gzip", "br", "identity", ""})
    CHECK(code_of(post(std::string("Content-Length: 1\r\nContent-Encoding: ") + coding + "\r\n")) ==
          ec::unsupported_media_type);
}

TEST_CASE("a connection is kept or closed as version and Connection say") {
  const auto kept = [](const std::string& version, const std::string& headers) {
    http::request_head head;
    REQUIRE(http::read_head(get(headers, "GET / HTTP/" + version), {}, head));
    return head.keep_alive;
  };
  CHECK(kept("1.1", ""));
  CHECK_FALSE(kept("1.1", "Connection: Close\r\n"));
  CHECK_FALSE(kept("1.1", "Connection: x, close ,y\r\n"));
  CHECK_FALSE(kept("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK(kept("1.1", "Connection: closed\r\n"));
  CHECK_FALSE(kept("1.0", ""));
  CHECK(kept("1.0", "Connection: Keep-Alive\r\n"));
  CHECK_FALSE(kept("1.0", "Connection: keep-alive, close\r\n"));
}

TEST_CASE("the end of a head is found wherever it is cut in pieces") {
  const std::string head = get("A: 1\r\nB: 2\r\n");
  for (size_t step = 1; step <= head.size() + 3; ++step) {
    CAPTURE(step);
    CHECK(scan_in_steps(head + "GET", step).value() == head.size());
    CHECK(scan_in_steps(head.substr(0, head.size() - 1), step).value() == 0);
  }
}

TEST_CASE("one empty line before a request is skipped, a second is not") {
  const std::string head = get("");
  CHECK(scan_in_steps("\r\n" + head, 1).value() == head.size() + 2);
  CHECK(code_of("\r\n" + head) == ec::none);
  CHECK(scan_in_steps("\r\n\r\n" + head, 1).error().code == ec::bad_request);
}

TEST_CASE("a scan refuses bare line feeds and what begins no method, at once") {
  CHECK(scan_in_steps("GET / HTTP/1.1\n", 1).error().code == ec::bad_request);
  CHECK(scan_in_steps("GET / HTTP/1.1\r\nA: 1\n", 1).error().code == ec::bad_request);
  CHECK(scan_in_steps("\n", 1).error().code == ec::bad_request);
  CHECK(scan_in_steps("\x16\x03\x01", 3).error().code == ec::bad_request); // TLS
  CHECK(scan_in_steps(std::string(1, '\0'), 1).error().code == ec::bad_request);
}

TEST_CASE("a scan stops at the limits although no end has come") {
  http::head_limits limits;
  limits.header_bytes = 500;
  limits.target_bytes = 100;
  limits.header_count = 5;
  const std::string line = "GET / HTTP/1.1\r\n";
  for (const size_t step : {size_t{1}, size_t{7}, size_t{5000}}) {
    CAPTURE(step);
    CHECK(scan_in_steps("GET /" + std::string(1000, 'a'), step, limits).error().code ==
          ec::uri_too_long);
    CHECK(scan_in_steps("GET /" + std::string(300, 'a') + " HTTP/1.1\r\n", step, limits)
              .error()
              .code == ec::uri_too_long);
    CHECK(scan_in_steps(line + "A: " + std::string(1000, 'a'), step, limits).error().code ==
          ec::headers_too_large);
    CHECK(scan_in_steps(line + "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n", step, limits).error().code ==
          ec::headers_too_large);
  }
  // One byte less is taken.
  const std::string largest = line + "A: " + std::string(500 - line.size() - 7, 'a') + "\r\n\r\n";
  REQUIRE(largest.size() == 500);
  CHECK(scan_in_steps(largest, 1, limits).value() == 500);
  CHECK(scan_in_steps(line + "AA: " + largest.substr(line.size() + 3), 501, limits).error().code ==
        ec::headers_too_large);
}

TEST_CASE("only what can stand in a header line is sendable") {
  CHECK(http::is_sendable_header("ETag", "\"rev1-ab\""));
  CHECK_FALSE(http::is_sendable_header("", "a"));
  CHECK_FALSE(http::is_sendable_header("A B", "a"));
  CHECK_FALSE(http::is_sendable_header("A", "a\r\nSet-Cookie: b"));
  CHECK_FALSE(http::is_sendable_header("A", std::string_view("a\0b", 3)));
}

TEST_CASE("a chunked body is decoded wherever it is cut in pieces") {
  const std::string raw =
      "5\r\nhello\r\n1;a=\"b\"\r\n \r\n00000A\r\n0123456789\r\n0\r\nTrail: er\r\n\r\n";
  for (size_t step = 1; step <= raw.size() + 4; ++step) {
    CAPTURE(step);
    const auto got = decode(raw + "GET", step);
    CHECK(got.code == ec::none);
    CHECK(got.done);
    CHECK(got.body == "hello 0123456789");
    CHECK(got.used == raw.size());
  }
  CHECK(decode("0\r\n\r\n", 1).done);
  CHECK_FALSE(decode("0\r\n\r", 1).done);
}

TEST_CASE("a chunked body that breaks its frame is refused") {
  for (const auto raw : {"\r\n", "g\r\n", "-2\r\n", "+2\r\n", "0x2\r\n", " 2\r\n", "2 \r\n",
                         "2\nab\r\n", "2\r\nabc\r\n", "2\r\nab\n0\r\n\r\n", "2\r\nab0\r\n\r\n",
                         ";a\r\n", "2;\x01\r\n", "0\r\n\x01\r\n", "0\r\na\n", "0\r\n\rx"}) {
    CAPTURE(raw);
    for (const size_t step : {1, 100}) CHECK(decode(raw, step).code == ec::bad_request);
  }
  CHECK(decode("1;" + std::string(300, 'a'), 1).code == ec::bad_request);
  CHECK(decode(std::string(300, '0'), 1).code == ec::bad_request);
  CHECK(decode("0\r\n" + std::string(5000, 'a'), 100).code == ec::headers_too_large);
}

TEST_CASE("a chunked body over the limit is refused before its bytes come") {
  CHECK(decode("3e8\r\n", 1).code == ec::none);
  CHECK(decode("3e9\r\n", 1).code == ec::too_large);
  CHECK(decode("ffffffffffffffff\r\n", 1).code == ec::too_large);
  CHECK(decode("10000000000000000\r\n", 1).code == ec::too_large);
  CHECK(decode("4\r\nabcd\r\n7\r\n", 1, 10).code == ec::too_large);
  CHECK(decode("4\r\nabcd\r\n6\r\n", 1, 10).code == ec::none);
}

TEST_CASE("what CouchDB's clients send is read below one path alone") {
  http::head_limits limits;
  limits.lenient_below = "/_couch/";
  const auto read = [&](const std::string& method, const std::string& path,
                        const std::string& more) {
    http::request_head head;
    const auto done = http::read_head(
        method + ' ' + path + " HTTP/1.1\r\nHost: a\r\n" + more + "\r\n", limits, head);
    return done ? ec::none : done.error().code;
  };
  const std::string length = "Content-Length: 2\r\n";
  const std::string gzip = "Content-Encoding: gzip\r\n";
  CHECK(read("COPY", "/_couch/d/a", "") == ec::none);
  CHECK(read("DELETE", "/_couch/d/a", length) == ec::none);
  CHECK(read("PUT", "/_couch/d/a", length + gzip) == ec::none);
  CHECK(read("GET", "/_couch/d/a", length) == ec::bad_request);
  CHECK(read("MOVE", "/_couch/d/a", "") == ec::method_not_allowed);
  CHECK(read("DELETE", "/_couch/d/a", length + length) == ec::bad_request);
  for (const std::string path : {"/d/a", "/_couch", "/x/_couch/d", "/_Couch/d"}) {
    CHECK(read("COPY", path, "") == ec::method_not_allowed);
    CHECK(read("DELETE", path, length) == ec::bad_request);
    CHECK(read("PUT", path, length + gzip) == ec::unsupported_media_type);
  }
  limits.lenient_below = {};
  CHECK(read("COPY", "/_couch/d/a", "") == ec::method_not_allowed);
  CHECK(read("DELETE", "/_couch/d/a", length) == ec::bad_request);
}
