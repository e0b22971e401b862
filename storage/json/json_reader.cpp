#include "storage/json/json_reader.hpp"
#include "storage/base/json_plain.hpp"
#include "storage/json/json_cursor.hpp"
#include "storage/json/json_number.hpp"
#include <algorithm>
#include <cstdint>
#include <limits>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <string>
#include <vector>

namespace treadmill {

namespace {

/// Numbers are reported as text, since RapidJSON's number values would lose digits. "In situ":
/// RapidJSON writes decoded strings to the stream that it reads from; json_stream interprets these
/// writes.
constexpr unsigned parse_flags = rapidjson::kParseInsituFlag |
                                 rapidjson::kParseValidateEncodingFlag |
                                 rapidjson::kParseNumbersAsStringsFlag;

/// A number of up to this many characters, without fraction and exponent, always fits in int64.
constexpr size_t sure_digits = 18;

/// RapidJSON refuses an integer of more digits than a double can have before its point. From this
/// length on, the stream shows only the last digit of an integer.
constexpr std::ptrdiff_t hidden_digits = 300;

/// The length of an escape \uxxxx.
constexpr size_t unicode_escape = 6;

/// The stream that RapidJSON reads the text from. RapidJSON writes decoded strings to it; the
/// stream appends them to the stored form, with its escapes, so strings are copied only once.
class json_stream {
public:
  using Ch = char;

  explicit json_stream(std::string& out) : out_(out) {}
  void start(std::string_view text) {
    begin_ = at_ = text.data();
    end_ = begin_ + text.size();
    half_pair_ = nullptr;
    shown_digit_ = nullptr;
  }
  /// Found by RapidJSON instead of its own. RapidJSON calls it before each value.
  friend void SkipWhitespace(json_stream& in) {
    const char* at = in.at_;
    while (at != in.end_ && *at <= ' ' && is_space(*at)) ++at;
    in.at_ = at;
    if (at != in.end_ && may_begin_number(*at)) in.hide_digits();
  }

  char Peek() const { return at_ == end_ ? '\0' : *at_; }
  char Take() { return at_ == end_ ? '\0' : *at_++; }
  size_t Tell() const { return static_cast<size_t>(at_ - begin_); }
  /// Called before a string, after its quote was taken, and also after a number.
  char* PutBegin() {
    if (at_[-1] != '"') return nullptr;
    string_at_ = out_.size();
    string_from_ = Tell() - 1;
    take_plain(1);
    return nullptr;
  }
  /// A byte of a string; a NUL after the last one.
  void Put(char byte) {
    if (byte == '\0')
      out_ += '"';
    else if (static_cast<unsigned char>(byte) < 0x20 || byte == '"' || byte == '\\')
      append_escaped(out_, byte);
    else
      out_ += byte;
  }
  size_t PutEnd(const char*) { return 1; }

  /// Takes the plain bytes that follow, and writes them together with the `taken` bytes before
  /// them.
  void take_plain(size_t taken) {
    const char* const run = at_ - taken;
    at_ = find_special(at_, end_);
    out_.append(run, static_cast<size_t>(at_ - run));
  }
  /// Writes an escaped character.
  void put_code_point(unsigned code_point) {
    // RapidJSON accepts the second half of a surrogate pair without the first.
    if (code_point >= 0xd800 && code_point <= 0xdfff && half_pair_ == nullptr)
      half_pair_ = at_ - unicode_escape;
    if (code_point == 0)
      append_escaped(out_, '\0');
    else
      rapidjson::UTF8<>::Encode(*this, code_point);
  }

  bool at_end() const { return at_ == end_; }
  /// The number whose last `size` bytes were taken.
  std::string_view number(size_t size) const {
    const char* const begin = at_ - size == shown_digit_ ? hidden_from_ : at_ - size;
    return {begin, static_cast<size_t>(at_ - begin)};
  }
  /// The position in the text of what RapidJSON sees at `at`.
  size_t from(size_t at) const {
    return begin_ + at == shown_digit_ ? static_cast<size_t>(hidden_from_ - begin_) : at;
  }
  /// The position of the last string in the stored form, and in the text.
  size_t string_at() const { return string_at_; }
  size_t string_from() const { return string_from_; }
  bool has_half_pair() const { return half_pair_ != nullptr; }
  size_t half_pair_from() const { return static_cast<size_t>(half_pair_ - begin_); }

private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  /// A digit or '-'; also '.' and '/', so that it is one comparison.
  static bool may_begin_number(char c) { return static_cast<unsigned char>(c - '-') <= '9' - '-'; }

  /// Passes over all digits but the last one of an integer of `hidden_digits` digits or more.
  [[gnu::noinline]] void hide_digits() {
    if (end_ - at_ <= hidden_digits) return;
    // From the back, since most numbers are shorter than eight digits.
    for (std::ptrdiff_t at = hidden_digits - 8; at > 0; at -= 8)
      if (!are_digits(at_ + at)) return;
    const char* const first = *at_ == '-' ? at_ + 1 : at_;
    const char* const end = std::find_if_not(first, end_, is_digit);
    const bool is_integer = end == end_ || (*end != '.' && *end != 'e' && *end != 'E');
    if (end - first < hidden_digits || *first == '0' || !is_integer) return;
    hidden_from_ = at_;
    shown_digit_ = at_ = end - 1;
  }

