#include "net/http/multipart_reader.hpp"
#include "net/http/header_parameters.hpp"
#include "net/http/header_text.hpp"
#include <algorithm>
#include <charconv>

namespace treadmill::http {

namespace {

constexpr size_t most_boundary_bytes = 70;
constexpr size_t most_epilogue_bytes = 16;

tl::unexpected<error> bad(const char* reason) { return fail(ec::bad_request, reason); }

bool is_boundary_char(char c) {
  constexpr std::string_view others = "'()+_,-./:=? ";
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         others.find(c) != std::string_view::npos;
}

bool is_boundary(std::string_view text) {
  return !text.empty() && text.size() <= most_boundary_bytes && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), is_boundary_char);
}

result<uint64_t> read_length(std::string_view value) {
  uint64_t length = 0;
  const char* end = value.data() + value.size();
  const auto [stopped, problem] = std::from_chars(value.data(), end, length);
  if (value.empty() || value.front() == '-' || problem != std::errc() || stopped != end)
    return bad("the Content-Length of a part is not a number");
  return length;
}

/// The file name of a Content-Disposition. Other databases write names there without escapes, so a
/// value that cannot be read is no error.
std::string file_name_of(std::string_view value) {
  const auto read = read_header_value(value);
  return read ? std::string(read->parameter("filename")) : std::string();
}

} // namespace

result<multipart_reader> multipart_reader::open(std::string_view content_type,
                                                std::string_view type, multipart_limits limits) {
  const auto read = read_header_value(content_type);
  if (!read) return tl::unexpected(read.error());
  if (read->word != type)
    return fail(ec::unsupported_media_type,
                "the Content-Type of a body of parts is " + std::string(type));
  const std::string boundary(read->parameter("boundary"));
  if (boundary.empty()) return bad("the Content-Type names no boundary");
  if (!is_boundary(boundary)) return bad("a boundary is 1 to 70 of the characters of RFC 2046");
  return multipart_reader(boundary, limits);
}

result<void> multipart_reader::take(std::string_view bytes, part_receiver& to) {
  while (!bytes.empty())
    if (auto taken = take_some(bytes, to); !taken) return taken;
  return {};
}

result<void> multipart_reader::end() const {
  if (place_ != place::epilogue) return bad("the body ends before its last boundary");
  return {};
}

result<void> multipart_reader::take_some(std::string_view& bytes, part_receiver& to) {
  switch (place_) {
  case place::opening: return take_opening(bytes);
  case place::boundary_end: return take_boundary_end(bytes);
  case place::head: return take_head(bytes, to);
  case place::data: return take_data(bytes, to);
  case place::epilogue: return take_epilogue(bytes);
  }
  return {};
}

result<void> multipart_reader::take_opening(std::string_view& bytes) {
  const char c = bytes.front();
  bytes.remove_prefix(1);
  if (matched_ == 2 && !line_break_ && c == '\r') {
    line_break_ = true;
    matched_ = 1;
    return {};
  }
  if (c != delimiter_[matched_]) return bad("the body does not begin with its boundary");
  if (++matched_ == delimiter_.size()) place_ = place::boundary_end;
  return {};
}

/// What follows a boundary: `--`, or the end of the line.
result<void> multipart_reader::take_boundary_end(std::string_view& bytes) {
  line_ += bytes.front();
  bytes.remove_prefix(1);
  if (line_ == "--") {
    if (parts_ == 0) return bad("a body without a part");
    place_ = place::epilogue;
    return {};
  }
  if (line_ == "-") return {};
  const bool complete = line_.ends_with("\r\n");
  const std::string_view blank =
      std::string_view(line_).substr(0, line_.size() - (complete                ? 2
                                                        : line_.ends_with('\r') ? 1
                                                                                : 0));
  if (!trim(blank).empty()) return bad("a line goes on after its boundary");
  if (line_.size() > limits_.header_bytes)
    return fail(ec::too_large, "the head of a part is too long");
  if (!complete) return {};
  if (parts_ == limits_.parts) return fail(ec::too_large, "the body has too many parts");
  head_bytes_ = line_.size();
  headers_ = 0;
  part_ = {};
  line_.clear();
  place_ = place::head;
  return {};
}

