#include "net/http/http_date.hpp"
#include <array>
#include <cstdint>

namespace treadmill::http {

namespace {

namespace calendar = std::chrono;

constexpr std::string_view pattern = "Sun, 00 Jan 0000 00:00:00 GMT";
constexpr std::string_view weekdays = "SunMonTueWedThuFriSat";
constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct date_text {
  calendar::sys_seconds second = calendar::sys_seconds::min();
  std::array<char, pattern.size()> text{};

  void put_word(size_t at, std::string_view words, size_t which) {
    words.substr(which * 3, 3).copy(text.data() + at, 3);
  }
  void put_number(size_t at, size_t digits, uint64_t number) {
    for (; digits > 0; number /= 10) text[at + --digits] = static_cast<char>('0' + number % 10);
  }
  void write(calendar::sys_seconds when);
};

void date_text::write(calendar::sys_seconds when) {
  const auto day = calendar::floor<calendar::days>(when);
  const calendar::year_month_day date(day);
  const auto time = when - day;
  pattern.copy(text.data(), text.size());
  put_word(0, weekdays, calendar::weekday(day).c_encoding());
  put_number(5, 2, static_cast<unsigned>(date.day()));
  put_word(8, months, static_cast<unsigned>(date.month()) - 1);
  put_number(12, 4, static_cast<uint64_t>(static_cast<int>(date.year())));
  put_number(17, 2, static_cast<uint64_t>(time / calendar::hours(1)));
  put_number(20, 2, static_cast<uint64_t>(time / calendar::minutes(1) % 60));
  put_number(23, 2, static_cast<uint64_t>(time / calendar::seconds(1) % 60));
  second = when;
}

} // namespace

std::string_view http_date(calendar::system_clock::time_point when) {
  thread_local date_text last;
  const auto second = calendar::floor<calendar::seconds>(when);
  if (second != last.second) last.write(second);
  return {last.text.data(), last.text.size()};
}

} // namespace treadmill::http
