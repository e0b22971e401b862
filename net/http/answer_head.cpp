#include "net/http/answer_head.hpp"
#include "net/http/header_text.hpp"
#include "net/http/http_head.hpp"
#include <algorithm>
#include <array>
#include <charconv>

namespace treadmill::http {

namespace {

constexpr std::string_view line_end = "\r\n";

struct status_phrase {
  int status;
  std::string_view text;
};

// Sorted by status.
constexpr std::array phrases{
    status_phrase{200, "OK"},
    status_phrase{201, "Created"},
    status_phrase{202, "Accepted"},
    status_phrase{203, "Non-Authoritative Information"},
    status_phrase{204, "No Content"},
    status_phrase{205, "Reset Content"},
    status_phrase{206, "Partial Content"},
    status_phrase{300, "Multiple Choice"},
    status_phrase{301, "Moved Permanently"},
    status_phrase{302, "Found"},
    status_phrase{303, "See Other"},
    status_phrase{304, "Not Modified"},
    status_phrase{307, "Temporary Redirect"},
    status_phrase{308, "Permanent Redirect"},
    status_phrase{400, "Bad Request"},
    status_phrase{401, "Unauthorized"},
    status_phrase{403, "Forbidden"},
    status_phrase{404, "Not Found"},
    status_phrase{405, "Method Not Allowed"},
    status_phrase{406, "Not Acceptable"},
    status_phrase{408, "Request Timeout"},
    status_phrase{409, "Conflict"},
    status_phrase{410, "Gone"},
    status_phrase{411, "Length Required"},
    status_phrase{412, "Precondition Failed"},
    status_phrase{413, "Payload Too Large"},
    status_phrase{414, "URI Too Long"},
    status_phrase{415, "Unsupported Media Type"},
    status_phrase{416, "Range Not Satisfiable"},
    status_phrase{417, "Expectation Failed"},
    status_phrase{422, "Unprocessable Entity"},
    status_phrase{423, "Locked"},
    status_phrase{424, "Failed Dependency"},
    status_phrase{426, "Upgrade Required"},
    status_phrase{428, "Precondition Required"},
    status_phrase{429, "Too Many Requests"},
    status_phrase{431, "Request Header Fields Too Large"},
    status_phrase{500, "Internal Server Error"},
    status_phrase{501, "Not Implemented"},
    status_phrase{502, "Bad Gateway"},
    status_phrase{503, "Service Unavailable"},
    status_phrase{504, "Gateway Timeout"},
    status_phrase{505, "HTTP Version Not Supported"},
    status_phrase{507, "Insufficient Storage"},
};
static_assert(std::is_sorted(phrases.begin(), phrases.end(),
                             [](const auto& a, const auto& b) { return a.status < b.status; }));

bool name_before(std::string_view left, std::string_view right) {
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end(),
                                      [](char a, char b) { return lower(a) < lower(b); });
}

class number_text {
public:
  explicit number_text(size_t number)
      : size_(static_cast<size_t>(std::to_chars(text_.begin(), text_.end(), number).ptr -
                                  text_.begin())) {}
  std::string_view view() const { return {text_.data(), size_}; }

private:
  std::array<char, 20> text_{};
  size_t size_;
};

// The headers of one head in the order in which they are sent. Those of one name keep the order in
// which they were added.
class header_list {
public:
  explicit header_list(size_t most) { lines_.reserve(most); }

  void add(std::string_view name, std::string_view value) {
    if (!is_sendable_header(name, value)) return;
    const auto place =
        std::upper_bound(lines_.begin(), lines_.end(), name,
                         [](std::string_view a, const line& b) { return name_before(a, b.name); });
    lines_.insert(place, {name, value});
  }

  void append_to(std::string& out) const {
    for (const auto& [name, value] : lines_)
      out.append(name).append(": ").append(value).append(line_end);
  }

private:
  struct line {
    std::string_view name, value;
  };
  std::vector<line> lines_;
};

constexpr size_t own_headers = 5; ///< that append_head adds to those of the answer, without Date

} // namespace

std::string_view status_text(int status) {
  const auto found =
      std::lower_bound(phrases.begin(), phrases.end(), status,
                       [](const status_phrase& one, int wanted) { return one.status < wanted; });
  if (found != phrases.end() && found->status == status) return found->text;
  return status_text(500);
}

void append_head(std::string& out, const answer_head& head) {
  const number_text length(head.content_length.value_or(0));
  header_list headers(own_headers + (head.headers ? head.headers->size() : 0));
  headers.add("X-Content-Type-Options", "nosniff");
  if (!head.content_type.empty()) headers.add("Content-Type", head.content_type);
  if (head.headers)
    for (const auto& [name, value] : *head.headers) headers.add(name, value);
  if (head.content_length) headers.add("Content-Length", length.view());
  if (head.chunked) headers.add("Transfer-Encoding", "chunked");
  if (head.close)
    headers.add("Connection", "close");
  else if (head.http_1_0)
    headers.add("Connection", "keep-alive");

  out.append("HTTP/1.1 ").append(number_text(static_cast<size_t>(head.status)).view());
  out.append(" ").append(status_text(head.status)).append(line_end);
  headers.append_to(out);
  out.append("Date: ").append(head.date).append(line_end).append(line_end);
}

} // namespace treadmill::http
