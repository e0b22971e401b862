#include "net/http/related_reader.hpp"
#include <doctest/doctest.h>

namespace treadmill::http {
using treadmill::ec;
using treadmill::result;

namespace {

struct receiver final : related_receiver {
  result<std::vector<announced_part>> document(std::string_view text) override {
    json = text;
    return announced;
  }
  result<void> begin_content(size_t index, const part_head&) override {
    CHECK(index == contents.size());
    contents.emplace_back();
    return {};
  }
  result<void> content_data(std::string_view bytes) override {
    contents.back() += bytes;
    return {};
  }
  result<void> end_content(size_t index) override {
    CHECK(index + 1 == contents.size());
    ++complete;
    return {};
  }
  std::vector<announced_part> announced{{"a.txt", 2}, {"b", {}}};
  std::string json;
  std::vector<std::string> contents;
  size_t complete = 0;
};

constexpr std::string_view document = "--x\r\nContent-Type: application/json\r\n\r\n{}";

std::string content(std::string_view data, std::string_view headers = "") {
  return "\r\n--x\r\n" + std::string(headers) + "\r\n" + std::string(data);
}

struct reading {
  receiver got;
  treadmill::error problem{ec::none, {}};
};

reading read_body(const std::string& body, size_t step = 0) {
  reading read;
  auto reader = related_reader::open("multipart/related; boundary=x", 100);
  REQUIRE(reader);
  result<void> taken;
  if (step == 0) step = body.size();
  for (size_t at = 0; at < body.size() && taken; at += step)
    taken = reader->take(std::string_view(body).substr(at, step), read.got);
  if (taken) taken = reader->end();
  if (!taken) read.problem = taken.error();
  return read;
}

std::string reason(const std::string& body) {
  const auto read = read_body(body + "\r\n--x--");
  CHECK(read.problem.code != ec::none);
  CHECK(read_body(body + "\r\n--x--", 1).problem.reason == read.problem.reason);
  return read.problem.reason;
}

} // namespace

TEST_CASE("a document and its contents come in order") {
  const std::string body =
      std::string(document) + content("hi") + content("", "Content-Type: a/b\r\n") + "\r\n--x--";
  for (size_t step = 1; step <= body.size(); ++step) {
    const auto read = read_body(body, step);
    REQUIRE(read.problem.code == ec::none);
    CHECK(read.got.json == "{}");
    CHECK(read.got.contents == std::vector<std::string>{"hi", ""});
    CHECK(read.got.complete == 2);
  }
}

TEST_CASE("contents that differ from those that the document announces are refused") {
  const std::string begin(document);
  CHECK(reason(begin) == "a content that the document announces is missing");
  CHECK(reason(begin + content("hi")) == "a content that the document announces is missing");
  CHECK(reason(begin + content("hi") + content("x") + content("y")) ==
        "a part that the document does not announce");
  CHECK(reason(begin + content("h") + content("x")) == "a part is shorter than the document says");
  CHECK(reason(begin + content("hii") + content("x")) == "a part is longer than the document says");
  CHECK(reason(begin + content("hi", "Content-Length: 3\r\n")) ==
        "a part has another length than the document says");
  CHECK(reason(begin + content("hi", "Content-Disposition: attachment; filename=\"b\"\r\n")) ==
        "the parts are not in the order of the document's attachments");
  CHECK(read_body(begin + content("hi", "Content-Disposition: attachment; filename=\"other\"\r\n") +
                  content("x") + "\r\n--x--")
            .problem.code == ec::none);
}

TEST_CASE("the first part is a document of JSON within the limit") {
  const std::string refused = "the first part is the document, as application/json";
  CHECK(reason("--x\r\n\r\n{}") == refused);
  CHECK(reason("--x\r\nContent-Type: text/plain\r\n\r\n{}") == refused);
  CHECK(reason("--x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n{}") ==
        refused);
  const auto large = read_body("--x\r\nContent-Type: application/json\r\n\r\n" +
                               std::string(101, ' ') + "\r\n--x--");
  CHECK(large.problem.code == ec::too_large);
  CHECK(large.got.json.empty());
}

} // namespace treadmill::http
