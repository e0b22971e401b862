#include "net/http/multipart_reader.hpp"
#include "net/http/multipart_writer.hpp"
#include <doctest/doctest.h>
#include <vector>

using namespace std::string_literals;
namespace treadmill::http {
using treadmill::ec;
using treadmill::result;

namespace {

struct part {
  part_head head;
  std::string data;
  bool complete = false;
  friend bool operator==(const part&, const part&) = default;
};

struct collector final : part_receiver {
  result<void> begin_part(const part_head& head) override {
    got.push_back({head, {}});
    return {};
  }
  result<void> part_data(std::string_view bytes) override {
    CHECK_FALSE(bytes.empty());
    got.back().data += bytes;
    return {};
  }
  result<void> end_part() override {
    got.back().complete = true;
    return {};
  }
  std::vector<part> got;
};

struct reading {
  std::vector<part> parts;
  treadmill::error problem{ec::none, {}};
};

reading read_parts(std::string_view body, size_t step = 0, multipart_limits limits = {}) {
  auto reader =
      multipart_reader::open("multipart/related; boundary=abc", "multipart/related", limits);
  REQUIRE(reader);
  collector to;
  result<void> taken;
  if (step == 0) step = body.size() + 1;
  for (size_t at = 0; at < body.size() && taken; at += step)
    taken = reader->take(body.substr(at, step), to);
  if (taken) taken = reader->end();
  return {to.got, taken ? treadmill::error{ec::none, {}} : taken.error()};
}

void check_refused(std::string_view body, ec code, std::string_view reason,
                   multipart_limits limits = {}) {
  CAPTURE(body);
  for (const size_t step : {0, 1, 2, 7}) {
    const auto read = read_parts(body, step, limits);
    CHECK(read.problem.code == code);
    CHECK(read.problem.reason == reason);
  }
}

const std::string two_parts =
    "--abc\r\nContent-Type: application/json\r\n\r\n{\"a\":1}"
    "\r\n--abc\r\ncontent-disposition: attachment; filename=\"a.txt\"\r\n"
    "Content-Length: 5\r\nContent-Encoding: GZIP\r\nX-Other: 1\r\n\r\nhello"
    "\r\n--abc--";

} // namespace

TEST_CASE("the parts of a body come with their heads and bytes, in pieces of any size") {
  const auto whole = read_parts(two_parts);
  REQUIRE(whole.problem.code == ec::none);
  REQUIRE(whole.parts.size() == 2);
  CHECK(whole.parts[0] == part{{"application/json", "", "", {}}, "{\"a\":1}", true});
  CHECK(whole.parts[1] == part{{"", "gzip", "a.txt", 5}, "hello", true});
  for (size_t step = 1; step < two_parts.size(); ++step) {
    CAPTURE(step);
    CHECK(read_parts(two_parts, step).parts == whole.parts);
  }
}

TEST_CASE("data that resembles the boundary is data, in pieces of any size") {
  for (const auto& data :
       {""s, "\r"s, "\n"s, "\r\n"s, "\r\n-"s, "\r\n--"s, "\r\n--ab"s, "\r\r\n--ab\r\n"s, "--abc"s,
        "\n--abc"s, "\r\r\r\r"s, "\r\n--a\r\n--ab\r\n"s, "\r\n--aabc"s, "\0\xff\r\n\0"s}) {
    CAPTURE(data);
    const std::string body = "--abc\r\n\r\n" + data + "\r\n--abc--\r\n";
    for (size_t step = 1; step <= body.size(); ++step) {
      const auto read = read_parts(body, step);
      REQUIRE(read.problem.code == ec::none);
      REQUIRE(read.parts.size() == 1);
      CHECK(read.parts[0].data == data);
    }
  }
}

TEST_CASE("a line break before the first boundary and blanks after a boundary are accepted") {
  CHECK(read_parts("\r\n--abc \t\r\n\r\nx\r\n--abc--\r\n").parts.size() == 1);
}

TEST_CASE("a Content-Type without a boundary that can be is refused") {
  const auto code = [](std::string_view type) {
    const auto reader = multipart_reader::open(type, "multipart/related");
    return reader ? ec::none : reader.error().code;
  };
  CHECK(code("multipart/related; boundary=\"" + std::string(70, 'a') + "\"") == ec::none);
  CHECK(code("multipart/related; boundary=\"" + std::string(71, 'a') + "\"") == ec::bad_request);
  CHECK(code("Multipart/Related; type=\"application/json\"; boundary=\"a b\"") == ec::none);
  CHECK(code("multipart/related; boundary=\"a \"") == ec::bad_request);
  CHECK(code("multipart/related; boundary=\"a\xc3\xa9\"") == ec::bad_request);
  CHECK(code("multipart/related; boundary=\"\"") == ec::bad_request);
  CHECK(code("multipart/related; boundary=") == ec::bad_request);
  CHECK(code("multipart/related") == ec::bad_request);
  CHECK(code("multipart/mixed; boundary=a") == ec::unsupported_media_type);
  CHECK(code("application/json") == ec::unsupported_media_type);
  CHECK(code("") == ec::bad_request);
}

TEST_CASE("a body that breaks off anywhere is refused") {
  for (size_t size = 0; size < two_parts.size(); ++size) {
    CAPTURE(size);
    const auto read = read_parts(std::string_view(two_parts).substr(0, size));
    CHECK(read.problem.code == ec::bad_request);
    CHECK(read.problem.reason == "the body ends before its last boundary");
  }
}

TEST_CASE("broken forms of a body of parts are refused with a reason") {
  const auto bad = ec::bad_request;
  check_refused("preamble\r\n--abc\r\n\r\nx\r\n--abc--", bad,
                "the body does not begin with its boundary");
  check_refused("\r\n\r\n--abc\r\n\r\nx\r\n--abc--", bad,
                "the body does not begin with its boundary");
  check_refused("--abd\r\n\r\nx\r\n--abd--", bad, "the body does not begin with its boundary");
  check_refused("--abc--", bad, "a body without a part");
  check_refused("--abcd\r\n\r\nx\r\n--abcd--", bad, "a line goes on after its boundary");
  check_refused("--abc\r\n\r\nx\r\n--abcd--", bad, "a line goes on after its boundary");
  check_refused("--abc-x\r\n\r\nx\r\n--abc--", bad, "a line goes on after its boundary");
  check_refused("--abc\n\nx\n--abc--", bad, "a line goes on after its boundary");
  check_refused("--abc\r\nContent-Type: a/b\n\r\nx\r\n--abc--", bad,
                "a line in the head of a part does not end with CRLF");
  check_refused("--abc\r\n--abc--\r\n", bad, "a line in the head of a part is no header");
  check_refused("--abc\r\n Content-Type: a/b\r\n\r\nx\r\n--abc--", bad,
                "a line in the head of a part is no header");
  check_refused("--abc\r\nA: b\x01\r\n\r\nx\r\n--abc--", bad,
                "a header of a part has a control character");
  check_refused("--abc\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\nx\r\n--abc--", bad,
                "a part consists of parts");
  check_refused("--abc\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\nx\r\n--abc--", bad,
                "a part has two types");
  check_refused("--abc\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx\r\n--abc--", bad,
                "a part has two lengths");
  check_refused("--abc\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--abc--", bad,
                "the bytes of a part are sent as they are, in no transfer encoding");
  check_refused("--abc\r\n\r\nx\r\n--abc--extra", bad, "data after the last boundary");
  check_refused("--abc\r\n\r\nx\r\n--abc--" + std::string(17, '\n'), bad,
                "data after the last boundary");
}

TEST_CASE("a part is as long as its Content-Length says") {
  const auto with_length = [](const std::string& length) {
    return "--abc\r\nContent-Length: " + length + "\r\n\r\nxyz\r\n--abc--";
  };
  CHECK(read_parts(with_length("3")).problem.code == ec::none);
  check_refused(with_length("2"), ec::bad_request, "a part is longer than its Content-Length");
  check_refused(with_length("4"), ec::bad_request, "a part is shorter than its Content-Length");
  for (const auto length : {"", "-3", "+3", "3x", "0x3", "99999999999999999999", "3 3"})
    check_refused(with_length(length), ec::bad_request,
                  "the Content-Length of a part is not a number");
}

TEST_CASE("a reader holds neither long heads nor many parts") {
  const multipart_limits small{64, 2, 2, false};
  const std::string end = "\r\n\r\nx\r\n--abc--";
  check_refused("--abc\r\nA: " + std::string(60, 'a') + end, ec::too_large,
                "the head of a part is too long", small);
  check_refused("--abc" + std::string(70, ' ') + end, ec::too_large,
                "the head of a part is too long", small);
  check_refused("--abc\r\nA: 1\r\nB: 2\r\nC: 3" + end, ec::too_large, "a part has too many headers",
                small);
  check_refused("--abc\r\n\r\n\r\n--abc\r\n\r\n\r\n--abc\r\n\r\n" + end, ec::too_large,
                "the body has too many parts", small);
  CHECK(read_parts("--abc\r\nA: 1\r\nB: 2" + end, 0, small).problem.code == ec::none);
}

TEST_CASE("an error of the receiver ends the reading with it") {
  struct refusing final : part_receiver {
    result<void> begin_part(const part_head&) override { return {}; }
    result<void> part_data(std::string_view) override {
      return treadmill::fail(ec::too_large, "no more");
    }
    result<void> end_part() override { return {}; }
  } to;
  auto reader = multipart_reader::open("multipart/related; boundary=abc", "multipart/related");
  const auto taken = reader.value().take(two_parts, to);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().reason == "no more");
}

