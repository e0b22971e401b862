#include "storage/base/coding.hpp"
#include "storage/documents/names.hpp"
#include "storage/engine/checkpoint.hpp"
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include "storage/json/json_number.hpp"
#include "tests/fuzz/require.hpp"
#include <cstring>
#include <string>

namespace {

/// What a `take` reads from the front is what its `put` writes; what it refuses it leaves alone.
template<typename Value, typename Take, typename Put>
void check_codec(std::string_view input, Value value, Take take, Put put) {
  auto in = input;
  if (!take(in, value)) {
    REQUIRE_THAT(in == input);
    return;
  }
  std::string out;
  put(out, value);
  REQUIRE_THAT(out == input.substr(0, input.size() - in.size()));
}

void check_codecs(std::string_view input) {
  check_codec(input, uint32_t{}, treadmill::take_fixed32_be, treadmill::put_fixed32_be);
  check_codec(input, uint64_t{}, treadmill::take_fixed64_be, treadmill::put_fixed64_be);
  check_codec(input, uint64_t{}, treadmill::take_varint, treadmill::put_varint);
  check_codec(input, std::string_view{}, treadmill::take_bytes, treadmill::put_bytes);
  check_codec(input, treadmill::hash128{}, treadmill::take_hash, treadmill::put_hash);
}

void check_keys(std::string_view input) {
  uint32_t bucket = 0;
  uint64_t a = 0;
  uint64_t b = 0;
  auto in = input;
  if (!treadmill::take_fixed32_be(in, bucket) || !treadmill::take_fixed64_be(in, a) ||
      !treadmill::take_fixed64_be(in, b))
    return;
  namespace keys = treadmill::keys;
  REQUIRE_THAT(keys::sequence_of(keys::activity(bucket, a)) == a);
  REQUIRE_THAT((keys::activity(bucket, a) < keys::activity(bucket, b)) == (a < b));
  REQUIRE_THAT(keys::number_of(keys::dead_bucket(bucket)) == bucket);
  if (!treadmill::check_id(in)) return;
  const auto document = keys::document(bucket, in);
  REQUIRE_THAT(keys::id_of(document) == in);
  REQUIRE_THAT(keys::bucket_begin(bucket) < document && document < keys::documents_end(bucket));
  REQUIRE_THAT(keys::documents_end(bucket) <= keys::activity(bucket, a));
  REQUIRE_THAT(keys::activity(bucket, a) < keys::activity_end(bucket));
  REQUIRE_THAT(keys::conflict(bucket, in) < keys::bucket_end(bucket));
  REQUIRE_THAT(keys::conflicts_end(bucket) <= keys::checkpoint(bucket, in));
  REQUIRE_THAT(keys::checkpoint(bucket, in) < keys::bucket_end(bucket));
}

/// Rows of any bytes are refused, or written again in a form that is read the same way.
template<typename Row>
void check_row(const treadmill::result<Row>& row) {
  if (!row) return;
  const auto bytes = row->encode();
  const auto again = Row::decode(bytes);
  REQUIRE_THAT(again && again->encode() == bytes);
}

void check_rows(std::string_view input) {
  check_row(treadmill::bucket_state::decode(input));
  check_row(treadmill::catalogue_row::decode(input));
  check_row(treadmill::checkpoint::decode(input));
  const auto document = treadmill::document_row::decode(input);
  check_row(document);
  if (document) document->tree();
  const auto entry = treadmill::activity_entry::decode(1, input);
  if (!entry) return;
  const auto bytes = entry->encode();
  const auto again = treadmill::activity_entry::decode(1, bytes);
  REQUIRE_THAT(again && again->encode() == bytes);
}

void check_number(std::string_view text) {
  bool whole = false;
  const size_t length = treadmill::number_length(text, whole);
  REQUIRE_THAT(length <= text.size());
  if (length == 0) return;
  text = text.substr(0, length);
  const auto number = treadmill::parse_number(text);
  if (!number) return;
  if (number->integer) {
    REQUIRE_THAT(whole && (text.front() == '-') == number->negative);
    REQUIRE_THAT(text.substr(number->negative ? 1 : 0) == std::to_string(number->magnitude));
    return;
  }
  REQUIRE_THAT(number->value == std::strtod(std::string(text).c_str(), nullptr));
  std::string shortest;
  treadmill::append_double(shortest, number->value);
  REQUIRE_THAT(std::strtod(shortest.c_str(), nullptr) == number->value);
  if (!whole && treadmill::is_shortest_double(text)) REQUIRE_THAT(shortest == text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = as_text(data, size);
  check_codecs(input);
  check_keys(input);
  check_rows(input);
  check_number(input);
  return 0;
}
