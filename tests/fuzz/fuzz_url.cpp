#include "net/http/http_head.hpp"
#include "net/http/url.hpp"
#include "tests/fuzz/require.hpp"
#include <algorithm>
#include <string>

namespace http = treadmill::http;
using treadmill::ec;

namespace {

void check_paths(std::string_view text) {
  const auto pieces = http::split_path(text, http::trailing_slash::after_first);
  if (!pieces) return;
  std::string again = "/";
  for (const auto& piece : *pieces) {
    REQUIRE_THAT(!piece.empty());
    again += (again.size() > 1 ? "/" : "") + http::percent_encode(piece);
  }
  REQUIRE_THAT(http::split_path(again, http::trailing_slash::after_first).value() == *pieces);
}

void check_queries(std::string_view text) {
  const auto query = http::query::parse(text);
  if (!query) return;
  std::string again;
  for (const auto& [name, value] : query->all()) {
    REQUIRE_THAT(query->find(name) == value);
    again += http::percent_encode(name) + "=" + http::percent_encode(value) + "&";
  }
  REQUIRE_THAT(http::query::parse(again).value().all() == query->all());
}

void check_percent(std::string_view text) {
  const std::string encoded = http::percent_encode(text);
  REQUIRE_THAT(http::percent_decode(encoded, true).value() == text);
  REQUIRE_THAT(http::percent_decode(encoded, false).value() == text);
  if (const auto decoded = http::percent_decode(text, false))
    REQUIRE_THAT(decoded->size() <= text.size());
}

http::head_limits small_limits() {
  http::head_limits limits;
  limits.header_bytes = 600;
  limits.header_count = 8;
  limits.target_bytes = 200;
  limits.request_bytes = 1000;
  return limits;
}

// The end of a head is the same, and so is what is wrong with it, in whatever pieces it comes.
size_t check_scanner(std::string_view text, const http::head_limits& limits) {
  http::head_scanner whole, in_bytes;
  const auto at_once = whole.scan(text, limits);
  treadmill::result<size_t> at_last = size_t{0};
  for (size_t size = 1; size <= text.size() && at_last && *at_last == 0; ++size)
    at_last = in_bytes.scan(text.substr(0, size), limits);
  REQUIRE_THAT(at_once.has_value() == at_last.has_value());
  if (!at_once) {
    REQUIRE_THAT(at_once.error().code == at_last.error().code);
    return 0;
  }
  REQUIRE_THAT(*at_once == *at_last && *at_once <= std::min(text.size(), limits.header_bytes));
  return *at_once;
}

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

// What is taken is taken again, the same, when it is written down.
void check_head(std::string_view text, const http::head_limits& limits) {
  http::request_head head;
  if (!http::read_head(text, limits, head)) return;
  REQUIRE_THAT(head.path == "*" || head.path.substr(0, 1) == "/");
  REQUIRE_THAT(head.headers.size() <= limits.header_count);
  REQUIRE_THAT(head.content_length <= limits.request_bytes);
  REQUIRE_THAT(!(head.chunked && head.content_length > 0));
  std::string again = std::string(head.method) + " " + std::string(head.path) + "?" +
                      std::string(head.query) + (head.http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  if (head.path == "*") again.erase(again.find('?'), 1);
  for (const auto& [name, value] : head.headers) {
    REQUIRE_THAT(!name.empty() && is_plain(name) && is_plain(value));
    again += std::string(name) + ": " + std::string(value) + "\r\n";
  }
  again += "\r\n";
  http::head_limits larger = limits; // the query mark may be new
  ++larger.target_bytes;
  http::request_head second;
  REQUIRE_THAT(http::read_head(again, larger, second));
  REQUIRE_THAT(second.method == head.method && second.path == head.path &&
               second.query == head.query && second.headers == head.headers &&
               second.content_length == head.content_length && second.chunked == head.chunked &&
               second.keep_alive == head.keep_alive);
}

struct decoded {
  ec code = ec::none;
  std::string body;
  size_t used = 0;
  bool done = false;
};

decoded decode(std::string_view raw, size_t step) {
  http::chunk_reader reader(1000);
  decoded got;
  while (got.used < raw.size() && !got.done && got.code == ec::none) {
    std::string piece(raw.substr(got.used, step));
    const auto read = reader.read(piece, piece.data());
    if (!read) {
      got.code = read.error().code;
      return got;
    }
    REQUIRE_THAT(read->used <= piece.size() && read->written <= read->used);
    REQUIRE_THAT(read->done || read->used == piece.size());
    got.body += piece.substr(0, read->written);
    got.used += read->used;
    got.done = read->done;
  }
  return got;
}

void check_chunks(std::string_view text) {
  const auto whole = decode(text, text.size() + 1);
  const auto in_bytes = decode(text, 1);
  REQUIRE_THAT(whole.code == in_bytes.code);
  REQUIRE_THAT(whole.body.size() <= 1000);
  if (whole.code == ec::none)
    REQUIRE_THAT(whole.body == in_bytes.body && whole.used == in_bytes.used &&
                 whole.done == in_bytes.done);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = as_text(data, size);
  check_percent(text);
  check_paths(text);
  check_queries(text);
  const auto limits = small_limits();
  check_head(text.substr(0, check_scanner(text, limits)), limits);
  check_head(text, limits);
  check_chunks(text);
  return 0;
}
