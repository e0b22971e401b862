#include "js/wire/frame.hpp"
#include "js/wire/defaults.hpp"
#include <algorithm>
#include <array>
#include <cstring>

namespace treadmill::js {

namespace {

enum class request_type : char { start = 1, define = 2, forget = 3, map = 4, reduce = 5 };
enum class reply_type : char { ready = 1, failed = 2, refused = 3, answer = 4 };

constexpr size_t length_bytes = 4;
constexpr size_t read_bytes = 256 * defaults::kibibyte;

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

size_t varint_bytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

void put_bytes(std::string& out, std::string_view bytes) {
  put_varint(out, bytes.size());
  out += bytes;
}

void set_length(std::string& out, size_t begin) {
  const size_t length = out.size() - begin - length_bytes;
  for (size_t i = 0; i < length_bytes; ++i)
    out[begin + i] = static_cast<char>(length >> (8 * (length_bytes - 1 - i)));
}

template<typename Type>
size_t open_frame(std::string& out, Type type) {
  const size_t begin = out.size();
  out.append(length_bytes, '\0');
  out += static_cast<char>(type);
  return begin;
}

/// Reads from the front. After the first failure, every read fails.
class cursor {
public:
  explicit cursor(std::string_view in) : in_(in) {}

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !in_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(in_.front());
      in_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return spoil();
  }

  uint8_t byte(uint8_t most) {
    if (in_.empty() || static_cast<uint8_t>(in_.front()) > most)
      return static_cast<uint8_t>(spoil());
    const auto value = static_cast<uint8_t>(in_.front());
    in_.remove_prefix(1);
    return value;
  }

  std::string_view bytes() {
    const uint64_t size = varint();
    if (size > in_.size()) {
      spoil();
      return {};
    }
    const auto taken = in_.substr(0, size);
    in_.remove_prefix(size);
    return taken;
  }

  bool empty() const { return in_.empty(); }
  bool good() const { return good_; }
  bool complete() const { return good_ && in_.empty(); }

  uint64_t spoil() {
    good_ = false;
    in_ = {};
    return 0;
  }

private:
  std::string_view in_;
  bool good_ = true;
};

constexpr std::array limit_members = {
    &worker_limits::document_cpu_ms,     &worker_limits::heap_bytes,
    &worker_limits::address_space_bytes, &worker_limits::array_buffer_bytes,
    &worker_limits::rows_per_document,   &worker_limits::row_bytes,
    &worker_limits::answer_bytes,        &worker_limits::document_rows_bytes};

bool is_plain(char c) { return static_cast<uint8_t>(c) >= 0x20 && c != '"' && c != '\\'; }

void put_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  while (true) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto plain = static_cast<size_t>(end - text.begin());
    out += text.substr(0, plain);
    if (plain == text.size()) return;
    const auto byte = static_cast<uint8_t>(text[plain]);
    if (byte >= 0x20) {
      out += '\\';
      out += text[plain];
    } else {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
    text.remove_prefix(plain + 1);
  }
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// The document's text as its function sees it: `id` and `rev`, then the members of the body.
void put_document(std::string& out, const document& what) {
  out += R"({"id":")";
  put_escaped(out, what.id);
  out += R"(","rev":")";
  put_escaped(out, what.rev);
  out += '"';
  std::string_view members = what.body;
  while (!members.empty() && is_space(members.front())) members.remove_prefix(1);
  if (members.starts_with('{')) members.remove_prefix(1);
  const size_t first = static_cast<size_t>(
      std::find_if_not(members.begin(), members.end(), is_space) - members.begin());
  if (first < members.size() && members[first] != '}') out += ',';
  out += members;
}

/// Most bytes that put_document adds, apart from escapes.
constexpr size_t document_frame_bytes = 24;

void put_list(std::string& out, const std::vector<std::string>& texts) {
  size_t size = 2 + (texts.empty() ? 0 : texts.size() - 1);
  for (const std::string& text : texts) size += text.size();
  put_varint(out, size);
  out += '[';
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    out += texts[i];
  }
  out += ']';
}