  std::string& out_;
  const char* begin_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  size_t string_at_ = 0;
  size_t string_from_ = 0;
  const char* half_pair_ = nullptr;
  const char* hidden_from_ = nullptr; ///< the integer of which only the last digit is shown
  const char* shown_digit_ = nullptr;
};

/// UTF-8 that takes a run of plain bytes at once.
struct json_encoding : rapidjson::UTF8<> {
  using UTF8::Encode;
  using UTF8::Validate;
  static void Encode(json_stream& stream, unsigned code_point) {
    stream.put_code_point(code_point);
  }
  static bool Validate(json_stream& stream, json_stream& same) {
    if (static_cast<unsigned char>(stream.Peek()) >= 0x80) return UTF8::Validate(stream, same);
    stream.take_plain(0);
    return true;
  }
};

ec code_of(rapidjson::ParseErrorCode refused) {
  const bool is_encoding = refused == rapidjson::kParseErrorStringInvalidEncoding ||
                           refused == rapidjson::kParseErrorStringUnicodeSurrogateInvalid;
  return is_encoding ? ec::bad_encoding : ec::bad_json;
}

/// RapidJSON's sentence as a phrase.
std::string phrase_of(rapidjson::ParseErrorCode refused) {
  std::string phrase = rapidjson::GetParseError_En(refused);
  if (phrase.front() >= 'A' && phrase.front() <= 'Z')
    phrase.front() = static_cast<char>(phrase.front() - 'A' + 'a');
  if (phrase.back() == '.') phrase.pop_back();
  return phrase;
}

} // namespace

/// Handles RapidJSON's events. It writes a comma after each value; the end of the enclosing array
/// or object removes it again.
class json_reader::handler {
public:
  handler(size_t depth, json_watcher* watcher, long_integers integers)
      : depth_(depth), watcher_(watcher), integers_(integers) {
    levels_.reserve(8);
    keys_.reserve(16);
  }

  void keep_last_duplicates() { keeps_last_ = true; }
  result<void> read(std::string_view text);
  std::string_view written() const { return out_; }

  bool Null() { return scalar("null"); }
  bool Bool(bool value) { return scalar(value ? "true" : "false"); }
  bool RawNumber(const char*, size_t size, bool);
  bool String(const char*, size_t, bool) { return check_string() && end_value(); }
  bool Key(const char*, size_t, bool);
  bool StartObject() { return open(false); }
  bool StartArray() { return open(true); }
  bool EndObject(size_t) { return check_names() && close('}'); }
  bool EndArray(size_t) { return close(']'); }
  // Never called: numbers are reported as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }

private:
  struct level {
    bool is_array = false;
    size_t first_key = 0;
    size_t from = 0; ///< its position in the text
  };
  /// Kept small, since a text may have millions of members.
  struct key {
    uint32_t at = 0; ///< position in the stored form, with quotes
    uint32_t size = 0;
  };

  bool scalar(std::string_view text) {
    out_ += text;
    return end_value();
  }
  bool open(bool is_array);
  bool close(char bracket);
  bool end_value();
  bool check_string();
  bool check_names();
  std::string_view name_of(const key& k) const { return written().substr(k.at, k.size); }
  void remove_members(std::vector<key> members);
  size_t second_place(const key& twice) const;
  bool refuse(rapidjson::ParseErrorCode code, size_t at) {
    return fault(code_of(code), phrase_of(code), at);
  }
  bool fault(ec code, const std::string& what, size_t at) {
    error_ = {code, what + " at byte " + std::to_string(at)};
    return false;
  }

  const size_t depth_;
  json_watcher* const watcher_;
  const long_integers integers_;
  std::string out_;
  json_stream in_{out_};
  rapidjson::GenericReader<json_encoding, json_encoding> reader_;
  std::vector<level> levels_;
  std::vector<key> keys_; ///< of all open objects, those of the innermost last
  std::string_view text_;
  error error_;
  bool keeps_last_ = false;

