#include "js/wire/frame.hpp"
#include "js/wire/defaults.hpp"
#include <array>
#include <cstring>
#include <doctest/doctest.h>
#include <string>

namespace js = treadmill::js;
using std::string_literals::operator""s;

namespace {

constexpr js::reply_bounds bounds{100, 100};

/// Type and payload of the one frame in `bytes`.
std::string_view inside(std::string_view bytes) { return bytes.substr(4); }

js::worker_limits some_limits() {
  return {1234, true, 2000, 1u << 27, 1u << 30, 1, 1000, 65536, 0};
}

std::vector<std::string> all_requests() {
  std::vector<std::string> made(5);
  js::put_start(made[0], some_limits());
  js::put_define(made[1], {300, js::kind::reduce, "doc => 1"});
  js::put_forget(made[2], UINT64_MAX);
  const std::vector<js::document> documents = {{"a\"\n", "1-x", R"({"b":1})"}, {"c", "2-y", "{}"}};
  js::put_map(made[3], 7, 300, documents);
  const std::vector<js::reduce_call> calls = {{false, {R"(["k","id"])"}, {"1"}},
                                              {true, {}, {"1", "2"}}};
  js::put_reduce(made[4], 8, 301, calls);
  return made;
}

std::string an_answer() {
  std::string out;
  std::string rows;
  js::answer_writer answer(out, 9);
  js::answer_writer::put_row(rows, "1", "\"v\"");
  js::answer_writer::put_row(rows, "[2]", "");
  answer.rows_item(true, 2, rows);
  answer.fault_item(js::fault::threw, "because");
  answer.rows_item(false, 0, "");
  answer.finish();
  return out;
}

std::vector<std::string> all_replies() {
  std::vector<std::string> made(3);
  js::put_ready(made[0], "10.2");
  js::put_failed(made[1], "no memory");
  js::put_refused(made[2], 5, "not one function");
  made.push_back(an_answer());
  return made;
}

} // namespace

TEST_CASE("requests come out as they went in") {
  const auto all = all_requests();
  const auto start = js::read_request(inside(all[0]));
  REQUIRE(start);
  CHECK(std::get<js::start_request>(*start).limits == some_limits());
  const auto define = js::read_request(inside(all[1]));
  REQUIRE(define);
  const auto& what = std::get<js::define_request>(*define);
  CHECK(what.function == 300);
  CHECK(what.what == js::kind::reduce);
  CHECK(what.text == "doc => 1");
  CHECK(std::get<js::forget_request>(js::read_request(inside(all[2])).value()).function ==
        UINT64_MAX);
  const auto map = js::read_request(inside(all[3]));
  REQUIRE(map);
  const auto& documents = std::get<js::map_request>(*map);
  CHECK(documents.request == 7);
  CHECK(documents.function == 300);
  REQUIRE(documents.documents.size() == 2);
  CHECK(documents.documents[0] == R"({"id":"a\"\u000a","rev":"1-x","b":1})");
  CHECK(documents.documents[1] == R"({"id":"c","rev":"2-y"})");
  const auto reduce = js::read_request(inside(all[4]));
  REQUIRE(reduce);
  const auto& calls = std::get<js::reduce_request>(*reduce).calls;
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].keys == R"([["k","id"]])");
  CHECK(calls[0].values == "[1]");
  CHECK(calls[1].rereduce);
  CHECK(calls[1].keys == "null");
  CHECK(calls[1].values == "[1,2]");
}

TEST_CASE("the length of a document is right at every width of its length") {
  for (const size_t size :
       {0, 80, 90, 100, 101, 102, 103, 104, 105, 110, 128, 16000, 16355, 16360, 16384, 3000000}) {
    const std::string body = "{\"a\":\"" + std::string(size, 'x') + "\"}";
    std::string out;
    js::put_map(out, 1, 1,
                std::vector<js::document>{{"i", "r", body}, {std::string(50, '\x01'), "r", "{}"}});
    const auto read = js::read_request(inside(out));
    REQUIRE(read);
    const auto& documents = std::get<js::map_request>(*read).documents;
    REQUIRE(documents.size() == 2);
    CHECK(documents[0] == R"({"id":"i","rev":"r",)" + body.substr(1));
    CHECK(documents[1].size() == 50 * 6 + 19);
  }
}

TEST_CASE("replies come out as they went in") {
  const auto all = all_replies();
  CHECK(std::get<js::ready_reply>(js::read_reply(inside(all[0]), bounds).value()).engine == "10.2");
  CHECK(std::get<js::failed_reply>(js::read_reply(inside(all[1]), bounds).value()).message ==
        "no memory");
  const auto refused = std::get<js::refused_reply>(js::read_reply(inside(all[2]), bounds).value());
  CHECK(refused.request == 5);
  CHECK(refused.message == "not one function");
  const auto answer = std::get<js::answer_reply>(js::read_reply(inside(all[3]), bounds).value());
  CHECK(answer.request == 9);
  const std::vector<js::mapped> expected = {
      {{{"1", "\"v\""}, {"[2]", ""}}, true, js::fault::none, ""},
      {{}, false, js::fault::threw, "because"},
      {{}, false, js::fault::none, ""}};
  CHECK(answer.items == expected);
}

