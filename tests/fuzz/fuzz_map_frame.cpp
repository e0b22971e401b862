#include "js/wire/frame.hpp"
#include "tests/fuzz/require.hpp"
#include <algorithm>
#include <cstring>
#include <string>

namespace js = treadmill::js;

namespace {

constexpr size_t largest = 1024;
constexpr js::reply_bounds bounds{20, 10};

void within(std::string_view whole, std::string_view part) {
  REQUIRE_THAT(part.empty() || (part.data() >= whole.data() &&
                                part.data() + part.size() <= whole.data() + whole.size()));
}

void check_request(std::string_view frame) {
  const auto read = js::read_request(frame);
  if (!read) return;
  std::string out;
  if (const auto* start = std::get_if<js::start_request>(&*read)) {
    js::put_start(out, start->limits);
    const auto again = js::read_request(std::string_view(out).substr(4));
    REQUIRE_THAT(again && std::get<js::start_request>(*again).limits == start->limits);
  } else if (const auto* define = std::get_if<js::define_request>(&*read)) {
    js::put_define(out, {define->function, define->what, std::string(define->text)});
    const auto again = js::read_request(std::string_view(out).substr(4));
    REQUIRE_THAT(again && std::get<js::define_request>(*again).text == define->text);
  } else if (const auto* map = std::get_if<js::map_request>(&*read)) {
    for (const auto text : map->documents) within(frame, text);
  } else if (const auto* reduce = std::get_if<js::reduce_request>(&*read)) {
    for (const auto& call : reduce->calls) {
      within(frame, call.keys);
      within(frame, call.values);
    }
  }
}

void check_reply(std::string_view frame) {
  const auto read = js::read_reply(frame, bounds);
  if (!read) return;
  const auto* answer = std::get_if<js::answer_reply>(&*read);
  if (answer == nullptr) return;
  REQUIRE_THAT(answer->items.size() <= bounds.items);
  std::string out;
  js::answer_writer writer(out, answer->request);
  for (const auto& item : answer->items) {
    REQUIRE_THAT(item.rows.size() <= bounds.rows);
    if (item.problem != js::fault::none) {
      writer.fault_item(item.problem, item.message);
      continue;
    }
    std::string rows;
    for (const auto& row : item.rows) js::answer_writer::put_row(rows, row.key, row.value);
    writer.rows_item(item.emitted, static_cast<uint32_t>(item.rows.size()), rows);
  }
  writer.finish();
  const auto again = js::read_reply(std::string_view(out).substr(4), bounds);
  REQUIRE_THAT(again && std::get<js::answer_reply>(*again).items == answer->items);
}

// As a stream that comes in parts; the first byte says how large they are.
void check_stream(std::string_view bytes) {
  if (bytes.empty()) return;
  const size_t step = static_cast<uint8_t>(bytes.front()) + size_t{1};
  bytes.remove_prefix(1);
  js::frame_buffer buffer(largest);
  while (!bytes.empty()) {
    const auto part = bytes.substr(0, step);
    bytes.remove_prefix(part.size());
    const auto room = buffer.room();
    REQUIRE_THAT(room.size() >= part.size());
    std::memcpy(room.data(), part.data(), part.size());
    buffer.filled(part.size());
    std::string_view frame;
    auto state = buffer.next(frame);
    for (; state == js::frame_buffer::state::frame; state = buffer.next(frame)) {
      REQUIRE_THAT(!frame.empty() && frame.size() <= largest);
      check_request(frame);
      check_reply(frame);
    }
    if (state == js::frame_buffer::state::broken) return;
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = as_text(data, size);
  check_request(input);
  check_reply(input);
  check_stream(input);
  return 0;
}
