#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

/// The log of the process: one line per event, as text or as JSON, to stderr or a file.
///
///     log::info("bucket restarted", {{"bucket", name}, {"generation", generation}});
///
/// text: `2026-05-01T09:30:00.123Z info  bucket restarted bucket=places generation=3`
/// json: `{"time":"2026-05-01T09:30:00.123Z","level":"info","message":"bucket
/// restarted","bucket":"places","generation":3}`
///
/// No message or value can break a line or its JSON: control characters are escaped, and bytes that
/// are not UTF-8 become U+FFFD.
///
/// **Thread**: any, except for start and stop. **Errors**: a line that cannot be written is lost;
/// nothing throws.
namespace treadmill::log {

enum class level : uint8_t { trace, debug, info, warn, error, off };
enum class format : uint8_t { text, json };

std::string_view to_string(level value);
std::string_view to_string(format value);

struct options {
  log::level level = log::level::info; ///< lines below it are dropped
  log::format format = log::format::text;
  std::string file; ///< appended to; empty: stderr
};

/// A named value of a line. `key` is a plain word from this code. Views live as long as the call.
struct field {
  std::string_view key;
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;

  template<typename T>
  field(std::string_view name, const T& from) : key(name), value(convert(from)) {}

private:
  template<typename T>
  static decltype(value) convert(const T& from) {
    if constexpr (std::is_same_v<T, bool>)
      return from;
    else if constexpr (std::is_floating_point_v<T>)
      return static_cast<double>(from);
    else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
      return int64_t{from};
    else if constexpr (std::is_integral_v<T>)
      return uint64_t{from};
    else
      return std::string_view(from);
  }
};

/// Sets up the log; until then it writes text of level info to stderr. If the file cannot be
/// opened, changes nothing and answers the reason, else "". Call before there are other threads.
std::string start(const options& how);
/// Opens the file by its name again, after log rotation moved it away. Does nothing if the log goes
/// to stderr. If the file cannot be opened, answers the reason and keeps the open one. **Thread**:
/// any, between start and stop.
std::string reopen();
/// Flushes the buffer and closes the file; later lines go to stderr.
void stop();

/// Whether a line of this level would be written: ask before making an expensive value.
bool enabled(level at);
void write(level at, std::string_view message, std::initializer_list<field> fields = {});

inline void debug(std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::info, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::warn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<field> fields = {}) {
  write(level::error, message, fields);
}

/// The line that `write` would make at `unix_ms`, without its newline: pure, for tests.
std::string make_line(format form, int64_t unix_ms, level at, std::string_view message,
                      std::initializer_list<field> fields = {});

} // namespace treadmill::log
