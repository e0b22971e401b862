#include "net/http/gzip_body.hpp"
#include "net/http/header_text.hpp"
#include <zlib.h>

namespace treadmill::http {

namespace {

constexpr size_t trailer_bytes = 8; ///< CRC-32 and size, little-endian
constexpr size_t least_bytes = 10 + trailer_bytes;
constexpr int gzip_only = 16; ///< added to the window bits: no zlib header is accepted

bool inflate_all(std::string_view gzip, std::string& out) {
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + gzip_only) != Z_OK) return false;
  // zlib does not write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data())); // NOLINT
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = inflate(&stream, Z_FINISH);
  const bool whole = ended == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

} // namespace

size_t promised_bytes(std::string_view gzip) {
  if (gzip.size() < least_bytes) return 0;
  size_t bytes = 0;
  for (size_t i = 0; i < 4; ++i)
    bytes = bytes << 8 | static_cast<unsigned char>(gzip[gzip.size() - 1 - i]);
  return bytes;
}

result<std::string> inflate_gzip(std::string_view gzip, size_t limit) {
  const size_t bytes = promised_bytes(gzip);
  if (bytes > limit) return fail(ec::too_large, "the inflated body is larger than the limit");
  std::string out(bytes, '\0');
  if (gzip.size() < least_bytes || !inflate_all(gzip, out))
    return fail(ec::bad_request, "the body is not one whole gzip member");
  return out;
}

bool is_encoded(const request& request) { return !request.header("Content-Encoding").empty(); }

result<std::string> decoded_body(const request& request, size_t limit) {
  const std::string_view coding = request.header("Content-Encoding");
  if (!equal_ignoring_case(coding, "gzip") && !equal_ignoring_case(coding, "x-gzip"))
    return fail(ec::unsupported_media_type, "the only Content-Encoding of a body is gzip");
  return inflate_gzip(request.body, limit);
}

} // namespace treadmill::http