result<void> multipart_reader::take_head(std::string_view& bytes, part_receiver& to) {
  const size_t line_feed = bytes.find('\n');
  const std::string_view piece =
      bytes.substr(0, line_feed == std::string_view::npos ? line_feed : line_feed + 1);
  if (head_bytes_ + line_.size() + piece.size() > limits_.header_bytes)
    return fail(ec::too_large, "the head of a part is too long");
  line_ += piece;
  bytes.remove_prefix(piece.size());
  if (line_feed == std::string_view::npos) return {};
  if (!line_.ends_with("\r\n")) return bad("a line in the head of a part does not end with CRLF");
  head_bytes_ += line_.size();
  const std::string line = line_.substr(0, line_.size() - 2);
  line_.clear();
  if (line.empty()) return begin(to);
  if (++headers_ > limits_.headers) return fail(ec::too_large, "a part has too many headers");
  return take_header(line);
}

result<void> multipart_reader::take_header(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return bad("a line in the head of a part is no header");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_value(value)) return bad("a header of a part has a control character");
  const auto is = [&](std::string_view known) { return equal_ignoring_case(name, known); };
  if (is("Content-Type")) {
    if (!part_.content_type.empty()) return bad("a part has two types");
    part_.content_type = value;
  } else if (is("Content-Encoding")) {
    if (!part_.encoding.empty()) return bad("a part has two encodings");
    part_.encoding = value;
    std::transform(value.begin(), value.end(), part_.encoding.begin(), lower);
  } else if (is("Content-Length")) {
    const auto length = read_length(value);
    if (!length) return tl::unexpected(length.error());
    if (part_.length) return bad("a part has two lengths");
    part_.length = *length;
  } else if (is("Content-Disposition")) {
    part_.file_name = file_name_of(value);
  } else if (is("Content-Transfer-Encoding")) {
    if (!equal_ignoring_case(value, "binary") && !equal_ignoring_case(value, "8bit") &&
        !equal_ignoring_case(value, "7bit"))
      return bad("the bytes of a part are sent as they are, in no transfer encoding");
  }
  return {};
}

result<void> multipart_reader::begin(part_receiver& to) {
  constexpr std::string_view multipart = "multipart/";
  if (!limits_.nested &&
      equal_ignoring_case(std::string_view(part_.content_type).substr(0, multipart.size()),
                          multipart))
    return bad("a part consists of parts");
  ++parts_;
  received_ = 0;
  matched_ = 0;
  place_ = place::data;
  return to.begin_part(part_);
}

/// Only the first byte of the delimiter is a carriage return. So if a match breaks off, its bytes
/// are data, and no later one of them begins another match.
result<void> multipart_reader::take_data(std::string_view& bytes, part_receiver& to) {
  size_t carried = matched_; // bytes of a match that began in an earlier piece
  for (size_t at = 0; at < bytes.size();) {
    if (matched_ == 0) {
      const size_t found = bytes.find('\r', at);
      if (found == std::string_view::npos) break;
      at = found + 1;
      matched_ = 1;
    } else if (bytes[at] != delimiter_[matched_]) {
      if (auto passed = pass_on(std::string_view(delimiter_).substr(0, carried), to); !passed)
        return passed;
      carried = 0;
      matched_ = 0;
    } else {
      ++at;
      if (++matched_ < delimiter_.size()) continue;
      if (auto passed = pass_on(bytes.substr(0, at - (matched_ - carried)), to); !passed)
        return passed;
      bytes.remove_prefix(at);
      return finish_part(to);
    }
  }
  const std::string_view data = bytes.substr(0, bytes.size() - (matched_ - carried));
  bytes = {};
  return pass_on(data, to);
}

result<void> multipart_reader::pass_on(std::string_view data, part_receiver& to) {
  if (data.empty()) return {};
  received_ += data.size();
  if (part_.length && received_ > *part_.length)
    return bad("a part is longer than its Content-Length");
  return to.part_data(data);
}

result<void> multipart_reader::finish_part(part_receiver& to) {
  if (part_.length && received_ != *part_.length)
    return bad("a part is shorter than its Content-Length");
  line_.clear();
  place_ = place::boundary_end;
  return to.end_part();
}

result<void> multipart_reader::take_epilogue(std::string_view& bytes) {
  epilogue_ += bytes.size();
  const bool blank = std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return c == '\r' || c == '\n' || c == ' ' || c == '\t';
  });
  if (!blank || epilogue_ > most_epilogue_bytes) return bad("data after the last boundary");
  bytes = {};
  return {};
}

} // namespace treadmill::http