  /// A name to search for in the outermost object, and the position of its second occurrence.
  std::string_view wanted_;
  size_t times_found_ = 0;
  size_t found_from_ = 0;
};

result<void> json_reader::handler::read(std::string_view text) {
  // The stored form may be slightly longer than the text, because of numbers.
  if (text.size() > std::numeric_limits<uint32_t>::max() / 2)
    return fail(ec::too_large, "the text is larger than 2 GiB");
  text_ = text;
  out_.clear();
  out_.reserve(text.size() + 1);
  levels_.clear();
  keys_.clear();
  in_.start(text);
  const auto parsed = reader_.Parse<parse_flags>(in_, *this);
  bool ok = !parsed.IsError();
  if (!ok && parsed.Code() != rapidjson::kParseErrorTermination)
    ok = refuse(parsed.Code(), in_.from(parsed.Offset()));
  if (ok && !in_.at_end()) // RapidJSON treats a NUL as the end of the text
    ok = refuse(rapidjson::kParseErrorDocumentRootNotSingular, in_.Tell());
  if (!ok) return tl::unexpected(std::move(error_));
  out_.pop_back();
  return {};
}

bool json_reader::handler::RawNumber(const char*, size_t size, bool) {
  const auto text = in_.number(size);
  if (is_whole(text) ? integers_ == long_integers::exact || text.size() <= sure_digits
                     : is_shortest_double(text))
    return scalar(text);
  const auto number = parse_number(text);
  if (!number) return refuse(rapidjson::kParseErrorNumberTooBig, in_.Tell() - text.size());
  if (number->integer) return scalar(text);
  append_double(out_, number->value);
  return end_value();
}

bool json_reader::handler::Key(const char*, size_t, bool) {
  if (!check_string()) return false;
  const size_t at = in_.string_at();
  // Names are compared in stored form, which is the same for all escapes of a name.
  keys_.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(out_.size() - at)});
  if (!wanted_.empty() && levels_.size() == 1 && written().substr(at) == wanted_ &&
      ++times_found_ == 2) {
    found_from_ = in_.string_from();
    return false;
  }
  if (watcher_ != nullptr && levels_.size() <= watcher_->watched_depth)
    watcher_->member(levels_.size(), out_, at);
  out_ += ':';
  return true;
}

bool json_reader::handler::open(bool is_array) {
  if (levels_.size() >= depth_)
    return fault(ec::too_deep, "arrays and objects nest too deep", in_.Tell() - 1);
  levels_.push_back({is_array, keys_.size(), in_.Tell() - 1});
  out_ += is_array ? '[' : '{';
  return true;
}

bool json_reader::handler::close(char bracket) {
  keys_.resize(levels_.back().first_key);
  levels_.pop_back();
  if (out_.back() == ',')
    out_.back() = bracket;
  else
    out_ += bracket;
  return end_value();
}

bool json_reader::handler::end_value() {
  const size_t depth = levels_.size();
  if (watcher_ != nullptr && depth <= watcher_->watched_depth)
    out_.resize(watcher_->value(depth, depth > 0 && levels_.back().is_array, out_));
  out_ += ',';
  if (watcher_ == nullptr || !watcher_->refused) return true;
  error_ = *watcher_->refused;
  return false;
}

bool json_reader::handler::check_string() {
  return !in_.has_half_pair() ||
         refuse(rapidjson::kParseErrorStringUnicodeSurrogateInvalid, in_.half_pair_from());
}

/// Refuses an object that names a member twice. Sorting puts equal names next to each other, and no
/// input makes it slow.
bool json_reader::handler::check_names() {
  const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(levels_.back().first_key);
  std::sort(begin, keys_.end(), [this](const key& a, const key& b) {
    if (a.size != b.size) return a.size < b.size;
    const int order = name_of(a).compare(name_of(b));
    return order != 0 ? order < 0 : a.at < b.at;
  });
  const auto is_same = [this](const key& a, const key& b) { return name_of(a) == name_of(b); };
  const auto twice = std::adjacent_find(begin, keys_.end(), is_same);
  if (twice != keys_.end() && keeps_last_) {
    remove_members({begin, keys_.end()});
    return true;
  }
  return twice == keys_.end() ||
         fault(ec::duplicate_key, "an object names a member twice", second_place(*twice));
}

/// Removes the members that a later one of the same name replaces. `members`: those of the
/// innermost object, sorted by name, then by position. Each ends with its comma.
void json_reader::handler::remove_members(std::vector<key> members) {
  for (size_t i = 0; i + 1 < members.size(); ++i) {
    // A name without a size: its member goes.
    if (name_of(members[i]) == name_of(members[i + 1])) members[i].size = 0;
  }
  std::sort(members.begin(), members.end(), [](const key& a, const key& b) { return a.at < b.at; });
  size_t to = members.front().at;
  for (size_t i = 0; i < members.size(); ++i) {
    const size_t from = members[i].at;
    const size_t end = i + 1 < members.size() ? members[i + 1].at : out_.size();
    if (members[i].size == 0) continue;
    std::copy(out_.data() + from, out_.data() + end, out_.data() + to);
    to += end - from;
  }
  out_.resize(to);
}

/// The position in the text where the object that just ended names that member again. It reads the
/// object a second time, so only refused texts pay, and no positions need to be kept for each name.
size_t json_reader::handler::second_place(const key& twice) const {
  const size_t from = levels_.back().from;
  handler finder(depth_, nullptr, integers_);
  finder.wanted_ = name_of(twice);
  [[maybe_unused]] const auto read = finder.read(text_.substr(from, in_.Tell() - from));
  return from + finder.found_from_;
}

json_reader::json_reader(size_t depth, json_watcher* watcher, long_integers integers)
    : handler_(std::make_unique<handler>(depth, watcher, integers)) {}

json_reader::~json_reader() = default;

void json_reader::keep_last_duplicates() { handler_->keep_last_duplicates(); }

result<void> json_reader::read(std::string_view text) { return handler_->read(text); }

std::string_view json_reader::written() const { return handler_->written(); }

} // namespace treadmill
