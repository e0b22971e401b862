#pragma once
#include "net/text_input.hpp"
#include "storage/result.hpp"
#include <cstdint>
#include <memory>
#include <string>

namespace treadmill::http {

/// One document of a text that is imported, or what is there in place of one.
struct source_document {
  uint64_t line = 0;         ///< where it begins, from 1
  std::string text{};        ///< JSON, as it stands there; checked no further
  error fault{ec::none, {}}; ///< other than none: it is no document, and the next ones follow
};

/// Documents of a text, one after the other, of which no more is kept than one at a time needs.
/// **Thread**: a plain value.
class document_source {
public:
  virtual ~document_source() = default;
  /// The next document, or a part of the text that is none, with its fault; false at the end.
  /// Errors, after which nothing more can be read: bad_json (with the line: where the next document
  /// begins cannot be told); those of the text.
  virtual result<bool> next(source_document& document) = 0;
};

/// What a text is.
enum class source_format : uint8_t {
  ndjson, ///< a document a line; empty lines are none
  json,   ///< an array of documents
  /// RFC 4180 with a first line of names, each row one object; lines end by CR LF, LF or CR. All
  /// characters of a value count, spaces too. A value that is a JSON number which no digit is lost
  /// of, or true or false, is one; an empty one is left out; all others are strings.
  csv,
};

struct source_options {
  bool text_only = false; ///< of CSV, all values are strings
  /// Of a line, an element or a row; longer ones are faults. Memory that a source takes is a few
  /// times as much at most.
  size_t record_bytes = 64 * 1024 * 1024;
};

/// By its first character other than white space: `[` an array, `{` lines, else CSV. A byte order
/// mark is dropped. Errors: those of the text.
result<source_format> format_of(text_window& text);

/// `text` outlives the source.
std::unique_ptr<document_source> open_documents(text_window& text, source_format format,
                                                const source_options& options);

// One for each format.
std::unique_ptr<document_source> open_lines(text_window& text, const source_options& options);
std::unique_ptr<document_source> open_array(text_window& text, const source_options& options);
std::unique_ptr<document_source> open_csv(text_window& text, const source_options& options);

/// "a line has more than 64 MiB", say.
error too_long(std::string_view what, const source_options& options);

} // namespace treadmill::http
