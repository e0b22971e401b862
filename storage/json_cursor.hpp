#pragma once
#include "storage/result.hpp"
#include <string>
#include <string_view>

namespace treadmill {

/// Walks over a stored form (json.hpp) without making anything of it. Safe on any bytes: every
/// `take_*` returns false, and takes nothing, where the text is not what is asked for.
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
  /// Any value. What lies inside of an array or object is not looked at further.
  bool take_value(std::string_view& text);
  /// A value other than a string, array or object, as far as it goes: checked no further.
  bool take_word(std::string_view& text);

  /// The next `size` bytes, of which there must be that many; not 0.
  bool take_front(size_t size, std::string_view& text);

private:
  std::string_view rest_;
};

/// Calls `take(name, value)` for each member of an object in stored form, until one fails; the name
/// has its quotes. Errors: those of `take`; internal (it is none).
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

/// Appends what a string of a stored form stands for; `text` has its quotes. Returns false where an
/// escape is not one of the stored form's.
bool append_unescaped(std::string& out, std::string_view text);

/// Appends the stored form's escape of a quote, a backslash or a control character.
void append_escaped(std::string& out, char c);

} // namespace treadmill