std::optional<request_frame> read_start(cursor in) {
  start_request made;
  const uint64_t parent = in.varint();
  if (parent > UINT32_MAX) return std::nullopt;
  made.limits.parent = static_cast<uint32_t>(parent);
  made.limits.jitless = in.byte(1) != 0;
  for (const auto member : limit_members) made.limits.*member = in.varint();
  if (!in.complete()) return std::nullopt;
  return made;
}

std::optional<request_frame> read_define(cursor in) {
  define_request made;
  made.function = in.varint();
  made.what = static_cast<kind>(in.byte(static_cast<uint8_t>(kind::reduce)));
  made.text = in.bytes();
  if (!in.complete()) return std::nullopt;
  return made;
}

std::optional<request_frame> read_forget(cursor in) {
  forget_request made;
  made.function = in.varint();
  if (!in.complete()) return std::nullopt;
  return made;
}

std::optional<request_frame> read_map(cursor in) {
  map_request made;
  made.request = in.varint();
  made.function = in.varint();
  while (!in.empty()) made.documents.push_back(in.bytes());
  if (!in.good()) return std::nullopt;
  return made;
}

std::optional<request_frame> read_reduce(cursor in) {
  reduce_request made;
  made.request = in.varint();
  made.function = in.varint();
  while (!in.empty()) {
    reduce_request::call one;
    one.rereduce = in.byte(1) != 0;
    one.keys = in.bytes();
    one.values = in.bytes();
    made.calls.push_back(one);
  }
  if (!in.good()) return std::nullopt;
  return made;
}

mapped read_item(cursor& in, size_t most_rows) {
  mapped made;
  made.problem = static_cast<fault>(in.byte(static_cast<uint8_t>(last_fault)));
  if (made.problem != fault::none) {
    made.message = cut_text(in.bytes(), defaults::message_bytes);
    return made;
  }
  made.emitted = in.byte(1) != 0;
  const uint64_t rows = in.varint();
  if (rows > most_rows) in.spoil();
  made.rows.reserve(in.good() ? rows : 0);
  for (uint64_t i = 0; i < rows && in.good(); ++i) {
    const auto key = in.bytes();
    const auto value = in.bytes();
    if (in.good()) made.rows.push_back({std::string(key), std::string(value)});
  }
  return made;
}

std::optional<reply_frame> read_answer(cursor in, reply_bounds bounds) {
  answer_reply made;
  made.request = in.varint();
  while (!in.empty()) {
    if (made.items.size() == bounds.items) return std::nullopt;
    made.items.push_back(read_item(in, bounds.rows));
  }
  if (!in.good()) return std::nullopt;
  return made;
}

} // namespace

