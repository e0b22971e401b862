#include "net/http/url.hpp"
#include <algorithm>

namespace treadmill::http {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Not std::isalnum: the locale must not change the meaning of a URL.
bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

} // namespace

result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+' && plus_is_space) {
      decoded += ' ';
    } else if (c != '%') {
      decoded += c;
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high < 0 ? -1 : hex_value(text[i + 2]);
      if (low < 0) return fail(ec::bad_request, "a % in the URL is not followed by two hex digits");
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

result<std::vector<std::string>> split_path(std::string_view raw_path, trailing_slash trailing) {
  if (raw_path.empty() || raw_path.front() != '/')
    return fail(ec::bad_request, "the path does not begin with a slash");
  std::vector<std::string> pieces;
  raw_path.remove_prefix(1);
  while (!raw_path.empty()) {
    const size_t slash = raw_path.find('/');
    const std::string_view raw_piece = raw_path.substr(0, slash);
    if (raw_piece.empty()) return fail(ec::bad_request, "the path has an empty piece");
    auto piece = percent_decode(raw_piece, false);
    if (!piece) return tl::unexpected(std::move(piece.error()));
    pieces.push_back(std::move(*piece));
    if (slash == std::string_view::npos) break;
    raw_path.remove_prefix(slash + 1);
    const bool taken = trailing == trailing_slash::ignored ||
                       (trailing == trailing_slash::after_first && pieces.size() == 1);
    if (raw_path.empty() && !taken) return fail(ec::bad_request, "the path ends with a slash");
  }
  return pieces;
}

result<query> query::parse(std::string_view raw_query, repeated twice) {
  query parsed;
  while (!raw_query.empty()) {
    const size_t end = std::min(raw_query.find('&'), raw_query.size());
    const std::string_view item = raw_query.substr(0, end);
    raw_query.remove_prefix(std::min(end + 1, raw_query.size()));
    if (item.empty()) continue;
    const size_t equals = std::min(item.find('='), item.size());
    auto name = percent_decode(item.substr(0, equals), true);
    if (!name) return tl::unexpected(std::move(name.error()));
    auto value = percent_decode(item.substr(std::min(equals + 1, item.size())), true);
    if (!value) return tl::unexpected(std::move(value.error()));
    if (parsed.find(*name)) {
      if (twice == repeated::refused)
        return fail(ec::bad_request, "a query parameter is given twice");
      std::erase_if(parsed.items_, [&](const auto& one) { return one.first == *name; });
    }
    parsed.items_.emplace_back(std::move(*name), std::move(*value));
  }
  return parsed;
}

std::optional<std::string_view> query::find(std::string_view name) const {
  for (const auto& [key, value] : items_)
    if (key == name) return value;
  return std::nullopt;
}

} // namespace treadmill::http
