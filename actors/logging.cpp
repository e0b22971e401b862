#include "actors/logging.hpp"
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <memory>
#include <mutex>
#include <spdlog/details/file_helper.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace treadmill::log {

namespace {

/// The length of the well-formed UTF-8 sequence at the start of `text`; 0: there is none.
size_t sequence_length(std::string_view text) {
  const auto at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf && tail(1)) return 2;
  if (first >= 0xe0 && first <= 0xef && tail(1) && tail(2)) {
    const bool overlong = first == 0xe0 && at(1) < 0xa0;
    const bool surrogate = first == 0xed && at(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4 && tail(1) && tail(2) && tail(3)) {
    const bool overlong = first == 0xf0 && at(1) < 0x90;
    const bool beyond = first == 0xf4 && at(1) > 0x8f;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

/// Appends `text`, escaped for a JSON string. Also used for text lines, so that no client can begin
/// a new line in the log.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
  constexpr char hex[] = "0123456789abcdef";
  for (size_t i = 0; i < text.size();) {
    const size_t length = sequence_length(text.substr(i));
    const char c = text[i];
    if (length == 0) {
      out += "\xef\xbf\xbd"; // U+FFFD
    } else if (length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)) {
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4U];
      out += hex[static_cast<unsigned char>(c) & 0xfU];
    } else if (quotes && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
    } else {
      out += text.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, true);
  out += '"';
}

void append_time(std::string& out, int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  out.append(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts));
  const auto ms = static_cast<int>(unix_ms % 1000);
  out += '.';
  for (const int digit : {ms / 100, ms / 10 % 10, ms % 10}) out += static_cast<char>('0' + digit);
  out += 'Z';
}

template<typename T>
void append_number(std::string& out, T value) {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

/// In a text line: a word as it is, other text in quotes. In JSON: the value's JSON.
void append_value(std::string& out, const field& from, bool json) {
  if (const auto* text = std::get_if<std::string_view>(&from.value)) {
    const bool word = !text->empty() && text->find_first_of(" \"=\\") == std::string_view::npos;
    return !json && word ? append_escaped(out, *text, false) : append_quoted(out, *text);
  }
  if (const auto* flag = std::get_if<bool>(&from.value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<double>(&from.value)) {
    std::isfinite(*number) ? append_number(out, *number) : void(out += "null");
  } else if (const auto* whole = std::get_if<int64_t>(&from.value)) {
    append_number(out, *whole);
  } else {
    append_number(out, std::get<uint64_t>(from.value));
  }
}

spdlog::level::level_enum to_spdlog(level from) {
  constexpr std::array<spdlog::level::level_enum, 6> levels{
      spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
      spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};
  return levels.at(static_cast<size_t>(from));
}

/// Appends to a file, which can be reopened while other threads write.
class file_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  explicit file_sink(std::string name) : name_(std::move(name)), file_(open()) {}
  void open_again() {
    auto file = open();
    const std::lock_guard lock(mutex_);
    file_.swap(file);
  }

protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    spdlog::memory_buf_t text;
    formatter_->format(line, text);
    file_->write(text);
  }
  void flush_() override { file_->flush(); }

private:
  std::unique_ptr<spdlog::details::file_helper> open() const {
    auto file = std::make_unique<spdlog::details::file_helper>();
    file->open(name_);
    return file;
  }

  std::string name_;
  std::unique_ptr<spdlog::details::file_helper> file_;
};

/// The current setup of the log. make_line makes whole lines; spdlog filters them by level, accepts
/// them from any thread and writes them.
struct state {
  std::shared_ptr<spdlog::logger> logger;
  log::format form = log::format::text;
  std::shared_ptr<file_sink> file{}; ///< nullptr: stderr
};

std::shared_ptr<spdlog::logger> make_logger(const std::shared_ptr<spdlog::sinks::sink>& sink,
                                            level from) {
  auto made = std::make_shared<spdlog::logger>("treadmill", sink);
  made->set_pattern("%v");
  made->set_level(to_spdlog(from));
  made->flush_on(spdlog::level::trace); // so that a line is not lost if the process dies after it
  made->set_error_handler([](const std::string&) {});
  return made;
}

state& current() {
  static state now{make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>(), level::info),
                   format::text,
                   {}};
  return now;
}

} // namespace

std::string_view to_string(level value) {
  constexpr std::array<std::string_view, 6> words{"trace", "debug", "info", "warn", "error", "off"};
  return words.at(static_cast<size_t>(value));
}

std::string_view to_string(format value) { return value == format::json ? "json" : "text"; }

std::string start(const options& how) {
  try {
    if (how.file.empty()) {
      current() = {make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>(), how.level),
                   how.format,
                   {}};
    } else {
      const auto file = std::make_shared<file_sink>(how.file);
      current() = {make_logger(file, how.level), how.format, file};
    }
    return {};
  } catch (const spdlog::spdlog_ex& problem) {
    return problem.what();
  }
}

std::string reopen() {
  try {
    if (current().file) current().file->open_again();
    return {};
  } catch (const spdlog::spdlog_ex& problem) {
    return problem.what();
  }
}

void stop() {
  current().logger->flush();
  start({});
}

bool enabled(level at) { return at != level::off && current().logger->should_log(to_spdlog(at)); }

void write(level at, std::string_view message, std::initializer_list<field> fields) {
  if (!enabled(at)) return;
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const std::string line = make_line(current().form, now, at, message, fields);
  current().logger->log(to_spdlog(at), spdlog::string_view_t(line.data(), line.size()));
}

std::string make_line(format form, int64_t unix_ms, level at, std::string_view message,
                      std::initializer_list<field> fields) {
  const bool json = form == format::json;
  std::string out = json ? R"({"time":")" : "";
  append_time(out, unix_ms);
  out += json ? R"(","level":")" : " ";
  out += to_string(at);
  if (json)
    out += R"(","message":)";
  else
    out.append(6 - to_string(at).size(), ' ');
  json ? append_quoted(out, message) : append_escaped(out, message, false);
  for (const field& one : fields) {
    out += json ? "," : " ";
    json ? append_quoted(out, one.key) : void(out += one.key);
    out += json ? ":" : "=";
    append_value(out, one, json);
  }
  if (json) out += '}';
  return out;
}

} // namespace treadmill::log
