#include "storage/index/term.hpp"
#include "storage/base/defaults.hpp"
#include "storage/documents/names.hpp"
#include "storage/index/wide_integer.hpp"
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

/// In the place of the exponent: the number of decimal digits and the digits follow, of an integer
/// of 2^1024 or more.
constexpr unsigned digits_mark = 0x8000;
/// How many groups of seven bits hold the number of digits.
constexpr size_t size_groups = 5;
/// The groups of seven bits below the highest bit of a number that has an exponent.
constexpr size_t most_groups = (greatest_exponent + 6) / 7;
constexpr size_t groups_of_64_bits = 9;

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

/// Writes a number other than 0: its tag, a field of two bytes, and groups of seven bits, one per
/// byte. The lowest bit of such a byte tells whether another byte follows. Of a negative number,
/// every bit after the tag is flipped.
class number_writer {
public:
  number_writer(std::string& out, bool negative, unsigned field)
      : out_(out), flip_(static_cast<uint8_t>(negative ? 0xff : 0)) {
    put(out, negative ? negative_tag : positive_tag);
    put_flipped(field >> 8);
    put_flipped(field & 0xff);
  }
  void put_group(uint64_t bits, bool more) { put_flipped(bits << 1 | (more ? 1 : 0)); }

private:
  void put_flipped(uint64_t byte) { put(out_, static_cast<uint8_t>(byte ^ flip_)); }

  std::string& out_;
  const uint8_t flip_;
};

unsigned field_of(int exponent) { return static_cast<unsigned>(exponent + exponent_bias); }

void put_number(std::string& out, bool negative, const magnitude& m) {
  number_writer writer(out, negative, field_of(m.exponent));
  // The bits below the highest one; the rest is omitted once it is all zeros.
  uint64_t rest = m.fraction << 1;
  do {
    const uint64_t bits = rest >> 57;
    rest <<= 7;
    writer.put_group(bits, rest != 0);
  } while (rest != 0);
}

/// The same for an integer that lies between doubles.
void put_number(std::string& out, bool negative, const wide_integer& integer) {
  unsigned at = integer.highest_bit();
  const unsigned lowest = integer.lowest_bit();
  number_writer writer(out, negative, field_of(static_cast<int>(at)));
  bool more = false;
  do {
    unsigned bits = 0;
    for (int i = 0; i < 7; ++i) bits = bits << 1 | (at > 0 && integer.bit(--at) ? 1 : 0);
    more = at > lowest;
    writer.put_group(bits, more);
  } while (more);
}

/// An integer out of the int64/uint64 range.
void put_long_integer(std::string& out, std::string_view text) {
  const bool negative = text.front() == '-';
  const auto digits = text.substr(negative ? 1 : 0);
  if (const auto integer = wide_integer::of_digits(digits))
    return put_number(out, negative, *integer);
  number_writer writer(out, negative, digits_mark);
  for (size_t group = size_groups; group-- > 0;)
    writer.put_group(digits.size() >> (7 * group) & 0x7f, true);
  const auto digit = [&](size_t at) {
    return at < digits.size() ? static_cast<unsigned>(digits[at] - '0') : 0;
  };
  for (size_t at = 0; at < digits.size(); at += 2)
    writer.put_group(digit(at) * 10 + digit(at + 1), at + 2 < digits.size());
}