TEST_CASE("a frame that is cut short, or longer, is none") {
  for (const auto& bytes : all_requests()) {
    const auto frame = inside(bytes);
    // The lists of map and reduce end with the frame: cut between two items they are shorter lists.
    const bool list = frame[0] == 4 || frame[0] == 5;
    size_t good = 0;
    for (size_t size = 0; size < frame.size(); ++size)
      if (js::read_request(frame.substr(0, size))) ++good;
    CHECK(good == (list ? 2 : 0));
    if (!list) CHECK(!js::read_request(std::string(frame) + '\0'));
  }
  for (const auto& bytes : all_replies()) {
    const auto frame = inside(bytes);
    const bool list = frame[0] == 4;
    size_t good = 0;
    for (size_t size = 0; size < frame.size(); ++size)
      if (js::read_reply(frame.substr(0, size), bounds)) ++good;
    CHECK(good == (list ? 3 : 0));
    if (!list) CHECK(!js::read_reply(std::string(frame) + '\0', bounds));
  }
  CHECK(!js::read_request("\x06"));
  CHECK(!js::read_reply("\x05", bounds));
  CHECK(!js::read_request(std::string_view("\0", 1)));
}

TEST_CASE("values out of range are refused") {
  CHECK(!js::read_request("\x02\x01\x02\x00"s));                             // a kind that is none
  CHECK(!js::read_request("\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s)); // more than 64 bits
  CHECK(!js::read_request("\x03\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s));
  CHECK(!js::read_reply("\x04\x01\x09\x00"s, bounds));   // a fault that is none
  CHECK(!js::read_reply(inside(an_answer()), {2, 100})); // too many items
  CHECK(!js::read_reply(inside(an_answer()), {3, 1}));   // too many rows
  CHECK(js::read_reply(inside(an_answer()), {3, 2}));
}

TEST_CASE("frames are cut from a stream however it arrives") {
  std::string stream;
  const auto all = all_requests();
  for (const auto& bytes : all) stream += bytes;
  for (const size_t step : {size_t{1}, size_t{3}, stream.size()}) {
    js::frame_buffer buffer(1000);
    std::vector<std::string> frames;
    for (size_t at = 0; at < stream.size(); at += step) {
      const auto part = std::string_view(stream).substr(at, step);
      const auto room = buffer.room();
      REQUIRE(room.size() >= part.size());
      std::memcpy(room.data(), part.data(), part.size());
      buffer.filled(part.size());
      std::string_view frame;
      while (buffer.next(frame) == js::frame_buffer::state::frame) frames.emplace_back(frame);
    }
    REQUIRE(frames.size() == all.size());
    for (size_t i = 0; i < all.size(); ++i) CHECK(frames[i] == inside(all[i]));
  }
}

TEST_CASE("a length of zero or beyond the limit breaks the stream at once") {
  for (const auto& head : {"\0\0\0\0"s, "\xff\xff\xff\xff"s, "\0\0\x03\xe9"s}) {
    js::frame_buffer buffer(1000);
    std::memcpy(buffer.room().data(), head.data(), head.size());
    buffer.filled(head.size());
    std::string_view frame;
    CHECK(buffer.next(frame) == js::frame_buffer::state::broken);
    CHECK(buffer.next(frame) == js::frame_buffer::state::broken);
  }
}

TEST_CASE("the memory of a large frame is given back once it was read") {
  constexpr size_t size = 16 * 1024 * 1024;
  const auto take_large = [&](js::frame_buffer& buffer) {
    size_t left = size + 4;
    const auto add = [&](std::string_view part) {
      std::memcpy(buffer.room().data(), part.data(), part.size());
      buffer.filled(part.size());
      left -= part.size();
    };
    add("\x01\0\0\0"s);
    const std::string piece(16 * 1024, 'x');
    while (left > 0) add(std::string_view(piece).substr(0, left));
    std::string_view frame;
    REQUIRE(buffer.next(frame) == js::frame_buffer::state::frame);
    REQUIRE(frame.size() == size);
  };
  js::frame_buffer buffer(size);
  take_large(buffer);
  CHECK(buffer.held_bytes() >= size);
  CHECK(!buffer.room().empty());
  CHECK(buffer.held_bytes() < size / 16);
  take_large(buffer);
  buffer.clear();
  CHECK(buffer.held_bytes() == 0);
}

TEST_CASE("text is cut between characters") {
  CHECK(js::cut_text("abc", 3) == "abc");
  CHECK(js::cut_text("abc", 2) == "ab");
  CHECK(js::cut_text("aé", 2) == "a");
  CHECK(js::cut_text("😀", 3).empty());
}
