#include "net/http/multipart_reader.hpp"
#include "net/http/multipart_writer.hpp"
#include "tests/fuzz/require.hpp"
#include <vector>

namespace http = treadmill::http;
using treadmill::ec;
using treadmill::result;

namespace {

struct part {
  http::part_head head;
  std::string data;
  friend bool operator==(const part&, const part&) = default;
};

struct collector final : http::part_receiver {
  result<void> begin_part(const http::part_head& head) override {
    REQUIRE_THAT(!open);
    open = true;
    got.push_back({head, {}});
    return {};
  }
  result<void> part_data(std::string_view bytes) override {
    REQUIRE_THAT(open && !bytes.empty());
    got.back().data += bytes;
    return {};
  }
  result<void> end_part() override {
    REQUIRE_THAT(open);
    open = false;
    return {};
  }
  std::vector<part> got;
  bool open = false;
};

constexpr std::string_view type = "multipart/mixed";
constexpr http::multipart_limits small{300, 5, 20, true};

struct reading {
  std::vector<part> parts;
  ec code = ec::none;
};

reading read_parts(std::string_view body, size_t step) {
  auto reader = http::multipart_reader::open("multipart/mixed; boundary=b", type, small);
  collector to;
  result<void> taken;
  for (size_t at = 0; at < body.size() && taken; at += step)
    taken = reader.value().take(body.substr(at, step), to);
  if (taken) taken = reader->end();
  if (taken) REQUIRE_THAT(!to.open && to.got.size() == reader->parts() && !to.got.empty());
  REQUIRE_THAT(to.got.size() <= small.parts);
  return {to.got, taken ? ec::none : taken.error().code};
}

/// What is read is read again, the same, when it is written down.
void check_written(const std::vector<part>& parts) {
  const std::string boundary = "0123456789abcdef0123456789abcdef";
  http::multipart_writer writer(boundary);
  std::string body;
  for (const part& one : parts) {
    if (one.data.find(boundary) != std::string::npos) return; // no random boundary is in the data
    writer.begin_part(body, one.head);
    body += one.data;
  }
  writer.end(body);
  http::multipart_limits larger = small; // quotes and line breaks may be new
  larger.header_bytes *= 3;
  auto reader = http::multipart_reader::open(writer.content_type("mixed"), type, larger);
  collector to;
  REQUIRE_THAT(reader && reader->take(body, to) && reader->end());
  REQUIRE_THAT(to.got == parts);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = as_text(data, size);
  // No type of a body ends the process.
  static_cast<void>(http::multipart_reader::open(text, type));
  for (const std::string& body : {std::string(text), "--b\r\n" + std::string(text)}) {
    const auto whole = read_parts(body, body.size() + 1);
    for (const size_t step : {size_t{1}, size_t{3}, size_t{11}}) {
      const auto pieces = read_parts(body, step);
      REQUIRE_THAT(pieces.code == whole.code);
      REQUIRE_THAT(whole.code != ec::none || pieces.parts == whole.parts);
    }
    if (whole.code == ec::none) check_written(whole.parts);
  }
  return 0;
}
