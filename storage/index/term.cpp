#include "storage/index/term.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/names.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include "storage/json/json_number.hpp"
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

namespace treadmill {

namespace {

// The first byte of a term. These values never change: indexes on disk are sorted by them.
constexpr uint8_t end_tag = 0x00; ///< below all others, so a prefix sorts first
constexpr uint8_t null_tag = 0x10;
constexpr uint8_t false_tag = 0x20;
constexpr uint8_t true_tag = 0x21;
constexpr uint8_t negative_tag = 0x30;
constexpr uint8_t zero_tag = 0x31;
constexpr uint8_t positive_tag = 0x32;
constexpr uint8_t string_tag = 0x40;
constexpr uint8_t array_tag = 0x50;
constexpr uint8_t object_tag = 0x60;

constexpr uint8_t string_end = 0x00;
constexpr uint8_t string_escape = 0x01; ///< before a byte 0x00 or 0x01, written as byte + 1

constexpr int exponent_bias = 0x4000;
constexpr int double_digits = std::numeric_limits<double>::digits;
constexpr int least_exponent =
    std::numeric_limits<double>::min_exponent - double_digits; // that of 4.9e-324
constexpr int greatest_exponent = std::numeric_limits<double>::max_exponent - 1;

void put(std::string& out, uint8_t byte) { out += static_cast<char>(byte); }

bool take_byte(std::string_view& in, uint8_t& byte) {
  if (in.empty()) return false;
  byte = static_cast<uint8_t>(in.front());
  in.remove_prefix(1);
  return true;
}

/// A number other than 0 as `fraction` × 2^(`exponent` - 63), with the highest bit of `fraction`
/// set: one form for each value, for integers and doubles alike.
struct magnitude {
  int exponent = 0;
  uint64_t fraction = 0;
};

magnitude normalised(uint64_t value, int exponent) {
  const int zeros = std::countl_zero(value);
  return {exponent + 63 - zeros, value << zeros};
}

void put_number(std::string& out, bool negative, const magnitude& m) {
  put(out, negative ? negative_tag : positive_tag);
  const auto flip = static_cast<uint8_t>(negative ? 0xff : 0);
  const auto put_flipped = [&](uint64_t byte) { put(out, static_cast<uint8_t>(byte ^ flip)); };
  const auto exponent = static_cast<unsigned>(m.exponent + exponent_bias);
  put_flipped(exponent >> 8);
  put_flipped(exponent & 0xff);
  // The bits below the highest one, seven per byte. The lowest bit of each byte tells whether
  // another byte follows; the rest is omitted once it is all zeros.
  uint64_t rest = m.fraction << 1;
  do {
    const uint64_t bits = rest >> 57;
    rest <<= 7;
    put_flipped(bits << 1 | (rest != 0 ? 1 : 0));
  } while (rest != 0);
}

bool put_number(std::string& out, std::string_view text) {
  bool whole = false;
  if (text.empty() || number_length(text, whole) != text.size()) return false;
  const auto number = parse_number(text);
  if (!number) return false;
  if (number->integer ? number->magnitude == 0 : number->value == 0) {
    put(out, zero_tag);
  } else if (number->integer) {
    put_number(out, number->negative, normalised(number->magnitude, 0));
  } else {
    int exponent = 0;
    const double fraction = std::frexp(std::fabs(number->value), &exponent);
    const auto digits = static_cast<uint64_t>(std::ldexp(fraction, double_digits));
    put_number(out, number->value < 0, normalised(digits, exponent - double_digits));
  }
  return true;
}

bool take_magnitude(std::string_view& in, bool negative, magnitude& m) {
  const auto flip = static_cast<uint8_t>(negative ? 0xff : 0);
  uint8_t high = 0;
  uint8_t low = 0;
  if (!take_byte(in, high) || !take_byte(in, low)) return false;
  m.exponent = ((high ^ flip) << 8 | (low ^ flip)) - exponent_bias;
  m.fraction = uint64_t{1} << 63;
  for (int shift = 56;; shift -= 7) {
    uint8_t byte = 0;
    if (shift < 0 || !take_byte(in, byte)) return false;
    byte ^= flip;
    const uint64_t bits = byte >> 1;
    m.fraction |= bits << shift;
    if ((byte & 1) != 0) continue;
    return bits != 0 || shift == 56; // the last byte has a 1 bit, unless it is the only byte
  }
}

void append_integer(std::string& out, bool negative, uint64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  if (negative) out += '-';
  out.append(text.data(), end);
}

/// Appends the number; false if it is neither a double nor an integer of the int64/uint64 range.
bool append_number(std::string& out, bool negative, const magnitude& m) {
  const int zeros = std::countr_zero(m.fraction);
  if (m.exponent >= 0 && m.exponent <= 63 && zeros >= 63 - m.exponent) {
    const uint64_t value = m.fraction >> (63 - m.exponent);
    if (!negative || value <= uint64_t{1} << 63) {
      append_integer(out, negative, value);
      return true;
    }
  }
  // The lowest 1 bit must fit into a double's significand, which is shorter for denormal numbers.
  if (m.exponent > greatest_exponent || zeros < 64 - double_digits ||
      m.exponent - 63 + zeros < least_exponent)
    return false;
  const double value = std::ldexp(static_cast<double>(m.fraction >> (64 - double_digits)),
                                  m.exponent - (double_digits - 1));
  append_double(out, negative ? -value : value);
  return true;
}

bool is_escaped(char c) { return static_cast<uint8_t>(c) <= string_escape; }

bool put_string(std::string& out, std::string_view text, std::string& buffer) {
  buffer.clear();
  if (!append_unescaped(buffer, text)) return false;
  put(out, string_tag);
  std::string_view rest = buffer;
  for (;;) {
    const auto end = std::find_if(rest.begin(), rest.end(), is_escaped);
    const auto plain = static_cast<size_t>(end - rest.begin());
    out += rest.substr(0, plain);
    if (plain == rest.size()) break;
    put(out, string_escape);
    put(out, static_cast<uint8_t>(rest[plain] + 1));
    rest.remove_prefix(plain + 1);
  }
  put(out, string_end);
  return true;
}

/// Appends the string whose tag was taken.
bool take_string(std::string& out, std::string_view& in) {
  const size_t end = in.find(static_cast<char>(string_end));
  if (end == std::string_view::npos) return false;
  std::string_view text = in.substr(0, end);
  in.remove_prefix(end + 1);
  std::string decoded;
  if (text.find(static_cast<char>(string_escape)) != std::string_view::npos) {
    for (uint8_t byte = 0; take_byte(text, byte);) {
      if (byte == string_escape) {
        if (!take_byte(text, byte) || byte > 2) return false;
        --byte;
      }
      decoded += static_cast<char>(byte);
    }
    text = decoded;
  }
  if (!is_utf8(text)) return false;
  append_json_string(out, text);
  return true;
}

/// Appends the scalar at the front, or the tag of the array or object that begins there.
bool put_front(std::string& out, json_cursor& in, std::string& buffer) {
  std::string_view text;
  switch (in.peek()) {
  case '[':
  case '{': put(out, in.take('[') ? array_tag : (in.take('{'), object_tag)); return true;
  case '"': return in.take_string(text) && put_string(out, text, buffer);
  default: break;
  }
  if (!in.take_word(text)) return false;
  if (text == "null")
    put(out, null_tag);
  else if (text == "false")
    put(out, false_tag);
  else if (text == "true")
    put(out, true_tag);
  else
    return put_number(out, text);
  return true;
}

} // namespace

result<void> append_term(std::string& out, std::string_view stored) {
  const auto bad = [] { return fail(ec::bad_json, "the text is not the stored form of a value"); };
  json_cursor in(stored);
  std::string buffer;
  std::string open; // the closing brackets of the open arrays and objects
  const auto put_name = [&] {
    std::string_view name;
    return in.take_string(name) && put_string(out, name, buffer) && in.take(':');
  };
  for (;;) {
    const char first = in.peek();
    if (!put_front(out, in, buffer)) return bad();
    if (first == '[' || first == '{') {
      if (open.size() == defaults::json_depth)
        return fail(ec::too_deep, "arrays and objects nest too deep");
      open += static_cast<char>(first == '[' ? ']' : '}');
      if (in.peek() != open.back()) {
        if (first == '{' && !put_name()) return bad();
        continue;
      }
    }
    while (!open.empty() && in.take(open.back())) {
      put(out, end_tag);
      open.pop_back();
    }
    if (open.empty()) break;
    if (!in.take(',') || (open.back() == '}' && !put_name())) return bad();
  }
  if (!in.at_end()) return bad();
  return {};
}

result<void> take_term(std::string& out, std::string_view& bytes) {
  const auto corrupt = [] { return fail(ec::corrupt, "a stored term is damaged"); };
  struct level {
    bool is_array = false;
    bool is_empty = true;
  };
  auto in = bytes;
  std::vector<level> open;
  do {
    uint8_t tag = 0;
    if (!take_byte(in, tag)) return corrupt();
    if (tag == end_tag) {
      if (open.empty()) return corrupt();
      out += open.back().is_array ? ']' : '}';
      open.pop_back();
      continue;
    }
    if (!open.empty()) {
      if (!open.back().is_empty) out += ',';
      open.back().is_empty = false;
      if (!open.back().is_array) {
        if (tag != string_tag || !take_string(out, in) || !take_byte(in, tag)) return corrupt();
        out += ':';
      }
    }
    magnitude m;
    switch (tag) {
    case null_tag: out += "null"; break;
    case false_tag: out += "false"; break;
    case true_tag: out += "true"; break;
    case zero_tag: out += '0'; break;
    case negative_tag:
    case positive_tag:
      if (!take_magnitude(in, tag == negative_tag, m) ||
          !append_number(out, tag == negative_tag, m))
        return corrupt();
      break;
    case string_tag:
      if (!take_string(out, in)) return corrupt();
      break;
    case array_tag:
    case object_tag:
      if (open.size() == defaults::json_depth) return corrupt();
      open.push_back({tag == array_tag, true});
      out += tag == array_tag ? '[' : '{';
      break;
    default: return corrupt();
    }
  } while (!open.empty());
  bytes = in;
  return {};
}

namespace {

/// The size of a scalar after its tag; nullopt if it is incomplete or not a scalar.
std::optional<size_t> scalar_size(uint8_t tag, std::string_view rest) {
  switch (tag) {
  case null_tag:
  case false_tag:
  case true_tag:
  case zero_tag: return 0;
  case string_tag: {
    const size_t end = rest.find(static_cast<char>(string_end));
    if (end == std::string_view::npos) return std::nullopt;
    return end + 1;
  }
  case negative_tag:
  case positive_tag: {
    const unsigned last = tag == negative_tag ? 1 : 0; // the lowest bit of the last byte
    for (size_t at = 2; at < rest.size(); ++at)
      if ((static_cast<uint8_t>(rest[at]) & 1U) == last) return at + 1;
    return std::nullopt;
  }
  default: return std::nullopt;
  }
}

} // namespace

size_t term_size(std::string_view bytes) {
  size_t depth = 0;
  size_t at = 0;
  do {
    if (at == bytes.size()) return 0;
    const auto tag = static_cast<uint8_t>(bytes[at++]);
    if (tag == array_tag || tag == object_tag) {
      ++depth;
    } else if (tag == end_tag) {
      if (depth == 0) return 0;
      --depth;
    } else {
      const auto size = scalar_size(tag, bytes.substr(at));
      if (!size) return 0;
      at += *size;
    }
  } while (depth > 0);
  return at;
}

std::optional<std::string_view> first_elements(std::string_view term, size_t count) {
  if (term.empty() || static_cast<uint8_t>(term.front()) != array_tag) return std::nullopt;
  size_t at = 1;
  for (; count > 0; --count) {
    const size_t size = term_size(term.substr(at));
    if (size == 0) return std::nullopt;
    at += size;
  }
  return term.substr(0, at);
}

} // namespace treadmill
