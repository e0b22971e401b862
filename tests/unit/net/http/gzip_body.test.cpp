#include "net/http/gzip_body.hpp"
#include "tests/unit/net/http/gzip_text.hpp"
#include <doctest/doctest.h>

namespace http = treadmill::http;
using treadmill::ec;
using treadmill::tests::gzip_text;

namespace {

ec code_of(const std::string& gzip, size_t limit = 1 << 20) {
  const auto text = http::inflate_gzip(gzip, limit);
  return text ? ec::none : text.error().code;
}

} // namespace

TEST_CASE("a gzip member is inflated, whatever its size up to the limit") {
  for (const size_t size : {0, 1, 100, 100'000}) {
    std::string text(size, 'x');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * i % 23);
    CHECK(http::promised_bytes(gzip_text(text)) == size);
    CHECK(http::inflate_gzip(gzip_text(text), size).value_or("refused") == text);
    if (size > 0) CHECK(code_of(gzip_text(text), size - 1) == ec::too_large);
  }
}

TEST_CASE("a text that promises less than it has is not inflated beyond that") {
  std::string gzip = gzip_text(std::string(1 << 20, 'x'));
  gzip.replace(gzip.size() - 4, 4, std::string("\x10\0\0\0", 4));
  CHECK(http::promised_bytes(gzip) == 16);
  CHECK(code_of(gzip) == ec::bad_request);
}

TEST_CASE("what is not one whole gzip member is refused") {
  const std::string whole = gzip_text("{\"n\":1}");
  CHECK(code_of(whole) == ec::none);
  for (size_t size = 0; size < whole.size(); ++size) {
    const ec code = code_of(whole.substr(0, size));
    CHECK((code == ec::bad_request || code == ec::too_large));
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    const auto text = http::inflate_gzip(damaged, 1 << 20);
    // Time, system and flags of the header are not checked by anything.
    CHECK((!text || *text == "{\"n\":1}"));
  }
  CHECK(code_of(whole + whole) == ec::bad_request);
  CHECK(code_of(whole + "x") != ec::none);
  CHECK(code_of("{\"n\":1}, which is no gzip") != ec::none);
}

TEST_CASE("the only coding that is decoded is gzip") {
  http::request request;
  const std::string gzip = gzip_text("{}");
  request.body = gzip;
  CHECK(!http::is_encoded(request));
  for (const std::string_view coding : {"gzip", "GZIP", "x-gzip"}) {
    request.headers = {{"content-encoding", coding}};
    CHECK(http::is_encoded(request));
    CHECK(http::decoded_body(request, 10).value_or("refused") == "{}");
  }
  for (const std::string_view coding : {"deflate", "br", "gzip, gzip", "identity"}) {
    request.headers = {{"content-encoding", coding}};
    CHECK(http::decoded_body(request, 10).error().code == ec::unsupported_media_type);
  }
}
