#include "net/client/document_source.hpp"
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace treadmill::http {

namespace {

constexpr int end_of_text = -1;

tl::unexpected<error> broken(uint64_t line, const std::string& what) {
  return fail(ec::bad_json, "line " + std::to_string(line) + ": " + what);
}

/// Splits an array into its elements, by its brackets and strings only.
class array_source final : public document_source {
public:
  array_source(text_window& text, const source_options& options) : text_(text), options_(options) {}

  result<bool> next(source_document& document) override {
    if (ended_) return false;
    document = {line_, {}, {ec::none, {}}};
    auto c = after_space();
    if (!c) return tl::unexpected(c.error());
    document.line = line_;
    switch (std::exchange(expected_, expected::separator)) {
    case expected::begin:
      if (*c != '[') return broken(line_, "an array of documents begins with [");
      take(1);
      return first_element(document);
    case expected::separator:
      if (*c == ']') return end();
      if (*c == end_of_text) return broken(line_, "the text ends before the array's ]");
      if (*c != ',') {
        expected_ = expected::element;
        document.fault = {ec::bad_json, "a comma or ] is missing before it"};
        return true;
      }
      take(1);
      return element(document);
    case expected::element: break;
    }
    return element(document);
  }

private:
  enum class expected : uint8_t { begin, separator, element };

  /// Drops bytes, and counts the lines in them.
  void take(size_t bytes) {
    const std::string_view taken = text_.rest().substr(0, bytes);
    line_ += static_cast<uint64_t>(std::count(taken.begin(), taken.end(), '\n'));
    const size_t last = taken.rfind('\n');
    if (last == std::string_view::npos) {
      indent_ = is_space(taken) && indent_ ? std::optional(*indent_ + bytes) : std::nullopt;
    } else {
      const std::string_view begun = taken.substr(last + 1);
      indent_ = is_space(begun) ? std::optional(begun.size()) : std::nullopt;
    }
    text_.drop(bytes);
  }
  static bool is_space(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  }
  /// The next character after white space, without consuming it.
  result<int> after_space() {
    while (true) {
      const std::string_view rest = text_.rest();
      const size_t at = rest.find_first_not_of(" \t\r\n");
      take(std::min(at, rest.size()));
      if (at != std::string_view::npos) return text_.rest()[0];
      const auto more = text_.more();
      if (!more) return tl::unexpected(more.error());
      if (!*more) return end_of_text;
    }
  }
  result<bool> end() {
    take(1);
    ended_ = true;
    const auto c = after_space();
    if (!c) return tl::unexpected(c.error());
    if (*c != end_of_text) return broken(line_, "something follows the array");
    return false;
  }
  result<bool> first_element(source_document& document) {
    const auto c = after_space();
    if (!c) return tl::unexpected(c.error());
    if (*c == ']') return end();
    return element(document);
  }
  result<bool> element(source_document& document) {
    const auto c = after_space();
    if (!c) return tl::unexpected(c.error());
    document.line = line_;
    if (*c == end_of_text) return broken(line_, "the text ends before the array's ]");
    if (*c == '{') return object(document);
    document.fault = {ec::not_object, "an element is no object"};
    if (*c == ',') return true; // an empty element
    return other(document);
  }

  /// Reads up to the comma or bracket after an element that is not an object.
  result<bool> other(source_document& document) {
    size_t depth = 0;
    bool in_string = false;
    bool escaped = false;
    while (true) {
      const std::string_view rest = text_.rest();
      for (size_t at = 0; at < rest.size(); ++at) {
        const char c = rest[at];
        if (in_string) {
          in_string = c != '"' || escaped;
          escaped = c == '\\' && !escaped;
          continue;
        }
        in_string = c == '"';
        if (depth == 0 && (c == ',' || c == ']')) {
          document.text = rest.substr(0, std::min(at, shown_bytes));
          take(at);
          return true;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') depth -= depth > 0 ? 1 : 0;
      }
      take(rest.size());
      const auto more = text_.more();
      if (!more) return tl::unexpected(more.error());
      if (!*more) return broken(document.line, "the text ends within an element");
    }
  }

  result<bool> object(source_document& document) {
    const std::optional<size_t> indent = indent_;
    std::string open;
    bool in_string = false;
    bool escaped = false;
    const char* problem = nullptr;
    std::string_view rest = text_.rest();
    size_t at = 0;
    for (; problem == nullptr; ++at) {
      if (at == rest.size()) {
        if (at > options_.record_bytes) {
          document.fault = too_long("an element", options_);
          take(std::exchange(at, 0));
        }
        const auto more = text_.more();
        if (!more) return tl::unexpected(more.error());
        if (!*more) {
          problem = "the text ends within an element";
          break;
        }
        rest = text_.rest();
      }
      const char c = rest[at];
      if (in_string) {
        if (c == '\n') problem = "a string does not end on its line";
        in_string = c != '"' || escaped;
        escaped = c == '\\' && !escaped;
        continue;
      }
      in_string = c == '"';
      if (c == '{' || c == '[') open += c;
      if (open.size() > most_open) problem = "an element is nested too deep";
      if (c != '}' && c != ']') continue;
      if (open.back() != (c == '}' ? '{' : '[')) problem = "brackets do not match";
      open.pop_back();
      if (problem == nullptr && open.empty()) {
        if (at >= options_.record_bytes) document.fault = too_long("an element", options_);
        if (document.fault.code == ec::none) document.text = rest.substr(0, at + 1);
        take(at + 1);
        return true;
      }
    }
    looked_again_ += at;
    return find_next(document, looked_again_ > most_looked_again ? std::nullopt : indent, problem);
  }

  /// Resumes after a broken element: at the next line that begins with an object at the same
  /// indentation. A closing bracket before that line ends the array.
  result<bool> find_next(source_document& document, std::optional<size_t> indent,
                         const std::string& problem) {
    document.fault = {ec::bad_json, problem};
    document.text = text_.rest().substr(0, shown_bytes);
    while (indent) {
      const size_t end = text_.rest().find('\n');
      if (end == std::string_view::npos) {
        const auto more = text_.more();
        if (!more) return tl::unexpected(more.error());
        if (*more) continue;
        break;
      }
      take(end + 1);
      const auto c = after_space();
      if (!c) return tl::unexpected(c.error());
      if (*c == ']' && indent_.value_or(SIZE_MAX) <= *indent &&
          (*indent == 0 || *indent_ < *indent)) {
        expected_ = expected::separator;
        return true;
      }
      if (*c == '{' && indent_ == indent) {
        expected_ = expected::element;
        return true;
      }
    }
    return broken(document.line, problem);
  }

  static constexpr size_t shown_bytes = 256; ///< of a part that is not a document
  static constexpr size_t most_open = 100'000;
  static constexpr uint64_t most_looked_again = 1024 * 1024 * 1024; // some seconds

  text_window& text_;
  const source_options options_;
  uint64_t line_ = 1;
  /// Spaces before the next character; empty if something else precedes it on its line.
  std::optional<size_t> indent_ = 0;
  /// Bytes read twice because of broken elements, about.
  uint64_t looked_again_ = 0;
  expected expected_ = expected::begin;
  bool ended_ = false;
};

} // namespace

std::unique_ptr<document_source> open_array(text_window& text, const source_options& options) {
  return std::make_unique<array_source>(text, options);
}

} // namespace treadmill::http
