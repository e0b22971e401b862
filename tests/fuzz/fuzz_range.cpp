#include "net/http/byte_range.hpp"
#include "net/http/header_parameters.hpp"
#include "net/http/header_text.hpp"
#include "tests/fuzz/require.hpp"
#include <limits>

namespace http = treadmill::http;

namespace {

void check_range(std::string_view header, uint64_t length) {
  using kind = http::byte_range::kind;
  const auto range = http::read_range(header, length);
  if (range.what == kind::whole) REQUIRE_THAT(range.first == 0 && range.size == length);
  if (range.what != kind::part) return;
  REQUIRE_THAT(range.size > 0 && range.first < length && range.size <= length - range.first);
  // The same part is named by its own first and last byte.
  const std::string again =
      "bytes=" + std::to_string(range.first) + "-" + std::to_string(range.first + range.size - 1);
  REQUIRE_THAT(http::read_range(again, length) == range);
  REQUIRE_THAT(!http::content_range(range, length).empty());
}

void check_header(std::string_view text) {
  const auto read = http::read_header_value(text);
  if (!read) return;
  std::string again = read->word;
  for (const auto& [name, value] : read->parameters) {
    REQUIRE_THAT(http::is_token(name) && http::is_value(value));
    again += "; " + name + "=";
    http::append_quoted(again, value);
  }
  const auto second = http::read_header_value(again);
  REQUIRE_THAT(second && second->word == read->word && second->parameters == read->parameters);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = as_text(data, size);
  check_header(text);
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, uint64_t{1000}, std::numeric_limits<uint64_t>::max()}) {
    check_range(text, length);
    check_range("bytes=" + std::string(text), length);
  }
  return 0;
}