TEST_CASE("nested parts are data of their part where they are allowed") {
  const std::string inner = "--in\r\n\r\nx\r\n--in--";
  const auto read = read_parts("--abc\r\nContent-Type: multipart/related; boundary=in\r\n\r\n" +
                                   inner + "\r\n--abc--",
                               0, {8192, 32, 1000, true});
  REQUIRE(read.problem.code == ec::none);
  CHECK(read.parts[0].data == inner);
}

TEST_CASE("what the writer writes is what the reader reads") {
  multipart_writer writer("abc");
  CHECK(writer.content_type("related") == "multipart/related; boundary=\"abc\"");
  std::string body;
  const part_head first{"application/json", "", "", {}};
  const part_head second{"text/plain; charset=utf-8", "gzip", "a\"\\\xc3\xa9.txt", 3};
  writer.begin_part(body, first);
  body += "{}";
  writer.begin_part(body, second);
  body += "x\r\n";
  writer.end(body);
  const auto read = read_parts(body);
  REQUIRE(read.problem.code == ec::none);
  CHECK(read.parts == std::vector<part>{{first, "{}", true}, {second, "x\r\n", true}});
}

TEST_CASE("a value that no header can have is left out of a part's head") {
  multipart_writer writer("abc");
  std::string body;
  writer.begin_part(body, {"text/plain\r\nX: 1", "", "a\nb", {}});
  CHECK(body == "--abc\r\n\r\n");
}

TEST_CASE("each boundary is made of 128 random bits") {
  const auto fixed = [] { return std::array<uint8_t, 16>{0xab, 1}; };
  CHECK(multipart_writer::make_boundary(fixed) == "ab010000000000000000000000000000");
  const auto one = multipart_writer::make_boundary();
  CHECK(one.size() == 32);
  CHECK(one != multipart_writer::make_boundary());
  CHECK(multipart_reader::open(multipart_writer(one).content_type("mixed"), "multipart/mixed"));
}

} // namespace treadmill::http
