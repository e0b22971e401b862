#pragma once
#include "net/client/text_input.hpp"
#include "storage/base/result.hpp"
#include <cstdint>
#include <memory>
#include <string>

namespace treadmill::http {

/// One document of an imported text, or a part of the text that is not a document.
struct source_document {
  uint64_t line = 0;         ///< number of its first line, from 1
  std::string text{};        ///< JSON as in the text; not validated
  error fault{ec::none, {}}; ///< other than none: not a document; reading can continue
};

/// The documents of a text, one after the other; keeps only one in memory. **Thread**: a plain
/// value.
class document_source {
public:
  virtual ~document_source() = default;
  /// The next document, or a faulty part with its fault; returns false at the end. Errors, after
  /// which nothing more can be read: bad_json (with the line: the beginning of the next document
  /// cannot be found); those of the text.
  virtual result<bool> next(source_document& document) = 0;
};

/// The format of a text.
enum class source_format : uint8_t {
  ndjson, ///< one document per line; empty lines are ignored
  json,   ///< an array of documents
  /// RFC 4180 with names in the first line; each row becomes one object. Lines end in CR LF, LF or
  /// CR. All characters of a value count, including spaces. A value becomes a JSON number if none
  /// of its digits would be lost, and true or false become booleans; an empty value is left out;
  /// all others become strings.
  csv,
};

struct source_options {
  bool text_only = false; ///< CSV: all values are strings
  /// Maximum size of a line, an element or a row; longer ones are faults. A source uses at most a
  /// few times as much memory.
  size_t record_bytes = 64 * 1024 * 1024;
};

/// Detects the format by the first character other than white space: `[` an array, `{` lines, else
/// CSV. A byte order mark is dropped. Errors: those of the text.
result<source_format> format_of(text_window& text);

/// Opens the source for `format`. `text` outlives the source.
std::unique_ptr<document_source> open_documents(text_window& text, source_format format,
                                                const source_options& options);

// One for each format.
std::unique_ptr<document_source> open_lines(text_window& text, const source_options& options);
std::unique_ptr<document_source> open_array(text_window& text, const source_options& options);
std::unique_ptr<document_source> open_csv(text_window& text, const source_options& options);

/// For example "a line has more than 64 MiB".
error too_long(std::string_view what, const source_options& options);

} // namespace treadmill::http
