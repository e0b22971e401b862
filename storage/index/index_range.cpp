#include "storage/index/index_range.hpp"
#include "storage/engine/keys.hpp"
#include "storage/index/term.hpp"
#include "storage/json/json_cursor.hpp"
#include <array>

namespace treadmill {
namespace {

// The first byte of a cursor before encoding in base64url (RFC 4648, section 5, no padding).
constexpr char row_cursor = 'r';
constexpr char group_cursor = 'g';
constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string to_base64url(std::string_view bytes) {
  std::string out;
  uint32_t bits = 0;
  unsigned size = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(c);
    for (size += 8; size >= 6; size -= 6) out += digits[bits >> (size - 6) & 0x3fU];
  }
  if (size > 0) out += digits[bits << (6 - size) & 0x3fU];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  unsigned size = 0;
  for (const char c : text) {
    const size_t digit = digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    size += 6;
    if (size < 8) continue;
    size -= 8;
    out += static_cast<char>(bits >> size & 0xffU);
  }
  if (size >= 6 || (bits & ((1U << size) - 1)) != 0) return std::nullopt; // not canonical
  return out;
}

std::string after_all(std::string_view prefix) { return std::string(prefix) + keys::above_terms; }

std::string just_after(std::string_view suffix) { return std::string(suffix) + '\0'; }

result<std::string> term_of(std::string_view stored) {
  std::string term;
  if (auto made = append_term(term, stored); !made)
    return fail(ec::bad_request, "a term is not the stored form of a value");
  return term;
}

/// The term prefix of all strings or arrays that begin with this one.
result<std::string> prefix_of(std::string_view stored) {
  auto term = term_of(stored);
  if (!term) return term;
  if (stored.front() != '"' && stored.front() != '[')
    return fail(ec::bad_request, "a prefix is a string or an array");
  term->pop_back(); // the end tag of the string or array
  return term;
}

bool is_group(std::string_view bytes) {
  if (bytes.empty()) return false;
  if (term_size(bytes) == bytes.size()) return true;
  const std::string closed = just_after(bytes); // the front of an array
  return term_size(closed) == closed.size();
}

result<void> go_on_after_cursor(index_range& range, std::string_view cursor) {
  const auto bad = [] { return fail(ec::bad_request, "the cursor is not valid"); };
  const auto bytes = from_base64url(cursor);
  if (!bytes || bytes->empty()) return bad();
  const std::string_view place = std::string_view(*bytes).substr(1);
  if (bytes->front() == row_cursor && index_row::decode(place, {})) {
    range.go_on_after(place);
  } else if (bytes->front() == group_cursor && is_group(place)) {
    range.descending ? range.lower(place) : range.raise(after_all(place));
  } else {
    return bad();
  }
  return {};
}

result<void> narrow(index_range& range, const range_request& request) {
  if (request.term) {
    const auto term = term_of(*request.term);
    if (!term) return tl::unexpected(term.error());
    range.raise(*term);
    range.lower(after_all(*term));
  }
  if (request.prefix) {
    const auto prefix = prefix_of(*request.prefix);
    if (!prefix) return tl::unexpected(prefix.error());
    range.raise(*prefix);
    range.lower(after_all(*prefix));
  }
  if (request.from) {
    const auto term = term_of(*request.from);
    if (!term) return tl::unexpected(term.error());
    range.descending ? range.lower(after_all(*term)) : range.raise(*term);
  }
  if (request.to) {
    const auto term = term_of(*request.to);
    if (!term) return tl::unexpected(term.error());
    // The rows of the term begin at the term itself and end at after_all(term).
    const std::string bound = range.descending == request.inclusive_end ? *term : after_all(*term);
    range.descending ? range.raise(bound) : range.lower(bound);
  }
  return {};
}

} // namespace

void index_range::raise(std::string_view bound) {
  if (bound > from) from = bound;
}

void index_range::lower(std::string_view bound) {
  if (bound < to) to = bound;
}

void index_range::go_on_after(std::string_view suffix) {
  descending ? lower(suffix) : raise(just_after(suffix));
}

void index_range::go_on_at(std::string_view suffix) {
  descending ? lower(just_after(suffix)) : raise(suffix);
}

result<index_range> make_range(const range_request& request) {
  index_range range;
  range.descending = request.descending;
  if (auto done = narrow(range, request); !done) return tl::unexpected(done.error());
  if (!request.after || request.after->empty()) return range;
  if (auto done = go_on_after_cursor(range, *request.after); !done)
    return tl::unexpected(done.error());
  return range;
}

result<std::vector<std::string>> elements_of(std::string_view array, size_t most) {
  json_cursor in(array);
  if (!in.take('[')) return fail(ec::bad_request, "the list of terms must be an array");
  std::vector<std::string> elements;
  std::string_view element;
  while (!in.take(']')) {
    if (!elements.empty()) in.take(',');
    if (!in.take_value(element)) return fail(ec::bad_request, "the list of terms cannot be read");
    if (elements.size() == most) return fail(ec::too_large, "the list is longer than the limit");
    elements.emplace_back(element);
  }
  return elements;
}

std::string cursor_after_row(std::string_view suffix) {
  return to_base64url(row_cursor + std::string(suffix));
}

std::string cursor_after_group(std::string_view group) {
  return to_base64url(group_cursor + std::string(group));
}

} // namespace treadmill
