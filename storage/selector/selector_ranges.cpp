#include "storage/selector/selector_tree.hpp"
#include <cstdint>
#include <utility>

namespace treadmill {

namespace {

value_range between(std::optional<std::string> low, bool low_included,
                    std::optional<std::string> high, bool high_included) {
  return {std::move(low), low_included, std::move(high), high_included};
}

value_range everything() { return {}; }
value_range arrays() { return between("[]", true, "{}", false); }

/// The values of one type, in the order `unicode`.
std::vector<value_range> of_type(std::string_view name) {
  if (name == R"("null")") return {between("null", true, "null", true)};
  if (name == R"("boolean")") return {between("false", true, "true", true)};
  if (name == R"("number")") return {between("true", false, R"("")", false)};
  if (name == R"("string")") return {between(R"("")", true, "[]", false)};
  if (name == R"("array")") return {arrays()};
  if (name == R"("object")") return {between("{}", true, std::nullopt, true)};
  return {};
}

class range_finder {
public:
  explicit range_finder(const selector_tree& tree)
      : tree_(tree), budget_(tree.limits.steps), places_(tree.document.names.size(), SIZE_MAX) {}

  std::vector<field_range> find() {
    add(tree_.document.root);
    return std::move(fields_);
  }

private:
  void add(const condition& of) {
    if (of.kind == condition_kind::all_of) {
      for (const condition& child : of.children) add(child);
      return;
    }
    if (of.kind < condition_kind::less) return;
    if (of.kind == condition_kind::exists && !of.expected) return;
    if (tree_.document.names[of.slot].empty()) return; // the whole document
    field_range& field = field_of(of);
    if (field.order != of.order)
      return; // `_id` by CouchDB's order, written as `\\_id` by the other
    auto both = intersection(field.ranges, ranges_of(of), field.order);
    // Without this constraint the others are still true.
    if (!budget_.exhausted()) field.ranges = std::move(both);
  }

  field_range& field_of(const condition& leaf) {
    size_t& place = places_[leaf.slot];
    if (place < fields_.size()) return fields_[place];
    place = fields_.size();
    fields_.push_back({tree_.document.names[leaf.slot], leaf.order, {everything()}});
    return fields_.back();
  }

  /// The values for which one condition may hold.
  std::vector<value_range> ranges_of(const condition& leaf) {
    const std::string operand(leaf.operand);
    if (leaf.negated) return {everything()};
    switch (leaf.kind) {
    case condition_kind::less: return {between(std::nullopt, true, operand, false)};
    case condition_kind::less_or_equal: return {between(std::nullopt, true, operand, true)};
    case condition_kind::equal: return {between(operand, true, operand, true)};
    case condition_kind::greater_or_equal: return {between(operand, true, std::nullopt, true)};
    case condition_kind::greater: return {between(operand, false, std::nullopt, true)};
    case condition_kind::in: return points(leaf);
    default: break;
    }
    if (leaf.order == collation::raw) return {everything()};
    switch (leaf.kind) {
    case condition_kind::type: return of_type(leaf.operand);
    case condition_kind::modulo: return of_type(R"("number")");
    case condition_kind::regex:
    case condition_kind::begins_with: return of_type(R"("string")");
    case condition_kind::size:
    case condition_kind::all:
    case condition_kind::element_match:
    case condition_kind::all_match: return {arrays()};
    case condition_kind::key_match: return of_type(R"("object")");
    default: return {everything()};
    }
  }

  /// The values of `$in`, and all arrays, as such a value may be an element.
  std::vector<value_range> points(const condition& leaf) {
    auto values = leaf.list;
    sort_values(values, leaf.order, budget_);
    std::vector<value_range> ranges;
    bool has_arrays = leaf.order == collation::raw;
    for (const std::string_view value : values) {
      const auto kind = kind_of(value);
      if (leaf.order == collation::unicode && kind == json_kind::array) continue;
      if (!has_arrays && kind == json_kind::object) {
        ranges.push_back(arrays());
        has_arrays = true;
      }
      const std::string point(value);
      if (ranges.empty() || !ranges.back().high_included ||
          compare(point, *ranges.back().high, leaf.order) != 0)
        ranges.push_back(between(point, true, point, true));
    }
    if (!has_arrays) ranges.push_back(arrays());
    return ranges;
  }

  int compare(std::string_view a, std::string_view b, collation order) {
    return compare_json(a, b, order, budget_);
  }

  /// The order of the places where two ranges begin.
  int compare_lows(const value_range& a, const value_range& b, collation order) {
    if (!a.low || !b.low)
      return static_cast<int>(a.low.has_value()) - static_cast<int>(b.low.has_value());
    if (const int result = compare(*a.low, *b.low, order); result != 0) return result;
    return static_cast<int>(!a.low_included) - static_cast<int>(!b.low_included);
  }

  int compare_highs(const value_range& a, const value_range& b, collation order) {
    if (!a.high || !b.high)
      return static_cast<int>(b.high.has_value()) - static_cast<int>(a.high.has_value());
    if (const int result = compare(*a.high, *b.high, order); result != 0) return result;
    return static_cast<int>(a.high_included) - static_cast<int>(b.high_included);
  }

  bool is_empty(const value_range& range, collation order) {
    if (!range.low || !range.high) return false;
    const int result = compare(*range.low, *range.high, order);
    return result > 0 || (result == 0 && !(range.low_included && range.high_included));
  }

  std::vector<value_range> intersection(const std::vector<value_range>& a,
                                        const std::vector<value_range>& b, collation order) {
    std::vector<value_range> both;
    for (size_t i = 0, j = 0; i < a.size() && j < b.size() && !budget_.exhausted();) {
      const auto& low = compare_lows(a[i], b[j], order) >= 0 ? a[i] : b[j];
      const int ends = compare_highs(a[i], b[j], order);
      const auto& high = ends <= 0 ? a[i] : b[j];
      auto range = between(low.low, low.low_included, high.high, high.high_included);
      if (!is_empty(range, order)) both.push_back(std::move(range));
      ++(ends <= 0 ? i : j);
    }
    return both;
  }

  const selector_tree& tree_;
  step_budget budget_;
  std::vector<field_range> fields_;
  std::vector<size_t> places_; ///< in `fields_`, by slot; of a path that is not there, the largest
};

} // namespace

std::vector<field_range> index_ranges(const selector& of) { return range_finder(of.tree()).find(); }

} // namespace treadmill
