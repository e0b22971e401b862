#pragma once
#include "net/http/http.hpp"
#include "storage/base/result.hpp"
#include <cstddef>
#include <string>
#include <string_view>

namespace treadmill::http {

/// The size that the trailer of a gzip text promises; 0 if the text is too short to have one.
size_t promised_bytes(std::string_view gzip);

/// Inflates one gzip member, which must be the whole text. It never makes more bytes than the
/// trailer promises, so that a caller can reserve their memory first. Errors: too_large (more than
/// `limit`), bad_request (not gzip, damaged, more than one member).
result<std::string> inflate_gzip(std::string_view gzip, size_t limit);

/// Whether the body has a `Content-Encoding`.
bool is_encoded(const request& request);
/// The decoded body of a request with `Content-Encoding: gzip`. Errors: those of inflate_gzip;
/// unsupported_media_type (another coding).
result<std::string> decoded_body(const request& request, size_t limit);

} // namespace treadmill::http
