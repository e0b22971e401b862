#pragma once
#include "storage/selector/collation.hpp"
#include "storage/selector/field_paths.hpp"
#include "storage/selector/regular_expression.hpp"
#include "storage/selector/selector.hpp"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

enum class condition_kind : uint8_t {
  all_of, ///< of no conditions: true
  any_of, ///< of no conditions: true, as in CouchDB
  none_of,
  less,
  less_or_equal,
  equal,
  not_equal,
  greater_or_equal,
  greater,
  in,
  not_in,
  exists,
  type,
  size,
  modulo,
  regex,
  begins_with,
  all,
  element_match,
  all_match,
  key_match,
};

struct selector_scope;

/// A condition: on a path (a leaf), or one that combines others.
struct condition {
  condition_kind kind = condition_kind::all_of;
  std::vector<condition> children; ///< of all_of, any_of, none_of

  // Of a leaf:
  uint32_t slot = 0;                    ///< of its path in the scope
  bool negated = false;                 ///< the path must exist, and the condition not hold
  bool expected = false;                ///< of exists
  collation order = collation::unicode; ///< of its comparisons
  std::string_view operand;             ///< stored form, a view of selector_tree::text
  std::vector<std::string_view> list;   ///< of `in` and `not_in` (if long, sorted), and `all`
  uint64_t count = 0;                   ///< of size; of modulo, the divisor's magnitude
  uint64_t remainder = 0;               ///< of modulo, its magnitude
  bool negative = false;                ///< of modulo, the remainder's sign
  std::shared_ptr<const regular_expression> expression;
  std::shared_ptr<const selector_scope> inner; ///< of element_match, all_match, key_match
};

/// Conditions on one value: on the document, or on an element of an array.
struct selector_scope {
  field_paths paths;
  std::vector<std::vector<std::string>> names; ///< by slot
  condition root;
};

struct selector_tree {
  std::string text; ///< the selector, in stored form
  selector_limits limits;
  selector_scope document;
};

/// A list of up to this many values is searched one by one; a longer one is sorted.
inline constexpr size_t short_list = 8;

/// Sorts by compare_json. If the budget is exhausted meanwhile, the order is not that of the
/// values.
void sort_values(std::vector<std::string_view>& values, collation order, step_budget& budget);

} // namespace treadmill
