#include "actors/logging.hpp"
#include "tests/actors/log_file.hpp"
#include <atomic>
#include <cmath>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <rapidjson/document.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace treadmill {
namespace {

using test::logging_to_file;

constexpr int64_t noon = 1'777'627'800'123; // 2026-05-01T09:30:00.123Z

rapidjson::Document read(const std::string& line) {
  rapidjson::Document out;
  out.Parse<rapidjson::kParseValidateEncodingFlag>(line.data(), line.size());
  REQUIRE_MESSAGE(!out.HasParseError(), line);
  return out;
}

} // namespace

TEST_CASE("a text line has time, level, message and its values") {
  CHECK(log::make_line(log::format::text, noon, log::level::info, "bucket restarted",
                       {{"bucket", "places"},
                        {"generation", 3},
                        {"took", 0.5},
                        {"clean", true},
                        {"why", "disk full"}}) ==
        "2026-05-01T09:30:00.123Z info  bucket restarted bucket=places generation=3 took=0.5 "
        "clean=true why=\"disk full\"");
}

TEST_CASE("a JSON line has the same as members") {
  CHECK(
      log::make_line(log::format::json, noon, log::level::error, "it broke",
                     {{"bucket", std::string("places")},
                      {"least", INT64_MIN},
                      {"most", UINT64_MAX},
                      {"clean", false}}) ==
      R"({"time":"2026-05-01T09:30:00.123Z","level":"error","message":"it broke","bucket":"places",)"
      R"("least":-9223372036854775808,"most":18446744073709551615,"clean":false})");
}

TEST_CASE("a JSON line is valid JSON whatever it holds") {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  every += "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 \xe2\x82";
  const auto line = log::make_line(log::format::json, noon, log::level::warn, every,
                                   {{"value", every}, {"infinite", INFINITY}, {"none", NAN}});
  const auto read_back = read(line);
  CHECK(read_back["infinite"].IsNull());
  CHECK(read_back["none"].IsNull());
  const std::string value(read_back["value"].GetString(), read_back["value"].GetStringLength());
  CHECK(value.substr(0, 128) == every.substr(0, 128));
  CHECK(value.find("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80") != std::string::npos);
  CHECK(value.ends_with("\xef\xbf\xbd"));
}

TEST_CASE("no text begins a line of its own") {
  for (const auto form : {log::format::text, log::format::json}) {
    const auto line = log::make_line(form, noon, log::level::info, "a\nb\rc",
                                     {{"id", "x\n2026-01-01 error forged"}, {"word", "a\nb"}});
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line.find('\r') == std::string::npos);
  }
}

TEST_CASE("text that could be taken for other fields is quoted") {
  CHECK(log::make_line(log::format::text, noon, log::level::info, "m",
                       {{"id", "a b=c"}, {"empty", ""}, {"q", "say \"x\""}})
            .ends_with(R"(m id="a b=c" empty="" q="say \"x\"")"));
}

TEST_CASE("lines below the level are left out") {
  const logging_to_file file(log::level::warn, log::format::json);
  CHECK(!log::enabled(log::level::info));
  CHECK(log::enabled(log::level::error));
  CHECK(!log::enabled(log::level::off));
  log::info("quiet");
  log::warn("loud");
  log::error("louder", {{"n", 1}});
  const auto lines = file.lines();
  REQUIRE(lines.size() == 2);
  CHECK(std::string(read(lines[0])["message"].GetString()) == "loud");
  CHECK(std::string(read(lines[1])["level"].GetString()) == "error");
}

TEST_CASE("level off writes nothing") {
  const logging_to_file file(log::level::off, log::format::text);
  log::error("nobody hears it");
  CHECK(file.lines().empty());
}

TEST_CASE("lines of many threads stay whole") {
  const logging_to_file file(log::level::info, log::format::json);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 250; ++i) log::info("work", {{"thread", t}, {"i", i}});
    });
  for (auto& one : threads) one.join();
  const auto lines = file.lines();
  CHECK(lines.size() == 1000);
  for (const auto& line : lines) CHECK(read(line)["i"].IsInt());
}

TEST_CASE("a log file that was moved away is made anew, and no line is lost on the way") {
  const logging_to_file file(log::level::info, log::format::json);
  const std::string moved = file.path + ".1";
  std::atomic<bool> stop = false;
  std::atomic<int> written = 0;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i, ++written) log::info("work", {{"i", i}});
  });
  while (written < 100) std::this_thread::yield();
  std::filesystem::rename(file.path, moved);
  CHECK(log::reopen().empty());
  const int before = written;
  while (written < before + 100) std::this_thread::yield();
  stop = true;
  writer.join();
  const auto late = file.lines();
  CHECK(late.size() >= 100);
  std::ifstream in(moved);
  int first = 0;
  for (std::string line; std::getline(in, line); ++first) CHECK(read(line)["i"].GetInt() == first);
  CHECK(first + static_cast<int>(late.size()) == written);
  std::filesystem::remove(moved);
}

TEST_CASE("a log file that cannot be opened anew is told, and the one that is open goes on") {
  const std::string folder =
      (std::filesystem::temp_directory_path() / "treadmill-log-folder").string() +
      std::to_string(::getpid());
  std::filesystem::create_directory(folder);
  REQUIRE(log::start({log::level::info, log::format::text, folder + "/log"}).empty());
  std::ifstream in(folder + "/log");
  std::filesystem::remove_all(folder);
  std::ofstream(folder).put('x'); // a file is there now
  CHECK_FALSE(log::reopen().empty());
  log::info("still here");
  log::stop();
  std::string line;
  std::getline(in, line);
  CHECK(line.find("still here") != std::string::npos);
  std::filesystem::remove(folder);
  CHECK(log::reopen().empty()); // to stderr there is nothing to open
}

TEST_CASE("a file that cannot be opened is an answer, not an exception") {
  CHECK(!log::start({log::level::info, log::format::text, "/dev/null/log"}).empty());
}

} // namespace treadmill
