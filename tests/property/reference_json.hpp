#pragma once
#include "storage/base/result.hpp"
#include "tests/property/random_json.hpp"
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>

/// What the stored form must be, by RFC 8259 and json.hpp alone: recursive, slow, plain, and with
/// nothing in common with the code that is tested.
namespace reference_json {

inline void append_utf8(std::string& out, char32_t c) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6), tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12), tail(6), tail(0);
  } else {
    out += static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0);
  }
}

inline void append_string(std::string& out, const std::u32string& text) {
  out += '"';
  for (const char32_t c : text) {
    char escape[8];
    switch (c) {
    case '"': out += "\\\""; break;
    case '\\': out += "\\\\"; break;
    case '\b': out += "\\b"; break;
    case '\f': out += "\\f"; break;
    case '\n': out += "\\n"; break;
    case '\r': out += "\\r"; break;
    case '\t': out += "\\t"; break;
    default:
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c & 0xffff));
      if (c < 0x20)
        out += escape;
      else
        append_utf8(out, c);
    }
  }
  out += '"';
}

inline void append_double(std::string& out, double value) {
  char text[64];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

inline void append_stored(std::string& out, const json_value& value) {
  const bool is_array = value.is == json_value::type::array;
  switch (value.is) {
  case json_value::type::null: out += "null"; break;
  case json_value::type::boolean_false: out += "false"; break;
  case json_value::type::boolean_true: out += "true"; break;
  case json_value::type::number:
    if (value.of_number.integer)
      out += (value.of_number.negative ? "-" : "") + digits_of(value.of_number);
    else
      append_double(out, value.of_number.value);
    break;
  case json_value::type::string: append_string(out, value.text); break;
  case json_value::type::array:
  case json_value::type::object:
    out += is_array ? '[' : '{';
    for (size_t i = 0; i < value.elements.size(); ++i) {
      if (i > 0) out += ',';
      if (!is_array) append_string(out, value.names[i]), out += ':';
      append_stored(out, value.elements[i]);
    }
    out += is_array ? ']' : '}';
  }
}

/// Reads a text by the grammar, a function for each of its rules.
class reader {
public:
  explicit reader(std::string_view text) : rest_(text) {}

  /// The stored form of the text; nothing where it is not JSON, not UTF-8 or has a number that no
  /// double can hold.
  std::optional<std::string> read() {
    skip_space();
    if (!value()) return std::nullopt;
    skip_space();
    return rest_.empty() ? std::optional(out_) : std::nullopt;
  }
  bool names_twice() const { return names_twice_; }

private:
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(std::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void skip_space() {
    while (take(" ") || take("\t") || take("\n") || take("\r")) {
    }
  }
  bool value() {
    if (peek() == '"') {
      std::u32string text;
      if (!string(text)) return false;
      append_string(out_, text);
      return true;
    }
    for (std::string_view word : {"null", "true", "false"})
      if (take(word)) return out_ += word, true;
    if (take("[")) return list(']');
    if (take("{")) return list('}');
    return number();
  }
  bool list(char end) {
    std::set<std::u32string> names;
    out_ += end == ']' ? '[' : '{';
    skip_space();
    for (bool first = true; !take({&end, 1}); first = false) {
      if (!first) {
        if (!take(",")) return false;
        out_ += ',';
        skip_space();
      }
      if (end == '}' && !name(names)) return false;
      if (!value()) return false;
      skip_space();
    }
    out_ += end;
    return true;
  }
  bool name(std::set<std::u32string>& names) {
    std::u32string text;
    if (!string(text)) return false;
    append_string(out_, text);
    if (!names.insert(text).second) names_twice_ = true;
    skip_space();
    if (!take(":")) return false;
    out_ += ':';
    skip_space();
    return true;
  }
  bool digits() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count > 0;
  }
  bool number() {
    const auto begin = rest_;
    take("-");
    if (!take("0") && !digits()) return false;
    const auto whole = begin.substr(0, begin.size() - rest_.size());
    if (take(".") && !digits()) return false;
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      if (!digits()) return false;
    }
    const std::string text(begin.substr(0, begin.size() - rest_.size()));
    if (text.size() == whole.size()) {
      out_ += text;
      return true;
    }
    const double as_double = std::strtod(text.c_str(), nullptr);
    if (!std::isfinite(as_double)) return false;
    append_double(out_, as_double);
    return true;
  }
  bool string(std::u32string& text) {
    if (!take("\"")) return false;
    while (!take("\"")) {
      char32_t c = 0;
      if (!(take("\\") ? escaped(c) : plain(c))) return false;
      text += c;
    }
    return true;
  }
  bool escaped(char32_t& c) {
    static constexpr std::string_view letters = "\"\\/bfnrt";
    static constexpr std::string_view characters = "\"\\/\b\f\n\r\t";
    if (!take("u")) {
      const size_t at = rest_.empty() ? letters.npos : letters.find(rest_.front());
      if (at == letters.npos) return false;
      rest_.remove_prefix(1);
      c = static_cast<char32_t>(characters[at]);
      return true;
    }
    if (!hex(c) || (c >= 0xdc00 && c <= 0xdfff)) return false;
    if (c < 0xd800 || c > 0xdfff) return true;
    char32_t low = 0;
    if (!take("\\u") || !hex(low) || low < 0xdc00 || low > 0xdfff) return false;
    c = 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
    return true;
  }
  bool hex(char32_t& c) {
    const auto text = std::string(rest_.substr(0, 4));
    if (text.size() < 4 || text.find_first_not_of("0123456789abcdefABCDEF") != text.npos)
      return false;
    c = static_cast<char32_t>(std::stoul(text, nullptr, 16));
    rest_.remove_prefix(4);
    return true;
  }
  /// What is UTF-8 is what some character is written as.
  bool plain(char32_t& c) {
    if (rest_.empty()) return false;
    const auto lead = static_cast<unsigned char>(rest_.front());
    const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    c = size == 1 ? lead : lead & (0xffU >> (size + 1));
    for (size_t i = 1; i < size && i < rest_.size(); ++i)
      c = c << 6 | (static_cast<unsigned char>(rest_[i]) & 0x3f);
    if (c < 0x20 || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff) return false;
    std::string written;
    append_utf8(written, c);
    return take(written);
  }

  std::string_view rest_;
  std::string out_;
  bool names_twice_ = false;
};

/// Whether what stored_form made of a text is right, be it the form or an error.
inline bool agrees(std::string_view text, const treadmill::result<std::string>& stored) {
  if (!stored && stored.error().code == treadmill::ec::too_deep) return true;
  reader other(text);
  const auto expected = other.read();
  if (stored) return expected == *stored && !other.names_twice();
  if (!expected) return true;
  if (stored.error().code == treadmill::ec::duplicate_key) return other.names_twice();
  // json.hpp says which numbers are refused that a double holds.
  return stored.error().reason.find("number too big") != std::string::npos &&
         (text.find_first_of("eE") != text.npos || text.size() > 308);
}

} // namespace reference_json
