#include "storage/json_reader.hpp"
#include "storage/json_cursor.hpp"
#include "storage/json_number.hpp"
#include "storage/utf8.hpp"
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace treadmill {

namespace {

/// Names of an object are compared one by one up to here; beyond, a hash table keeps it linear.
constexpr size_t few_members = 16;

/// More than any double's text has.
constexpr size_t number_room = 32;

/// A number of so many characters without fraction and exponent is in the int64 range for sure.
constexpr size_t sure_digits = 18;

constexpr uint64_t every_byte(uint8_t value) { return 0x0101010101010101U * value; }

/// The first byte that cannot be taken over unseen: a quote, a backslash, a control character or
/// one of 0x80 and above.
const char* find_special(const char* at, const char* end) {
  if constexpr (std::endian::native == std::endian::little) {
    while (end - at >= 8) {
      uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      // A subtraction borrows from a byte that is too small; what a borrow does wrong is above it.
      const uint64_t quote = word ^ every_byte('"');
      const uint64_t backslash = word ^ every_byte('\\');
      const uint64_t found = ((quote - every_byte(1)) | (backslash - every_byte(1)) |
                              (word - every_byte(0x20)) | word) &
                             every_byte(0x80);
      if (found != 0) return at + std::countr_zero(found) / 8;
      at += 8;
    }
  }
  while (at != end) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
    ++at;
  }
  return at;
}

/// Writes the UTF-8 of a code point; returns its length.
size_t encode_utf8(unsigned code_point, char* bytes) {
  const auto continuation = [&](unsigned shift) {
    return static_cast<char>(0x80 | (code_point >> shift & 0x3f));
  };
  if (code_point < 0x80) {
    bytes[0] = static_cast<char>(code_point);
    return 1;
  }
  if (code_point < 0x800) {
    bytes[0] = static_cast<char>(0xc0 | code_point >> 6);
    bytes[1] = continuation(0);
    return 2;
  }
  if (code_point < 0x10000) {
    bytes[0] = static_cast<char>(0xe0 | code_point >> 12);
    bytes[1] = continuation(6);
    bytes[2] = continuation(0);
    return 3;
  }
  bytes[0] = static_cast<char>(0xf0 | code_point >> 18);
  bytes[1] = continuation(12);
  bytes[2] = continuation(6);
  bytes[3] = continuation(0);
  return 4;
}

/// Differs from process to process, so that nobody can send names that all fall into one slot.
uint64_t hash_seed() {
  static const uint64_t seed = [] {
    uint64_t random = 0;
    if (getentropy(&random, sizeof random) != 0) std::abort();
    return random;
  }();
  return seed;
}

uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t hash_of(std::string_view name) {
  uint64_t hash = hash_seed() ^ name.size();
  while (name.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, name.data(), sizeof word);
    hash = mix(hash ^ word, 0x9e3779b97f4a7c15U) + hash_seed();
    name.remove_prefix(8);
  }
  uint64_t last = 0;
  if (!name.empty()) std::memcpy(&last, name.data(), name.size());
  return mix(hash ^ last, 0xd6e8feb86659fd93U);
}

void enter(std::vector<uint32_t>& table, uint64_t hash, size_t index) {
  const size_t mask = table.size() - 1;
  size_t slot = hash & mask;
  while (table[slot] != 0) slot = (slot + 1) & mask;
  table[slot] = static_cast<uint32_t>(index + 1);
}

} // namespace

json_reader::json_reader(size_t depth, json_watcher* watcher) : depth_(depth), watcher_(watcher) {
  levels_.reserve(8);
  keys_.reserve(2 * few_members);
}

result<void> json_reader::read(std::string_view text) {
  // Nothing but a double is ever written longer than it was read.
  if (out_.size() < text.size() + number_room) out_.resize(text.size() + number_room);
  size_ = 0;
  levels_.clear();
  keys_.clear();
  tables_used_ = 0;
  begin_ = at_ = text.data();
  end_ = begin_ + text.size();
  if (!read_text()) return tl::unexpected(std::move(error_));
  return {};
}

bool json_reader::read_text() {
  for (bool more = true; more;) {
    switch (start_value()) {
    case step::failed: return false;
    case step::value_follows: break;
    case step::value_complete:
      if (!finish_value(more)) return false;
    }
  }
  skip_space();
  if (at_ != end_) return fault(ec::bad_json, "The JSON value ends, but the text goes on,");
  return true;
}

