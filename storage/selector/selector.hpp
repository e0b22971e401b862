#pragma once
#include "storage/base/defaults.hpp"
#include "storage/base/result.hpp"
#include "storage/selector/collation.hpp"
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

struct selector_tree;

/// Limits of one selector, and of the work on one document.
struct selector_limits {
  size_t bytes = defaults::selector_bytes; ///< of its stored form
  size_t depth = defaults::json_depth;     ///< nested objects, and names in one path
  size_t conditions =
      defaults::selector_conditions;         ///< also counts the elements of `$in` and so on
  uint64_t steps = defaults::selector_steps; ///< step_budget.hpp
};

/// A selector of CouchDB's query language (Mango), checked and normalised.
/// **Thread**: immutable; copies are cheap and share it.
class selector {
public:
  /// Reads a selector in stored form (`stored_form` of what the client sent). Errors: bad_request,
  /// with CouchDB's words where it has some ("Invalid operator: $foo"); too_large; too_deep.
  static result<selector> parse(std::string_view stored, const selector_limits& limits = {});

  const selector_tree& tree() const { return *tree_; }

private:
  std::shared_ptr<const selector_tree> tree_;
};

/// A document as a selector sees it: the body's members and `_id`, `_rev`, of a tombstone also
/// `_deleted` (true).
struct selector_document {
  std::string_view body; ///< stored form
  std::string_view id;
  std::string_view rev;
  bool deleted = false;
};

/// Matches documents, one after the other.
/// **Thread**: one at a time; each thread takes a matcher of its own for the same selector.
class selector_matcher {
public:
  explicit selector_matcher(selector of);
  ~selector_matcher();
  selector_matcher(selector_matcher&&) noexcept;
  selector_matcher& operator=(selector_matcher&&) noexcept;

  /// Whether the document matches. Any bytes may be the body. Errors: too_large (this document
  /// takes more than `limits.steps` steps; the matcher can go on with others).
  result<bool> matches(const selector_document& document);

  /// The steps that the last document took.
  uint64_t steps() const;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// The values between two bounds, in the order of `field_range::order`.
struct value_range {
  std::optional<std::string> low; ///< stored form; nullopt: from the smallest value on
  bool low_included = true;
  std::optional<std::string> high; ///< nullopt: up to the largest value
  bool high_included = true;
};

/// What every match of a selector has at one path: a value, and in one of these ranges.
struct field_range {
  std::vector<std::string> path;
  collation order = collation::unicode; ///< raw for `_id`
  std::vector<value_range> ranges;      ///< in order, without overlaps; none: nothing matches
};

/// The constraints of the conditions that all matches meet: those of the top-level conjunction,
/// each path once, in the order in which the selector names them. A path that may be missing is not
/// among them. They are necessary, not sufficient: a document within all ranges must still be
/// matched.
std::vector<field_range> index_ranges(const selector& of);

} // namespace treadmill
