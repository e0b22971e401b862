#include "storage/base/json_string.hpp"
#include "storage/base/json_plain.hpp"

namespace treadmill {
namespace {

constexpr std::string_view letters = "\"\\bfnrt";
constexpr std::string_view characters = "\"\\\b\f\n\r\t";

} // namespace

void append_escaped(std::string& out, char c) {
  static constexpr char digits[] = "0123456789abcdef";
  out += '\\';
  if (const size_t escape = characters.find(c); escape != std::string_view::npos) {
    out += letters[escape];
    return;
  }
  out += "u00";
  out += digits[static_cast<unsigned char>(c) >> 4];
  out += digits[static_cast<unsigned char>(c) & 0x0f];
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  const char* run = text.data();
  const char* const end = run + text.size();
  for (const char* at = find_special(run, end); at != end; at = find_special(at, end)) {
    const char byte = *at++;
    if (static_cast<unsigned char>(byte) >= 0x80) continue;
    out.append(run, at - 1);
    append_escaped(out, byte);
    run = at;
  }
  out.append(run, end);
  out += '"';
}

} // namespace treadmill
