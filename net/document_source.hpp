#pragma once
#include "storage/result.hpp"
#include <cstdint>
#include <istream>
#include <memory>
#include <string>

namespace treadmill::http {

/// One document of a text that is imported.
struct source_document {
  uint64_t line = 0;  ///< where it begins, from 1
  std::string text{}; ///< JSON, as it stands there; checked no further
};

/// Documents of a text, one after the other, of which no more is kept than one at a time needs.
/// **Thread**: a plain value.
class document_source {
public:
  virtual ~document_source() = default;
  /// The next document; false where there is none. Errors, after which nothing more can be read:
  /// bad_json (with the line); io_error.
  virtual result<bool> next(source_document& document) = 0;
  uint64_t bytes() const { return bytes_; } ///< that were read so far

protected:
  uint64_t bytes_ = 0;
};

/// What a text is.
enum class source_format : uint8_t {
  ndjson, ///< a document a line; empty lines are none
  json,   ///< an array of documents
  /// RFC 4180 with a first line of names, each row one object. A value that is a JSON number which
  /// no digit is lost of, or true or false, is one; an empty one is left out; all others are
  /// strings.
  csv,
};

/// By its first character other than white space: `[` an array, `{` lines, else CSV. A byte order
/// mark is left out.
source_format format_of(std::istream& text);

/// `text_only`: of CSV, all values are strings. `text` outlives the source.
std::unique_ptr<document_source> open_documents(std::istream& text, source_format format,
                                                bool text_only);

} // namespace treadmill::http
