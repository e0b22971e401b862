#pragma once
#include "storage/base/json_string.hpp"
#include "storage/base/result.hpp"
#include <string>
#include <string_view>

namespace treadmill {

/// Walks over a stored form (json.hpp) without building values. Safe on any bytes: if the text does
/// not match, every `take_*` returns false and consumes nothing.
/// **Thread**: a plain value that views the text.
class json_cursor {
public:
  explicit json_cursor(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char expected);
  /// A string with its quotes.
  bool take_string(std::string_view& text);
  /// Any value. The content of an array or object is not checked.
  bool take_value(std::string_view& text);
  /// A value other than a string, array or object; only its end is determined, its text is not
  /// checked.
  bool take_word(std::string_view& text);

  /// The next `size` bytes. Precondition: there are that many, and `size` is not 0.
  bool take_front(size_t size, std::string_view& text);

private:
  std::string_view rest_;
};

/// Calls `take(name, value)` for each member of an object in stored form, until one fails; the name
/// includes its quotes. Errors: those of `take`; internal (`object` is not an object in stored
/// form).
template<typename Take>
result<void> each_member(std::string_view object, Take take) {
  json_cursor in(object);
  in.take('{');
  while (!in.take('}')) {
    std::string_view name;
    std::string_view value;
    if (!in.take_string(name) || !in.take(':') || !in.take_value(value))
      return fail(ec::internal, "a stored form cannot be read");
    if (result<void> taken = take(name, value); !taken) return taken;
    in.take(',');
  }
  return {};
}

/// Appends the decoded string of a stored form; `text` includes its quotes. Returns false if an
/// escape is not one of the stored form's.
bool append_unescaped(std::string& out, std::string_view text);

} // namespace treadmill
