#pragma once
#include "storage/base/result.hpp"
#include "storage/selector/step_budget.hpp"
#include <memory>
#include <string_view>

namespace treadmill {

/// A compiled regular expression: PCRE2's syntax, over characters (UTF-8), not over bytes.
/// **Thread**: any; each search needs a `regex_space` of its own.
/// **Units and limits**: the expression has at most `defaults::pattern_bytes`; PCRE2 also refuses
/// one that compiles to more than 64 KiB. The work of a search is taken from the budget, as PCRE2
/// calls back before each item of the expression that it tries; PCRE2's own limits of
/// backtracking and memory (regular_expression.cpp) hold besides. There is no just-in-time
/// compiler: its limits would count differently on each processor.
class regular_expression {
public:
  /// Errors: bad_request (with what is wrong, and where).
  static result<regular_expression> compile(std::string_view pattern);

  /// PCRE2's working memory. **Thread**: one at a time.
  class space {
  public:
    space();
    void* match_data() const { return match_data_.get(); }
    void* match_context() const { return match_context_.get(); }

  private:
    std::shared_ptr<void> match_data_;
    std::shared_ptr<void> match_context_;
  };

  /// Whether some part of `subject` matches. Bytes that are no UTF-8 never match. False also if
  /// the budget is exhausted, or one of PCRE2's limits: then it exhausts the budget.
  bool found_in(std::string_view subject, space& in, step_budget& budget) const;

  /// The memory that it takes.
  size_t bytes() const { return bytes_; }

private:
  std::shared_ptr<const void> code_;
  size_t bytes_ = 0;
  uint64_t step_factor_ = 1;    ///< of each character: a long class takes long to look through
  uint64_t longest_repeat_ = 0; ///< characters that one item can read before it fails
  bool has_back_references_ = false;
};

} // namespace treadmill
