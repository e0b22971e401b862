#define PCRE2_CODE_UNIT_WIDTH 8
#include "storage/selector/regular_expression.hpp"
#include "storage/base/defaults.hpp"
#include <algorithm>
#include <array>
#include <charconv>
#include <pcre2.h>
#include <string>

namespace treadmill {

namespace {

/// What fits into one step: characters that are read, and calls back of PCRE2.
constexpr uint64_t characters_a_step = 64;
constexpr uint64_t calls_a_step = 4;

pcre2_compile_context* compile_context() {
  static pcre2_compile_context* const context = [] {
    pcre2_compile_context* made = pcre2_compile_context_create(nullptr);
    if (made == nullptr) return made;
    pcre2_set_newline(made, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(made, PCRE2_BSR_UNICODE);
    pcre2_set_parens_nest_limit(made, defaults::pattern_depth);
    return made;
  }();
  return context;
}

/// The largest number in braces, as in `a{1000}`: an item with a fixed count reads up to so many
/// characters before it fails, without calling back.
uint64_t largest_count(std::string_view pattern) {
  uint64_t largest = 0;
  for (size_t at = pattern.find('{'); at != std::string_view::npos;
       at = pattern.find('{', at + 1)) {
    uint64_t count = 0;
    std::from_chars(pattern.data() + at + 1, pattern.data() + pattern.size(), count);
    largest = std::max(largest, count);
  }
  return largest;
}

/// What the callback needs of one search.
struct search {
  step_budget& budget;
  uint64_t step_factor = 1;
  uint64_t longest_repeat = 0;
  bool has_back_references = false;
  size_t last_position = 0;
  uint64_t characters = 0; ///< read, or called back for, since the last step was taken
};

/// The longest text that a group has captured so far: a back reference compares up to so much.
uint64_t longest_capture(const pcre2_callout_block& at) {
  uint64_t longest = 0;
  for (uint32_t group = 1; group < at.capture_top; ++group) {
    const size_t begin = at.offset_vector[2 * group];
    const size_t end = at.offset_vector[2 * group + 1];
    if (begin != PCRE2_UNSET && end != PCRE2_UNSET && end > begin)
      longest = std::max<uint64_t>(longest, end - begin);
  }
  return longest;
}

/// Takes from the budget what PCRE2 did since its last call: it read from there to here, or failed
/// inside of one item.
int charge(pcre2_callout_block* at, void* data) {
  auto& of = *static_cast<search*>(data);
  const size_t position = at->current_position;
  const size_t moved = std::max(position, of.last_position) - std::min(position, of.last_position);
  of.last_position = position;
  uint64_t read = moved + at->capture_top +
                  std::min<uint64_t>(of.longest_repeat, at->subject_length - position);
  if (of.has_back_references) read += longest_capture(*at);
  of.characters += characters_a_step / calls_a_step + read * of.step_factor;
  const uint64_t steps = of.characters / characters_a_step;
  of.characters %= characters_a_step;
  return of.budget.spend(steps) ? 0 : PCRE2_ERROR_CALLOUT;
}

/// Exhausts a budget, where one of PCRE2's own limits stopped the search.
void exhaust(step_budget& budget) {
  budget.spend(budget.left());
  budget.spend(1);
}

} // namespace

regular_expression::space::space()
    : match_data_(pcre2_match_data_create(1, nullptr),
                  [](void* data) { pcre2_match_data_free(static_cast<pcre2_match_data*>(data)); }),
      match_context_(pcre2_match_context_create(nullptr), [](void* context) {
        pcre2_match_context_free(static_cast<pcre2_match_context*>(context));
      }) {
  auto* context = static_cast<pcre2_match_context*>(match_context_.get());
  if (context == nullptr) return;
  pcre2_set_match_limit(context, defaults::pattern_matches);
  pcre2_set_depth_limit(context, defaults::pattern_matches);
  pcre2_set_heap_limit(context, defaults::pattern_heap_bytes / defaults::kibibyte);
}

result<regular_expression> regular_expression::compile(std::string_view pattern) {
  if (pattern.size() > defaults::pattern_bytes)
    return fail(ec::bad_request, "a regular expression is longer than " +
                                     std::to_string(defaults::pattern_bytes) + " bytes");
  int fault = 0;
  size_t where = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT, &fault,
                                   &where, compile_context());
  if (code == nullptr) {
    std::array<char, 256> text{};
    pcre2_get_error_message(fault, reinterpret_cast<PCRE2_UCHAR*>(text.data()), text.size());
    return fail(ec::bad_request, std::string(text.data()) + " at byte " + std::to_string(where));
  }
  regular_expression made;
  made.code_ = {code, [](const void* owned) {
                  pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(owned)));
                }};
  pcre2_pattern_info(code, PCRE2_INFO_SIZE, &made.bytes_);
  uint32_t back_references = 0;
  pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &back_references);
  made.has_back_references_ = back_references > 0;
  made.step_factor_ = 1 + pattern.size() / 32;
  made.longest_repeat_ = largest_count(pattern);
  return made;
}

bool regular_expression::found_in(std::string_view subject, space& in, step_budget& budget) const {
  auto* data = static_cast<pcre2_match_data*>(in.match_data());
  auto* context = static_cast<pcre2_match_context*>(in.match_context());
  // PCRE2 first checks that all of it is UTF-8.
  if (!budget.spend(1 + subject.size() / characters_a_step)) return false;
  if (data == nullptr || context == nullptr) {
    exhaust(budget);
    return false;
  }
  search of{budget, step_factor_, longest_repeat_, has_back_references_, 0, 0};
  pcre2_set_callout(context, charge, &of);
  const int found = pcre2_match(static_cast<const pcre2_code*>(code_.get()),
                                reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), 0, 0,
                                data, context);
  switch (found) {
  case PCRE2_ERROR_MATCHLIMIT:
  case PCRE2_ERROR_DEPTHLIMIT:
  case PCRE2_ERROR_HEAPLIMIT:
  case PCRE2_ERROR_NOMEMORY: exhaust(budget); return false;
  default: return found >= 0;
  }
}

} // namespace treadmill
