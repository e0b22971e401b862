#include "net/http/answer_head.hpp"
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

namespace http = treadmill::http;

namespace {

constexpr std::string_view some_date = "Sun, 06 Nov 1994 08:49:37 GMT";

using header_list = std::vector<std::pair<std::string, std::string>>;

std::string written(http::answer_head head, const header_list& headers = {}) {
  head.date = some_date;
  head.headers = &headers;
  std::string out;
  http::append_head(out, head);
  return out;
}

http::answer_head with_body(size_t size) {
  http::answer_head head;
  head.content_type = "application/json";
  head.content_length = size;
  return head;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a head is a status line, the headers by name, the date and an empty line") {
  CHECK(written(with_body(17), {{"ETag", "\"rev1\""}, {"allow", "GET"}}) ==
        "HTTP/1.1 200 OK\r\n"
        "allow: GET\r\n"
        "Content-Length: 17\r\n"
        "Content-Type: application/json\r\n"
        "ETag: \"rev1\"\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        "\r\n");
}

TEST_CASE("a head is appended to what is there") {
  std::string out = "before";
  http::answer_head head;
  head.date = some_date;
  http::append_head(out, head);
  CHECK(out.rfind("beforeHTTP/1.1 200 OK\r\n", 0) == 0);
}

TEST_CASE("headers of one name keep their order") {
  const std::string head = written(with_body(0), {{"Vary", "Origin"}, {"Vary", "Accept"}});
  CHECK(has(head, "Vary: Origin\r\nVary: Accept\r\n"));
}

TEST_CASE("every status that the node answers has its own phrase, an unknown one that of 500") {
  const auto line_of = [](int status) {
    http::answer_head head;
    head.status = status;
    const std::string text = written(head);
    return text.substr(0, text.find("\r\n"));
  };
  CHECK(line_of(200) == "HTTP/1.1 200 OK");
  CHECK(line_of(201) == "HTTP/1.1 201 Created");
  CHECK(line_of(204) == "HTTP/1.1 204 No Content");
  CHECK(line_of(304) == "HTTP/1.1 304 Not Modified");
  CHECK(line_of(412) == "HTTP/1.1 412 Precondition Failed");
  CHECK(line_of(413) == "HTTP/1.1 413 Payload Too Large");
  CHECK(line_of(599) == "HTTP/1.1 599 Internal Server Error");
  for (const int status : {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409,
                           411, 412, 413, 414, 415, 416, 424, 431, 503, 504, 505, 507})
    CHECK(http::status_text(status) != http::status_text(500));
}

TEST_CASE("a value with CR or LF, or a name that is no token, adds no line") {
  const std::string head = written(with_body(2), {{"Location", "/a\r\nSet-Cookie: b=c"},
                                                  {"ETag", "a\nb"},
                                                  {"X-A: b\r\nX-D", "d"},
                                                  {"", "nameless"},
                                                  {"Retry-After", "1"}});
  CHECK(!has(head, "Location"));
  CHECK(!has(head, "Set-Cookie"));
  CHECK(!has(head, "ETag"));
  CHECK(!has(head, "X-A"));
  CHECK(!has(head, "X-D"));
  CHECK(!has(head, "nameless"));
  CHECK(has(head, "Retry-After: 1\r\n"));
  http::answer_head typed = with_body(2);
  typed.content_type = "text/plain\r\nX-Evil: yes";
  CHECK(!has(written(typed), "X-Evil"));
}

TEST_CASE("an answer without a body has neither a length nor a type") {
  for (const int status : {204, 304}) {
    http::answer_head head;
    head.status = status;
    const std::string text = written(head, {{"ETag", "\"rev1\""}});
    CHECK(!has(text, "Content-Length"));
    CHECK(!has(text, "\nContent-Type"));
    CHECK(!has(text, "Transfer-Encoding"));
    CHECK(has(text, "ETag: \"rev1\"\r\n"));
  }
}

TEST_CASE("an empty body has the length 0") {
  http::answer_head head;
  head.content_length = 0;
  CHECK(has(written(head), "Content-Length: 0\r\n"));
}

TEST_CASE("a body in chunks has no length") {
  http::answer_head head;
  head.content_type = "application/x-ndjson";
  head.chunked = true;
  const std::string text = written(head);
  CHECK(has(text, "Transfer-Encoding: chunked\r\n"));
  CHECK(!has(text, "Content-Length"));
}

TEST_CASE("the last answer of a connection says close, HTTP/1.0 hears that it is kept") {
  CHECK(!has(written(with_body(1)), "Connection"));
  http::answer_head last = with_body(1);
  last.close = true;
  CHECK(has(written(last), "Connection: close\r\n"));
  http::answer_head old = with_body(1);
  old.http_1_0 = true;
  CHECK(has(written(old), "Connection: keep-alive\r\n"));
  old.close = true;
  CHECK(has(written(old), "Connection: close\r\n"));
  CHECK(!has(written(old), "keep-alive"));
}
