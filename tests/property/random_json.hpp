#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

/// JSON values for property tests, with an order and a writer that share nothing with the code
/// tested.
struct json_value {
  enum class type { null, boolean_false, boolean_true, number, string, array, object };
  /// A number's text; its value is what the text says.
  struct number {
    bool integer = true;
    bool negative = false;
    uint64_t magnitude = 0;
    double value = 0;
    std::string digits{}; ///< of an integer beyond 64 bits, instead of its magnitude
  };
  type is = type::null;
  number of_number;
  std::u32string text;
  std::vector<json_value> elements; ///< or an object's values
  std::vector<std::u32string> names;
};

/// The digits of an integer without its sign, or of a double that is an integer.
inline std::string digits_of(const json_value::number& n) {
  if (!n.digits.empty()) return n.digits;
  if (n.integer) return std::to_string(n.magnitude);
  char text[400];
  std::snprintf(text, sizeof text, "%.0f", std::fabs(n.value)); // exact
  return text;
}

inline bool is_negative(const json_value::number& n) {
  return n.integer ? n.negative : n.value < 0;
}

/// Compares two numbers, of which one is an integer beyond 64 bits, as texts of digits.
inline int compare_long(const json_value::number& a, const json_value::number& b) {
  if (is_negative(a) != is_negative(b)) return is_negative(a) ? -1 : 1;
  // What such a text rounds, a fraction of a small double, decides nothing beside a long integer.
  const auto x = digits_of(a);
  const auto y = digits_of(b);
  int order = x.compare(y);
  if (x.size() != y.size()) order = x.size() < y.size() ? -1 : 1;
  order = (order > 0) - (order < 0);
  return is_negative(a) ? -order : order;
}

inline int compare_numbers(const json_value::number& a, const json_value::number& b) {
  if (!a.digits.empty() || !b.digits.empty()) return compare_long(a, b);
  // long double has 64 bits of fraction here: it holds integers and doubles alike, exactly.
  static_assert(std::numeric_limits<long double>::digits >= 64);
  const auto exact = [](const json_value::number& n) {
    if (!n.integer) return static_cast<long double>(n.value);
    const auto magnitude = static_cast<long double>(n.magnitude);
    return n.negative ? -magnitude : magnitude;
  };
  const auto x = exact(a);
  const auto y = exact(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/// The order of values as term.hpp states it.
inline int compare(const json_value& a, const json_value& b) {
  if (a.is != b.is) return a.is < b.is ? -1 : 1;
  switch (a.is) {
  case json_value::type::number: return compare_numbers(a.of_number, b.of_number);
  case json_value::type::string: return a.text.compare(b.text);
  case json_value::type::array:
  case json_value::type::object:
    for (size_t i = 0; i < a.elements.size() && i < b.elements.size(); ++i) {
      if (a.is == json_value::type::object)
        if (const int order = a.names[i].compare(b.names[i]); order != 0) return order;
      if (const int order = compare(a.elements[i], b.elements[i]); order != 0) return order;
    }
    if (a.elements.size() == b.elements.size()) return 0;
    return a.elements.size() < b.elements.size() ? -1 : 1;
  default: return 0;
  }
}

/// One of few characters, most of them at the edges of UTF-8's lengths or special to JSON.
inline char32_t random_character(std::mt19937_64& random) {
  static constexpr char32_t characters[] = {
      0,    1,    2,     0x1f,  ' ',    '"',    '\\',   '/',     'a',     'b',      '{',  ']', ',',
      0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x1f600, 0x10ffff, '\n', '\t'};
  return characters[random() % std::size(characters)];
}

inline std::u32string random_text(std::mt19937_64& random) {
  std::u32string text;
  for (size_t size = random() % 4 == 0 ? random() % 20 : random() % 3; size-- > 0;)
    text += random_character(random);
  return text;
}

/// Adds -1, 0 or 1 to a text of digits, two or more.
inline std::string near_digits(std::string digits, int step) {
  for (size_t at = digits.size(); step != 0 && at-- > 0;) {
    const int digit = digits[at] - '0' + step;
    step = digit < 0 ? -1 : digit > 9 ? 1 : 0;
    digits[at] = static_cast<char>('0' + (digit + 10) % 10);
  }
  if (step > 0) digits.insert(0, 1, '1');
  return digits.front() == '0' ? digits.substr(1) : digits;
}

/// An integer beyond 64 bits: near a double, a power of ten or 64 bits, or any digits.
inline std::string random_digits(std::mt19937_64& random) {
  std::string digits;
  switch (random() % 4) {
  case 0: {
    json_value::number near;
    near.integer = false;
    near.value = std::ldexp(1.0 + static_cast<double>(random() % 3) * 0x1p-52,
                            64 + static_cast<int>(random() % (random() % 8 == 0 ? 960 : 10)));
    digits = digits_of(near);
    break;
  }
  case 1: digits = "1" + std::string(21 + random() % (random() % 8 == 0 ? 400 : 4), '0'); break;
  default:
    digits = std::string(1, static_cast<char>('2' + random() % 8));
    for (size_t size = 19 + random() % (random() % 8 == 0 ? 400 : 4); size-- > 0;)
      digits += static_cast<char>('0' + random() % 10);
  }
  return near_digits(digits, static_cast<int>(random() % 3) - 1);
}

inline json_value::number random_number(std::mt19937_64& random) {
  json_value::number n;
  n.negative = random() % 2 == 0;
  switch (random() % 6) {
  case 0: n.magnitude = random() % 4; break;
  case 1: n.magnitude = (uint64_t{1} << (random() % 64)) + random() % 3 - 1; break;
  case 2: n.magnitude = random(); break;
  case 3: n.digits = random_digits(random); break;
  case 4: // a double near a power of two, also one that integers are near to
    n.integer = false;
    n.value = std::ldexp(1.0 + static_cast<double>(random() % 3) * 0x1p-52,
                         static_cast<int>(random() % 140) - 70);
    break;
  default: // any double
    n.integer = false;
    n.value = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 2000) - 1100);
    if (!std::isfinite(n.value)) n.value = 0.1;
  }
  if (n.integer && n.negative && n.magnitude > uint64_t{1} << 63)
    n.digits = std::to_string(n.magnitude);
  if (n.digits == std::to_string(std::numeric_limits<uint64_t>::max()) && !n.negative) {
    n.digits.clear();
    n.magnitude = std::numeric_limits<uint64_t>::max();
  }
  if (!n.integer && n.negative) n.value = -n.value;
  return n;
}