json_reader::step json_reader::start_value() {
  const auto done = [](bool ok) { return ok ? step::value_complete : step::failed; };
  skip_space();
  switch (peek()) {
  case '{':
    if (!open(false)) return step::failed;
    if (peek() != '}') return read_key() ? step::value_follows : step::failed;
    close();
    return step::value_complete;
  case '[':
    if (!open(true)) return step::failed;
    if (peek() != ']') return step::value_follows;
    close();
    return step::value_complete;
  case '"': return done(read_string());
  case 't': return done(read_literal("true"));
  case 'f': return done(read_literal("false"));
  case 'n': return done(read_literal("null"));
  default: return done(read_number());
  }
}

/// Goes on after a value, and after each array and object that ends with it; `more` says whether
/// another value follows.
bool json_reader::finish_value(bool& more) {
  for (;;) {
    const size_t depth = levels_.size();
    if (watcher_ != nullptr && depth <= watcher_->watched_depth)
      size_ = watcher_->value(depth, depth > 0 && levels_.back().is_array, written());
    more = depth > 0;
    if (!more) return true;
    const bool is_array = levels_.back().is_array;
    skip_space();
    const char next = peek();
    if (next == ',') {
      ++at_;
      put(',');
      if (is_array) return true;
      skip_space();
      return read_key();
    }
    if (next != (is_array ? ']' : '}'))
      return fault(ec::bad_json, is_array ? "The text is not JSON: a ',' or ']' is missing"
                                          : "The text is not JSON: a ',' or '}' is missing");
    close();
  }
}

bool json_reader::open(bool is_array) {
  if (levels_.size() >= depth_) return fault(ec::too_deep, "Arrays and objects nest too deep");
  level opened;
  opened.is_array = is_array;
  opened.first_key = keys_.size();
  levels_.push_back(opened);
  put(is_array ? '[' : '{');
  ++at_;
  skip_space();
  return true;
}

void json_reader::close() {
  const level& closed = levels_.back();
  put(closed.is_array ? ']' : '}');
  keys_.resize(closed.first_key);
  if (closed.has_table) --tables_used_;
  levels_.pop_back();
  ++at_;
}

bool json_reader::read_key() {
  if (peek() != '"') return fault(ec::bad_json, "The text is not JSON: a member's name is missing");
  const char* const where = at_;
  key added;
  added.at = size_;
  if (!read_string()) return false;
  // Names are compared in their stored form, which is one for each name however it was escaped.
  added.size = size_ - added.at;
  added.hash = hash_of(name_of(added));
  if (is_duplicate(added)) {
    at_ = where;
    return fault(ec::duplicate_key, "An object names a member twice");
  }
  keys_.push_back(added);
  if (watcher_ != nullptr && levels_.size() <= watcher_->watched_depth)
    watcher_->member(levels_.size(), written(), added.at);
  skip_space();
  if (peek() != ':') return fault(ec::bad_json, "The text is not JSON: a ':' is missing");
  ++at_;
  put(':');
  return true;
}

bool json_reader::is_duplicate(const key& added) {
  level& object = levels_.back();
  const size_t count = keys_.size() - object.first_key;
  if (count < few_members)
    return std::any_of(keys_.begin() + static_cast<std::ptrdiff_t>(object.first_key), keys_.end(),
                       [&](const key& other) { return is_same(other, added); });
  if (!object.has_table) {
    object.has_table = true;
    if (tables_.size() == tables_used_) tables_.emplace_back();
    tables_[tables_used_++].clear();
  }
  return is_in_table(object.first_key, added);
}

bool json_reader::is_in_table(size_t first_key, const key& added) {
  auto& table = tables_[tables_used_ - 1];
  const size_t count = keys_.size() - first_key;
  if (table.size() < 2 * (count + 1)) {
    table.assign(std::bit_ceil(4 * (count + 1)), 0);
    for (size_t i = 0; i < count; ++i) enter(table, keys_[first_key + i].hash, i);
  }
  const size_t mask = table.size() - 1;
  for (size_t slot = added.hash & mask; table[slot] != 0; slot = (slot + 1) & mask)
    if (is_same(keys_[first_key + table[slot] - 1], added)) return true;
  enter(table, added.hash, count);
  return false;
}

