#include "net/client/document_source.hpp"
#include "storage/base/text_lines.hpp"
#include <algorithm>

namespace treadmill::http {

namespace {

class line_source final : public document_source {
public:
  line_source(text_window& text, const source_options& options) : text_(text), options_(options) {}

  result<bool> next(source_document& document) override {
    while (true) {
      const auto end = find_end();
      if (!end) return tl::unexpected(end.error());
      const std::string_view line = text_.rest().substr(0, *end);
      if (line.empty() && text_.rest().empty()) return false;
      ++line_;
      const bool blank = is_blank(line);
      const bool too_much = line.size() > options_.record_bytes;
      document = {line_, {}, {ec::none, {}}};
      if (too_much) {
        document.fault = too_long("a line", options_);
      } else {
        document.text = line;
      }
      text_.drop(std::min(*end + 1, text_.rest().size()));
      if (too_much)
        if (auto dropped = drop_line(); !dropped) return tl::unexpected(dropped.error());
      if (!blank || too_much) return true;
    }
  }

private:
  /// The end of the line, or the position where it exceeds `record_bytes`.
  result<size_t> find_end() {
    for (size_t looked = 0;;) {
      const std::string_view rest = text_.rest();
      const size_t end = rest.find('\n', looked);
      if (end != std::string_view::npos) return end;
      looked = rest.size();
      if (looked > options_.record_bytes) {
        broken_off_ = true;
        return looked;
      }
      const auto more = text_.more();
      if (!more) return tl::unexpected(more.error());
      if (!*more) return looked;
    }
  }
  /// Drops the rest of a line that is too long.
  result<void> drop_line() {
    while (std::exchange(broken_off_, false)) {
      const size_t end = text_.rest().find('\n');
      text_.drop(std::min(end == std::string_view::npos ? end : end + 1, text_.rest().size()));
      if (end != std::string_view::npos) return {};
      const auto more = text_.more();
      if (!more) return tl::unexpected(more.error());
      broken_off_ = *more;
    }
    return {};
  }

  text_window& text_;
  const source_options options_;
  uint64_t line_ = 0;
  bool broken_off_ = false;
};

} // namespace

error too_long(std::string_view what, const source_options& options) {
  constexpr size_t mebibyte = 1024 * 1024;
  const size_t bytes = options.record_bytes;
  return {ec::too_large, std::string(what) + " has more than " +
                             (bytes >= mebibyte ? std::to_string(bytes / mebibyte) + " MiB"
                                                : std::to_string(bytes) + " bytes")};
}

result<source_format> format_of(text_window& text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  constexpr size_t most_space = 64 * 1024;
  size_t first = std::string_view::npos;
  while (true) {
    if (text.rest().starts_with(byte_order_mark)) text.drop(byte_order_mark.size());
    first = text.rest().find_first_not_of(" \t\r\n");
    // Too few bytes to tell the byte order mark from the first character: read more.
    const bool whole = text.rest().size() >= byte_order_mark.size();
    if ((whole && first != std::string_view::npos) || text.rest().size() > most_space) break;
    const auto more = text.more();
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
  }
  if (first == std::string_view::npos) return source_format::ndjson;
  const char c = text.rest()[first];
  return c == '[' ? source_format::json : c == '{' ? source_format::ndjson : source_format::csv;
}

std::unique_ptr<document_source> open_lines(text_window& text, const source_options& options) {
  return std::make_unique<line_source>(text, options);
}

std::unique_ptr<document_source> open_documents(text_window& text, source_format format,
                                                const source_options& options) {
  switch (format) {
  case source_format::json: return open_array(text, options);
  case source_format::csv: return open_csv(text, options);
  case source_format::ndjson: break;
  }
  return open_lines(text, options);
}

} // namespace treadmill::http
