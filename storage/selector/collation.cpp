#include "storage/selector/collation.hpp"
#include "storage/base/utf8.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>
#include <array>
#include <unicode/uchar.h>
#include <unicode/ucol.h>
#include <unicode/uvernum.h>

namespace treadmill {

namespace {

/// Bytes of strings that are compared for one step.
constexpr uint64_t bytes_a_step = 16;

/// Runs of combining marks up to this length cost nothing beside their bytes.
constexpr uint64_t short_run = 32;

/// ICU's collator of the root locale, as CouchDB uses it. Null if ICU has no data.
const UCollator* root_collator() {
  static const UCollator* const opened = [] {
    UErrorCode status = U_ZERO_ERROR;
    UCollator* collator = ucol_open("", &status);
    return U_SUCCESS(status) != 0 ? collator : nullptr;
  }();
  return opened;
}

int sign(int order) { return (order > 0) - (order < 0); }

/// Printable ASCII without a backslash, as stored: its characters all differ under ICU's root
/// collation, and none combines with another.
bool is_plain(std::string_view text) {
  bool plain = true;
  for (const char c : text) plain &= c >= ' ' && c < '\x7f' && c != '\\';
  return plain;
}

/// The next character of UTF-8; 0 for a byte that is none.
UChar32 take_character(std::string_view& text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const size_t size = bytes[0] < 0x80 ? 1 : utf8_sequence(bytes, text.size());
  UChar32 character = size == 1 ? bytes[0] : 0;
  if (size > 1) character = bytes[0] & (0x7f >> size);
  for (size_t at = 1; at < size; ++at) character = character << 6 | (bytes[at] & 0x3f);
  text.remove_prefix(std::max<size_t>(size, 1));
  return character;
}

/// The time that ICU may take for runs of combining marks, in pairs of them: for each mark it may
/// look at the rest of the run, to find one that combines with it.
uint64_t combining_pairs(std::string_view text) {
  if (text.size() <= 2 * short_run) return 0;
  uint64_t pairs = 0;
  uint64_t run = 0;
  while (!text.empty()) {
    run = u_getCombiningClass(take_character(text)) != 0 ? run + 1 : 0;
    if (run > short_run) pairs += 2 * run; // the sum over a run is its square
  }
  return pairs;
}

/// Compares decoded strings by ICU.
int compare_unicode(std::string_view a, std::string_view b, step_budget& budget) {
  if (!budget.spend(combining_pairs(a) + combining_pairs(b))) return 0;
  const UCollator* collator = root_collator();
  if (collator == nullptr || std::max(a.size(), b.size()) > INT32_MAX) return sign(a.compare(b));
  UErrorCode status = U_ZERO_ERROR;
  const auto order = ucol_strcollUTF8(collator, a.data(), static_cast<int32_t>(a.size()), b.data(),
                                      static_cast<int32_t>(b.size()), &status);
  return U_SUCCESS(status) != 0 ? static_cast<int>(order) : sign(a.compare(b));
}

/// The content of a stored string; decoded into `space` if it has escapes.
std::string_view content_of(std::string_view text, std::string& space) {
  if (text.size() < 2) return {};
  const auto inner = text.substr(1, text.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner;
  append_unescaped(space, text);
  return space;
}

int compare_strings(std::string_view a, std::string_view b, collation order, step_budget& budget) {
  if (!budget.spend((a.size() + b.size()) / bytes_a_step) || a == b) return 0;
  std::string space_a;
  std::string space_b;
  const auto x = content_of(a, space_a);
  const auto y = content_of(b, space_b);
  // string_view compares unsigned bytes, which is the order of code points.
  return order == collation::raw ? sign(x.compare(y)) : compare_unicode(x, y, budget);
}

int rank(json_kind kind, collation order) {
  if (order == collation::unicode) return static_cast<int>(kind);
  switch (kind) {
  case json_kind::number: return 0;
  case json_kind::boolean_false: return 1;
  case json_kind::null: return 2;
  case json_kind::boolean_true: return 3;
  case json_kind::object: return 4;
  case json_kind::array: return 5;
  case json_kind::string: return 6;
  }
  return 0;
}

/// Compares two values while it reads both texts side by side. Where the texts are equal so far,
/// both are inside of the same arrays and objects, so their number is all that it keeps.
class side_by_side {
public:
  side_by_side(std::string_view a, std::string_view b, collation order, step_budget& budget)
      : a_(a), b_(b), order_(order), budget_(budget) {}

  int compare() {
    int result = compare_value();
    while (result == 0 && !finished_ && budget_.spend(1)) result = compare_next();
    return budget_.exhausted() ? 0 : result;
  }

private:
  /// Compares two values, of arrays and objects only the types: their first element is next.
  int compare_value() {
    const auto kind = kind_of(a_.rest());
    const auto other = kind_of(b_.rest());
    if (kind != other) return rank(kind, order_) < rank(other, order_) ? -1 : 1;
    if (kind == json_kind::array || kind == json_kind::object) {
      a_.take(a_.peek());
      b_.take(b_.peek());
      ++depth_;
      opened_ = true;
      return 0;
    }
    if (kind == json_kind::string) return compare_string();
    std::string_view x;
    std::string_view y;
    if (!a_.take_word(x) || !b_.take_word(y)) return give_up();
    if (!budget_.spend((x.size() + y.size()) / bytes_a_step)) return 0;
    return kind == json_kind::number ? compare_numbers(x, y) : 0;
  }

  /// A name and its value, or a string that is a value.
  int compare_string() {
    std::string_view x;
    std::string_view y;
    if (!a_.take_string(x) || !b_.take_string(y)) return give_up();
    const int result = compare_strings(x, y, order_, budget_);
    if (result != 0 || budget_.exhausted()) return result;
    const bool named = a_.take(':');
    if (named != b_.take(':')) return named ? 1 : -1;
    named_ = named;
    return 0;
  }

  /// After a value, a name, or a bracket that opens.
  int compare_next() {
    if (named_) {
      named_ = false;
      return compare_value();
    }
    if (depth_ == 0) return give_up();
    const bool more_a = has_more(a_);
    const bool more_b = has_more(b_);
    opened_ = false;
    if (more_a != more_b) return more_a ? 1 : -1;
    if (more_a) return compare_value();
    --depth_;
    if (a_.at_end() || b_.at_end()) return give_up();
    a_.take(a_.peek());
    b_.take(b_.peek());
    return 0;
  }

  bool has_more(json_cursor& in) const {
    if (!opened_) return in.take(',');
    return in.peek() != ']' && in.peek() != '}' && !in.at_end();
  }

  int give_up() {
    finished_ = true;
    return 0;
  }

  json_cursor a_;
  json_cursor b_;
  collation order_;
  step_budget& budget_;
  size_t depth_ = 0;
  bool opened_ = false; ///< the last thing read was a bracket that opens
  bool named_ = false;  ///< the last thing read was a name
  bool finished_ = false;
};

} // namespace

json_kind kind_of(std::string_view value) {
  if (value.empty()) return json_kind::null;
  switch (value.front()) {
  case '"': return json_kind::string;
  case '[': return json_kind::array;
  case '{': return json_kind::object;
  case 't': return json_kind::boolean_true;
  case 'f': return json_kind::boolean_false;
  case '-': return json_kind::number;
  default:
    return value.front() >= '0' && value.front() <= '9' ? json_kind::number : json_kind::null;
  }
}

int compare_json(std::string_view a, std::string_view b, collation order, step_budget& budget) {
  if (!budget.spend(1 + std::min(a.size(), b.size()) / bytes_a_step / 4) || a == b) return 0;
  return side_by_side(a, b, order, budget).compare();
}

bool equal_json(std::string_view a, std::string_view b, collation order, step_budget& budget) {
  const auto kind = kind_of(a);
  if (kind != kind_of(b)) return !budget.spend(1);
  if (kind != json_kind::string) return compare_json(a, b, order, budget) == 0;
  if (!budget.spend(1 + (a.size() + b.size()) / bytes_a_step / 4) || a == b) return true;
  if (order == collation::raw || (is_plain(a) && is_plain(b))) return false;
  return compare_json(a, b, order, budget) == 0;
}

std::string collation_version() {
  std::string version = U_ICU_VERSION;
  if (root_collator() == nullptr) return version;
  UVersionInfo of_root{};
  ucol_getVersion(root_collator(), of_root);
  std::array<char, U_MAX_VERSION_STRING_LENGTH> text{};
  u_versionToString(of_root, text.data());
  return version + ' ' + text.data();
}

} // namespace treadmill