bool json_reader::read_string() {
  const char* run = at_++; // what is taken over as it stands, with the opening quote
  for (;;) {
    at_ = find_special(at_, end_);
    if (at_ == end_) return fault(ec::bad_json, "The text is not JSON: a string does not end");
    const auto byte = static_cast<unsigned char>(*at_);
    if (byte == '"') {
      put(run, ++at_);
      return true;
    }
    if (byte >= 0x80) {
      const auto left = static_cast<size_t>(end_ - at_);
      const size_t length = utf8_sequence(reinterpret_cast<const unsigned char*>(at_), left);
      if (length == 0) return fault(ec::bad_encoding, "The text is not valid UTF-8");
      at_ += length;
    } else if (byte == '\\') {
      put(run, at_);
      if (!read_escape()) return false;
      run = at_;
    } else {
      return fault(ec::bad_json, "The text is not JSON: a control character in a string");
    }
  }
}

bool json_reader::read_escape() {
  const char* const where = at_++;
  const char letter = peek();
  if (letter != 'u') {
    if (letter == '/') {
      put('/');
    } else if (letter != '\0' && std::strchr("\"\\bfnrt", letter) != nullptr) {
      put('\\');
      put(letter);
    } else {
      return fault(ec::bad_json, "The text is not JSON: an unknown escape in a string");
    }
    ++at_;
    return true;
  }
  ++at_;
  unsigned code_point = 0;
  if (!read_hex(code_point)) return false;
  if (code_point >= 0xd800 && code_point <= 0xdfff) {
    unsigned low = 0;
    const bool pair = code_point < 0xdc00 && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u';
    if (pair) {
      at_ += 2;
      if (!read_hex(low)) return false;
    }
    if (low < 0xdc00 || low > 0xdfff) {
      at_ = where;
      return fault(ec::bad_encoding, "A string has half of a surrogate pair");
    }
    code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code_point < 0x20 || code_point == '"' || code_point == '\\') {
    std::string escape;
    append_escaped(escape, static_cast<char>(code_point));
    put(escape.data(), escape.data() + escape.size());
  } else {
    size_ += encode_utf8(code_point, out_.data() + size_);
  }
  return true;
}

bool json_reader::read_hex(unsigned& unit) {
  unit = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = peek();
    unsigned digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<unsigned>(c - 'A') + 10;
    else
      return fault(ec::bad_json, "The text is not JSON: \\u without four hex digits");
    unit = unit << 4 | digit;
    ++at_;
  }
  return true;
}

bool json_reader::read_number() {
  const auto rest = std::string_view(at_, static_cast<size_t>(end_ - at_));
  bool whole = false;
  const auto text = rest.substr(0, number_length(rest, whole));
  if (text.empty()) return fault(ec::bad_json, "The text is not JSON: no value");
  at_ += text.size();
  if (whole ? text.size() <= sure_digits : is_shortest_double(text)) {
    put(text.data(), at_);
    return true;
  }
  const auto number = parse_number(text);
  if (!number) {
    at_ -= text.size();
    return fault(ec::bad_json, "No double can hold the number");
  }
  if (number->integer)
    put(text.data(), at_);
  else
    put_double(number->value);
  return true;
}

void json_reader::put_double(double value) {
  std::string text;
  append_double(text, value);
  put(text.data(), text.data() + text.size());
  const size_t needed = size_ + static_cast<size_t>(end_ - at_) + number_room;
  if (out_.size() < needed) out_.resize(std::max(needed, out_.size() + out_.size() / 2));
}

bool json_reader::read_literal(std::string_view word) {
  if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, word.size()) != word)
    return fault(ec::bad_json, "The text is not JSON: no value");
  put(word.data(), word.data() + word.size());
  at_ += word.size();
  return true;
}

void json_reader::put(const char* begin, const char* end) {
  const auto count = static_cast<size_t>(end - begin);
  std::memcpy(out_.data() + size_, begin, count);
  size_ += count;
}

bool json_reader::fault(ec code, const char* what) {
  error_ = {code, std::string(what) + " at byte " + std::to_string(at_ - begin_) + "."};
  return false;
}

} // namespace treadmill
