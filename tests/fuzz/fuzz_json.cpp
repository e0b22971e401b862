#include "storage/json/json.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/property/reference_json.hpp"
#include <string>

using treadmill::stored_form;

namespace {

void check_documents(std::string_view text) {
  const auto document = treadmill::parse_document(text, true);
  const auto bulk = treadmill::parse_bulk("{\"docs\":[{}," + std::string(text) + "]}");
  if (bulk && bulk->size() == 2) { // else the text had a comma, or brackets of its own
    const auto& in_bulk = (*bulk)[1];
    if (document) {
      REQUIRE_THAT(in_bulk && in_bulk->body == document->body && in_bulk->id == document->id &&
                   in_bulk->rev == document->rev && in_bulk->deleted == document->deleted);
    } else {
      REQUIRE_THAT(!in_bulk && in_bulk.error().code == document.error().code);
    }
  }
  if (!document) return;
  REQUIRE_THAT(bulk);
  REQUIRE_THAT(stored_form(document->body).value() == document->body);
  std::string shown;
  treadmill::append_document(shown, document->id.value_or("x"), document->rev.value_or("rev1-a"),
                             document->body, ",\"_history\":[1]");
  const auto again = treadmill::parse_document(shown, false);
  REQUIRE_THAT(again && again->body == document->body && again->id == document->id.value_or("x") &&
               again->rev == document->rev.value_or("rev1-a"));
}

void check_patch(const std::string& target, const std::string& patch) {
  const auto merged = treadmill::merge_patch(target, patch);
  REQUIRE_THAT(merged);
  REQUIRE_THAT(stored_form(*merged).value() == *merged);
  REQUIRE_THAT(treadmill::merge_patch(*merged, patch).value() == *merged);
  REQUIRE_THAT(treadmill::merge_patch(target, "{}").value() == target);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto rest = as_text(data, size);
  treadmill::parse_bulk(rest);
  treadmill::parse_bulk_lines(rest);
  treadmill::parse_string_list(rest, "ids");
  treadmill::merge_patch(rest, rest); // no stored form: must only end
  const auto text = take_first(rest);
  const auto stored = stored_form(text);
  REQUIRE_THAT(reference_json::agrees(text, stored));
  check_documents(text);
  if (!stored) return 0;
  REQUIRE_THAT(stored_form(*stored).value() == *stored);
  const auto patch = stored_form(rest);
  if (patch && stored->front() == '{' && patch->front() == '{') check_patch(*stored, *patch);
  return 0;
}
