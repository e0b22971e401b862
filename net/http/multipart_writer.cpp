#include "net/http/multipart_writer.hpp"
#include "net/http/header_parameters.hpp"
#include "net/http/header_text.hpp"
#include "storage/base/content_hash.hpp"
#include <cstdlib>
#include <unistd.h>
#include <utility>

namespace treadmill::http {

namespace {

std::array<uint8_t, 16> system_random() {
  std::array<uint8_t, 16> bits{};
  // A boundary that can be guessed lets a content end its part, so abort.
  if (getentropy(bits.data(), bits.size()) != 0) std::abort();
  return bits;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty() || !is_value(value)) return;
  out += "\r\n";
  out += name;
  out += ": ";
  out += value;
}

} // namespace

std::string multipart_writer::make_boundary(const random_bits& random) {
  return hex_of(random ? random() : system_random());
}

std::string multipart_writer::content_type(std::string_view subtype) const {
  return "multipart/" + std::string(subtype) + "; boundary=\"" + boundary_ + '"';
}

void multipart_writer::begin_part(std::string& out, const part_head& head) {
  out += std::exchange(first_, false) ? "--" : "\r\n--";
  out += boundary_;
  if (!head.file_name.empty() && is_value(head.file_name)) {
    out += "\r\nContent-Disposition: attachment; filename=";
    append_quoted(out, head.file_name);
  }
  append_header(out, "Content-Type", head.content_type);
  append_header(out, "Content-Encoding", head.encoding);
  if (head.length) append_header(out, "Content-Length", std::to_string(*head.length));
  out += "\r\n\r\n";
}

void multipart_writer::end(std::string& out) const { out += "\r\n--" + boundary_ + "--"; }

} // namespace treadmill::http