std::string_view cut_text(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void put_start(std::string& out, const worker_limits& limits) {
  const size_t begin = open_frame(out, request_type::start);
  put_varint(out, limits.parent);
  out += static_cast<char>(limits.jitless);
  for (const auto member : limit_members) put_varint(out, limits.*member);
  set_length(out, begin);
}

void put_define(std::string& out, const function& what) {
  const size_t begin = open_frame(out, request_type::define);
  put_varint(out, what.id);
  out += static_cast<char>(what.what);
  put_bytes(out, what.text);
  set_length(out, begin);
}

void put_forget(std::string& out, uint64_t function) {
  const size_t begin = open_frame(out, request_type::forget);
  put_varint(out, function);
  set_length(out, begin);
}

void put_map(std::string& out, uint64_t request, uint64_t function,
             std::span<const document> documents) {
  const size_t begin = open_frame(out, request_type::map);
  put_varint(out, request);
  put_varint(out, function);
  for (const document& one : documents) {
    // Reserve space for the longest possible length, write the text, then the length before it.
    const size_t guess = one.id.size() + one.rev.size() + one.body.size() + document_frame_bytes;
    const size_t width = varint_bytes(guess);
    const size_t at = out.size();
    out.append(width, '\0');
    put_document(out, one);
    std::string length;
    put_varint(length, out.size() - at - width);
    out.replace(at, width, length);
  }
  set_length(out, begin);
}

void put_reduce(std::string& out, uint64_t request, uint64_t function,
                std::span<const reduce_call> calls) {
  const size_t begin = open_frame(out, request_type::reduce);
  put_varint(out, request);
  put_varint(out, function);
  for (const reduce_call& one : calls) {
    out += static_cast<char>(one.rereduce);
    if (one.rereduce) {
      put_bytes(out, "null");
    } else {
      put_list(out, one.keys);
    }
    put_list(out, one.values);
  }
  set_length(out, begin);
}

std::optional<request_frame> read_request(std::string_view frame) {
  if (frame.empty()) return std::nullopt;
  const cursor in(frame.substr(1));
  switch (static_cast<request_type>(frame.front())) {
  case request_type::start: return read_start(in);
  case request_type::define: return read_define(in);
  case request_type::forget: return read_forget(in);
  case request_type::map: return read_map(in);
  case request_type::reduce: return read_reduce(in);
  }
  return std::nullopt;
}

void put_ready(std::string& out, std::string_view engine) {
  const size_t begin = open_frame(out, reply_type::ready);
  put_bytes(out, engine);
  set_length(out, begin);
}

void put_failed(std::string& out, std::string_view message) {
  const size_t begin = open_frame(out, reply_type::failed);
  put_bytes(out, cut_text(message, defaults::message_bytes));
  set_length(out, begin);
}

void put_refused(std::string& out, uint64_t request, std::string_view message) {
  const size_t begin = open_frame(out, reply_type::refused);
  put_varint(out, request);
  put_bytes(out, cut_text(message, defaults::message_bytes));
  set_length(out, begin);
}

answer_writer::answer_writer(std::string& out, uint64_t request)
    : out_(out), begin_(open_frame(out, reply_type::answer)) {
  put_varint(out_, request);
}

void answer_writer::fault_item(fault problem, std::string_view message) {
  out_ += static_cast<char>(problem);
  put_bytes(out_, cut_text(message, defaults::message_bytes));
}

void answer_writer::rows_item(bool emitted, uint32_t count, std::string_view rows) {
  out_ += static_cast<char>(fault::none);
  out_ += static_cast<char>(emitted);
  put_varint(out_, count);
  out_ += rows;
}

void answer_writer::finish() { set_length(out_, begin_); }

void answer_writer::put_row(std::string& rows, std::string_view key, std::string_view value) {
  put_bytes(rows, key);
  put_bytes(rows, value);
}

std::optional<reply_frame> read_reply(std::string_view frame, reply_bounds bounds) {
  if (frame.empty()) return std::nullopt;
  cursor in(frame.substr(1));
  switch (static_cast<reply_type>(frame.front())) {
  case reply_type::ready: {
    ready_reply made{std::string(cut_text(in.bytes(), defaults::message_bytes))};
    if (!in.complete()) return std::nullopt;
    return made;
  }
  case reply_type::failed: {
    failed_reply made{std::string(cut_text(in.bytes(), defaults::message_bytes))};
    if (!in.complete()) return std::nullopt;
    return made;
  }
  case reply_type::refused: {
    refused_reply made;
    made.request = in.varint();
    made.message = cut_text(in.bytes(), defaults::message_bytes);
    if (!in.complete()) return std::nullopt;
    return made;
  }
  case reply_type::answer: return read_answer(in, bounds);
  }
  return std::nullopt;
}

std::span<char> frame_buffer::room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (bytes_.size() > 4 * read_bytes) free_bytes();
  } else if (begin_ > 0 && bytes_.size() - end_ < read_bytes) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Grow by doubling: memory depends on the received bytes, not on an announced length.
  if (bytes_.size() - end_ < read_bytes) bytes_.resize(std::max(2 * end_, end_ + read_bytes));
  return std::span(bytes_).subspan(end_);
}

frame_buffer::state frame_buffer::next(std::string_view& frame) {
  if (end_ - begin_ < length_bytes) return state::incomplete;
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i)
    length = length << 8 | static_cast<uint8_t>(bytes_[begin_ + i]);
  if (length == 0 || length > limit_) return state::broken;
  if (end_ - begin_ - length_bytes < length) return state::incomplete;
  frame = {bytes_.data() + begin_ + length_bytes, length};
  begin_ += length_bytes + length;
  return state::frame;
}

void frame_buffer::clear() {
  free_bytes();
  begin_ = end_ = 0;
}

// To assign an empty list would keep the memory.
void frame_buffer::free_bytes() { std::vector<char>().swap(bytes_); }

} // namespace treadmill::js