inline json_value random_value(std::mt19937_64& random, int depth) {
  json_value value;
  value.is = static_cast<json_value::type>(random() % (depth > 0 ? 7 : 5));
  if (random() % 4 == 0) value.is = json_value::type::number;
  value.of_number = random_number(random);
  value.text = random_text(random);
  if (value.is == json_value::type::array)
    for (size_t size = random() % 4; size-- > 0;)
      value.elements.push_back(random_value(random, depth - 1));
  if (value.is == json_value::type::object)
    for (size_t size = random() % 4; size-- > 0;) {
      auto name = random_text(random);
      if (std::find(value.names.begin(), value.names.end(), name) != value.names.end()) continue;
      value.names.push_back(std::move(name));
      value.elements.push_back(random_value(random, depth - 1));
    }
  return value;
}

/// A value that is equal, or different somewhere deep inside.
inline json_value changed(std::mt19937_64& random, json_value value) {
  if (!value.elements.empty() && random() % 4 != 0) {
    auto& element = value.elements[random() % value.elements.size()];
    element = changed(random, element);
  } else if (value.is == json_value::type::number && random() % 2 == 0) {
    if (value.of_number.integer) { // the nearest double, or the next integer
      auto& n = value.of_number;
      if (random() % 2 == 0) {
        const double nearest = std::strtod(digits_of(n).c_str(), nullptr);
        if (!std::isfinite(nearest)) return value;
        n.value = nearest * (n.negative ? -1 : 1);
        n.integer = false;
        n.digits.clear();
      } else if (!n.digits.empty()) {
        n.digits = near_digits(n.digits, 1);
      } else if (n.magnitude > 0) {
        --n.magnitude;
      }
    } else {
      value.of_number.value = std::nextafter(value.of_number.value, 0);
    }
  } else if (value.is == json_value::type::string && random() % 2 == 0) {
    value.text += random_character(random);
  } else if (random() % 3 == 0) {
    value = random_value(random, 1);
  }
  return value;
}

inline void write_string(std::string& out, const std::u32string& text) {
  out += '"';
  for (const char32_t c : text) {
    char escape[16];
    if (c >= 0x10000) {
      const auto rest = static_cast<unsigned>(c - 0x10000);
      std::snprintf(escape, sizeof escape, "\\u%04x\\u%04X", 0xd800 + (rest >> 10),
                    0xdc00 + (rest & 0x3ff));
    } else {
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
    }
    out += escape;
  }
  out += '"';
}

/// Writes a value as JSON in a form as far from the stored one as can be: every character escaped,
/// white space, doubles with 17 digits.
inline void write(std::string& out, const json_value& value) {
  char number[64];
  switch (value.is) {
  case json_value::type::null: out += " null "; break;
  case json_value::type::boolean_false: out += "\tfalse"; break;
  case json_value::type::boolean_true: out += "true\n"; break;
  case json_value::type::number:
    if (value.of_number.integer)
      out += (value.of_number.negative ? "-" : "") + digits_of(value.of_number);
    else
      std::snprintf(number, sizeof number, "%.17E", value.of_number.value), out += number;
    break;
  case json_value::type::string: write_string(out, value.text); break;
  case json_value::type::array:
    out += "[ ";
    for (size_t i = 0; i < value.elements.size(); ++i) {
      if (i > 0) out += " ,";
      write(out, value.elements[i]);
    }
    out += ']';
    break;
  case json_value::type::object:
    out += "{ ";
    for (size_t i = 0; i < value.elements.size(); ++i) {
      if (i > 0) out += ", ";
      write_string(out, value.names[i]);
      out += " : ";
      write(out, value.elements[i]);
    }
    out += " }";
    break;
  }
}
