#include "net/client/document_source.hpp"
#include "storage/documents/document_line.hpp"
#include "tests/fuzz/require.hpp"
#include <string>

namespace http = treadmill::http;

namespace {

/// What is read of a line is read again, the same, when it is written down.
void check_line(std::string_view text) {
  const auto read = treadmill::parse_document_line(text);
  if (!read || !check_replicated(*read, {})) return;
  std::string again;
  const auto bodies = bodies_by_revision(*read);
  bool whole = true;
  const auto body_of = [&](const treadmill::revision& rev) -> treadmill::result<std::string_view> {
    const auto found = bodies.find(rev);
    whole = whole && found != bodies.end();
    return found == bodies.end() ? std::string_view("{}") : found->second;
  };
  REQUIRE_THAT(append_document_line(again, read->id, 1, read->tree, body_of));
  const auto second = treadmill::parse_document_line(again);
  REQUIRE_THAT(second && second->id == read->id && second->tree == read->tree);
  REQUIRE_THAT(!whole || bodies_by_revision(*second) == bodies);
}

void check_source(const std::string& text, http::source_format format, bool text_only) {
  http::memory_source in(text);
  http::text_window window(in);
  const auto source = open_documents(window, format, {.text_only = text_only, .record_bytes = 64});
  http::source_document document;
  size_t documents = 0;
  uint64_t line = 0;
  while (true) {
    const auto more = source->next(document);
    if (!more || !*more) break;
    REQUIRE_THAT(++documents <= text.size());
    REQUIRE_THAT(document.line >= line);
    line = document.line;
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(as_text(data, size));
  check_line(text);
  for (const auto format :
       {http::source_format::ndjson, http::source_format::json, http::source_format::csv})
    check_source(text, format, false);
  check_source(text, http::source_format::csv, true);
  http::memory_source packed(text);
  if (const auto unpacked = http::open_text(packed)) {
    http::text_window window(**unpacked);
    static_cast<void>(http::format_of(window));
  }
  return 0;
}
