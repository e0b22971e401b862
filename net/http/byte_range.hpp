#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace treadmill::http {

/// The bytes of a content that a request asks for.
struct byte_range {
  enum class kind : uint8_t {
    whole,         ///< 200: no range, or one that is ignored
    part,          ///< 206
    unsatisfiable, ///< 416
  };
  kind what = kind::whole;
  uint64_t first = 0;
  uint64_t size = 0; ///< number of bytes from `first` on; of `whole`: all
  friend bool operator==(const byte_range&, const byte_range&) = default;
};

/// Reads the header Range of a request for a content of `length` bytes. One range of bytes is a
/// part; its end is cut to that of the content. As in CouchDB, `bytes=0-` is the whole content, and
/// `5-3` is unsatisfiable. Several ranges, other units and anything malformed are ignored, as
/// RFC 9110 allows.
byte_range read_range(std::string_view header, uint64_t length);

/// The value of Content-Range for a part, or for an unsatisfiable range.
std::string content_range(const byte_range& range, uint64_t length);

} // namespace treadmill::http
