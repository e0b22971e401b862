#include "storage/base/base64.hpp"
#include "tests/fuzz/require.hpp"
#include <string>

namespace {

std::string encoded(std::string_view bytes) {
  std::string text;
  treadmill::append_base64(text, bytes);
  return text;
}

/// The bytes of a text that comes in pieces of `step`; nullopt-like: `ok` is false.
bool decode_in_pieces(std::string_view text, size_t step, std::string& bytes) {
  treadmill::base64_decoder decoder;
  for (size_t at = 0; at < text.size(); at += step)
    if (!decoder.take(bytes, text.substr(at, step))) return false;
  return decoder.end().has_value();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = as_text(data, size);
  // A text is accepted exactly if it is the text of some bytes.
  const auto decoded = treadmill::decode_base64(text);
  if (decoded) REQUIRE_THAT(encoded(*decoded) == text);
  REQUIRE_THAT(treadmill::decode_base64(encoded(text)).value() == text);
  for (const size_t step : {size_t{1}, size_t{3}, size_t{5}}) {
    std::string bytes;
    REQUIRE_THAT(decode_in_pieces(text, step, bytes) == decoded.has_value());
    REQUIRE_THAT(!decoded || bytes == *decoded);
    treadmill::base64_encoder encoder;
    std::string again;
    for (size_t at = 0; at < size; at += step) encoder.take(again, text.substr(at, step));
    encoder.end(again);
    REQUIRE_THAT(again == encoded(text));
  }
  return 0;
}
