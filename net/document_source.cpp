#include "net/document_source.hpp"
#include "storage/json.hpp"
#include "storage/text_lines.hpp"
#include <algorithm>
#include <csv.h>
#include <deque>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace treadmill::http {

namespace {

bool is_space(int c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

tl::unexpected<error> broken(uint64_t line, const std::string& what) {
  return fail(ec::bad_json, "line " + std::to_string(line) + ": " + what);
}

class line_source final : public document_source {
public:
  explicit line_source(std::istream& text) : text_(text) {}

  result<bool> next(source_document& document) override {
    while (std::getline(text_, document.text)) {
      document.line = ++line_;
      bytes_ += document.text.size() + 1;
      if (!is_blank(document.text)) return true;
    }
    if (text_.bad()) return fail(ec::io_error, "it cannot be read");
    return false;
  }

private:
  std::istream& text_;
  uint64_t line_ = 0;
};

/// Cuts an array into its elements: looks at brackets and strings alone.
class array_source final : public document_source {
public:
  explicit array_source(std::istream& text) : text_(text) {}

  result<bool> next(source_document& document) override {
    if (ended_) return false;
    int c = after_space();
    if (!begun_ && c != '[') return broken(line_, "an array of documents begins with [");
    if (!std::exchange(begun_, true) || c == ',') {
      const bool first = c == '[';
      c = after_space();
      if (c == ']' && first) return end();
    } else if (c == ']') {
      return end();
    } else {
      return broken(line_, "a comma or ] is missing");
    }
    document.line = line_;
    document.text.clear();
    return take_element(document.text, c);
  }

private:
  int read() {
    const int c = text_.get();
    if (c == '\n') ++line_;
    if (c != EOF) ++bytes_;
    return c;
  }
  int after_space() {
    int c = read();
    while (is_space(c)) c = read();
    return c;
  }
  result<bool> end() {
    ended_ = true;
    if (after_space() != EOF) return broken(line_, "something follows the array");
    return false;
  }
  /// From `c` on, up to the comma or bracket after it.
  result<bool> take_element(std::string& element, int c) {
    if (c != '{' && c != '[') return broken(line_, "an element is no object");
    size_t depth = 0;
    bool in_string = false;
    for (;; c = read()) {
      if (c == EOF) return broken(line_, "the text ends within an element");
      element += static_cast<char>(c);
      if (in_string) {
        if (c == '\\') {
          element += static_cast<char>(read());
        } else if (c == '"') {
          in_string = false;
        }
        continue;
      }
      in_string = c == '"';
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return true;
    }
  }

  std::istream& text_;
  uint64_t line_ = 1;
  bool begun_ = false;
  bool ended_ = false;
};

/// A number whose stored form has all its digits.
bool is_exact_number(const std::string& text) {
  constexpr std::ptrdiff_t exact_digits = 15; // of any double
  if (text.empty() || (text[0] != '-' && (text[0] < '0' || text[0] > '9'))) return false;
  const auto stored = stored_form(text);
  if (!stored) return false;
  const auto digits =
      std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return *stored == text || digits <= exact_digits;
}

class csv_source final : public document_source {
public:
  csv_source(std::istream& text, bool text_only) : text_(text), text_only_(text_only) {
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL);
  }
  ~csv_source() override { csv_free(&parser_); }
  csv_source(const csv_source&) = delete;
  csv_source& operator=(const csv_source&) = delete;

  result<bool> next(source_document& document) override {
    while (rows_.empty()) {
      if (ended_) return false;
      if (auto more = read_more(); !more) return tl::unexpected(more.error());
      if (problem_) return tl::unexpected(*problem_);
    }
    document = std::move(rows_.front());
    rows_.pop_front();
    return true;
  }

private:
  result<void> read_more() {
    char piece[64 * 1024];
    text_.read(piece, sizeof piece);
    const auto size = static_cast<size_t>(text_.gcount());
    bytes_ += size;
    if (text_.bad()) return fail(ec::io_error, "it cannot be read");
    if (csv_parse(&parser_, piece, size, take_field, take_row, this) != size ||
        (text_.eof() && csv_fini(&parser_, take_field, take_row, this) != 0))
      return broken(line_, std::string("this is no CSV: ") + csv_strerror(csv_error(&parser_)));
    ended_ = text_.eof();
    return {};
  }

  static void take_field(void* bytes, size_t size, void* self) {
    auto& source = *static_cast<csv_source*>(self);
    source.fields_.emplace_back(static_cast<const char*>(bytes), size);
  }
  static void take_row(int last, void* self) { static_cast<csv_source*>(self)->end_row(last); }

  /// `last`: the character that ended the row. One that ended by a carriage return is followed by
  /// the row of its line feed, which is empty.
  void end_row(int last) {
    uint64_t lines = last == '\n' ? 1 : 0;
    for (const std::string& field : fields_)
      lines += static_cast<uint64_t>(std::count(field.begin(), field.end(), '\n'));
    const std::vector<std::string> fields = std::exchange(fields_, {});
    const uint64_t begin = std::exchange(line_, line_ + lines);
    if (fields.empty() || problem_) return;
    if (names_.empty()) return take_names(fields, begin);
    if (fields.size() > names_.size()) {
      problem_ = broken(begin, "there are more values than names").value();
      return;
    }
    std::string object = "{";
    for (size_t i = 0; i < fields.size(); ++i) append_member(object, names_[i], fields[i]);
    rows_.push_back({begin, object + "}"});
  }

  void take_names(const std::vector<std::string>& fields, uint64_t line) {
    const std::set<std::string> different(fields.begin(), fields.end());
    if (different.size() != fields.size() || different.contains("")) {
      problem_ = broken(line, "each column needs a name of its own").value();
      return;
    }
    names_ = fields;
  }

  void append_member(std::string& object, const std::string& name, const std::string& value) const {
    if (value.empty()) return;
    if (object.size() > 1) object += ',';
    append_json_string(object, name);
    object += ':';
    // An id is a string, whatever it looks like.
    const bool plain = !text_only_ && name != "id" &&
                       (value == "true" || value == "false" || is_exact_number(value));
    if (plain) {
      object += value;
    } else {
      append_json_string(object, value);
    }
  }

  std::istream& text_;
  const bool text_only_;
  csv_parser parser_{};
  std::vector<std::string> fields_{}; ///< of the row that is read
  std::vector<std::string> names_{};
  std::deque<source_document> rows_{};
  std::optional<error> problem_{};
  uint64_t line_ = 1;
  bool ended_ = false;
};

} // namespace

source_format format_of(std::istream& text) {
  for (const char mark : {'\xef', '\xbb', '\xbf'})
    if (text.peek() == static_cast<unsigned char>(mark)) text.get();
  while (is_space(text.peek()) && text.peek() != '\n') text.get();
  const int first = text.peek();
  if (first == '[') return source_format::json;
  return first == '{' || first == '\n' || first == EOF ? source_format::ndjson : source_format::csv;
}

std::unique_ptr<document_source> open_documents(std::istream& text, source_format format,
                                                bool text_only) {
  switch (format) {
  case source_format::json: return std::make_unique<array_source>(text);
  case source_format::csv: return std::make_unique<csv_source>(text, text_only);
  case source_format::ndjson: break;
  }
  return std::make_unique<line_source>(text);
}

} // namespace treadmill::http