bool put_number(std::string& out, std::string_view text) {
  bool whole = false;
  if (text.empty() || number_length(text, whole) != text.size()) return false;
  const auto number = whole ? parse_integer(text) : parse_number(text);
  if (!number) {
    if (whole) put_long_integer(out, text);
    return whole;
  }
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

/// The field and the groups of seven bits of a number whose tag was taken.
class number_parts {
public:
  bool take(std::string_view& in, bool negative) {
    flip_ = static_cast<uint8_t>(negative ? 0xff : 0);
    if (in.size() < 3) return false;
    field_ = static_cast<unsigned>(byte_at(in, 0) << 8 | byte_at(in, 1));
    size_t at = 2;
    while ((byte_at(in, at) & 1) != 0)
      if (++at == in.size()) return false;
    groups_ = in.substr(2, at - 1);
    in.remove_prefix(at + 1);
    return true;
  }
  unsigned field() const { return field_; }
  size_t groups() const { return groups_.size(); }
  unsigned group(size_t at) const { return byte_at(groups_, at) >> 1U; }

private:
  unsigned byte_at(std::string_view bytes, size_t at) const {
    return static_cast<uint8_t>(bytes[at]) ^ unsigned { flip_ };
  }

  std::string_view groups_;
  unsigned field_ = 0;
  uint8_t flip_ = 0;
};

void append_integer(std::string& out, bool negative, uint64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  if (negative) out += '-';
  out.append(text.data(), end);
}

/// Appends the number; false if it is neither a double nor an integer of the int64/uint64 range.
bool append_short_number(std::string& out, bool negative, const magnitude& m) {
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

/// Appends the integer that has the highest bit `exponent` and the groups below it; false if one of
/// their bits is a fraction.
bool append_wide_integer(std::string& out, bool negative, int exponent, const number_parts& parts) {
  wide_integer integer;
  integer.set_bit(static_cast<unsigned>(exponent));
  int at = exponent;
  for (size_t i = 0; i < parts.groups(); ++i) {
    for (int shift = 6; shift >= 0; --shift) {
      --at;
      if ((parts.group(i) >> shift & 1) == 0) continue;
      if (at < 0) return false;
      integer.set_bit(static_cast<unsigned>(at));
    }
  }
  if (negative) out += '-';
  out += integer.digits();
  return true;
}

/// Appends the integer of 2^1024 or more that has these digits; false if they are none.
bool append_digits(std::string& out, bool negative, const number_parts& parts) {
  if (parts.groups() <= size_groups) return false;
  uint64_t size = 0;
  for (size_t i = 0; i < size_groups; ++i) size = size << 7 | parts.group(i);
  std::string digits;
  digits.reserve(2 * (parts.groups() - size_groups));
  for (size_t i = size_groups; i < parts.groups(); ++i) {
    const unsigned pair = parts.group(i);
    if (pair > 99) return false;
    digits += static_cast<char>('0' + pair / 10);
    digits += static_cast<char>('0' + pair % 10);
  }
  if (size % 2 != 0) {
    if (digits.back() != '0') return false;
    digits.pop_back();
  }
  if (size != digits.size() || digits.front() == '0' || wide_integer::of_digits(digits))
    return false;
  if (negative) out += '-';
  out += digits;
  return true;
}

/// Appends the number; false if it is none that a term can have been made of.
bool append_number(std::string& out, bool negative, const number_parts& parts) {
  if (parts.field() == digits_mark) return append_digits(out, negative, parts);
  const size_t groups = parts.groups();
  // The last group has a 1 bit, unless it is the only one.
  if (groups > most_groups || (groups > 1 && parts.group(groups - 1) == 0)) return false;
  const int exponent = static_cast<int>(parts.field()) - exponent_bias;
  if (exponent > greatest_exponent) return false;
  if (groups <= groups_of_64_bits) {
    magnitude m{exponent, uint64_t{1} << 63};
    for (size_t i = 0; i < groups; ++i) m.fraction |= uint64_t{parts.group(i)} << (56 - 7 * i);
    if (append_short_number(out, negative, m)) return true;
  }
  return exponent >= 63 && append_wide_integer(out, negative, exponent, parts);
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
    number_parts parts;
    switch (tag) {
    case null_tag: out += "null"; break;
    case false_tag: out += "false"; break;
    case true_tag: out += "true"; break;
    case zero_tag: out += '0'; break;
    case negative_tag:
    case positive_tag:
      if (!parts.take(in, tag == negative_tag) || !append_number(out, tag == negative_tag, parts))
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
