#include "storage/base/json_string.hpp"
#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include "storage/json/json_number.hpp"
#include "storage/selector/selector_tree.hpp"
#include <algorithm>

namespace treadmill {

namespace {

__extension__ using wide = unsigned __int128;

/// Bytes that are skipped for one step.
constexpr uint64_t bytes_a_step = 64;

std::string_view type_of(std::string_view value) {
  switch (kind_of(value)) {
  case json_kind::null: return R"("null")";
  case json_kind::boolean_false:
  case json_kind::boolean_true: return R"("boolean")";
  case json_kind::number: return R"("number")";
  case json_kind::string: return R"("string")";
  case json_kind::array: return R"("array")";
  case json_kind::object: return R"("object")";
  }
  return {};
}

/// Without the quotes; strings have them.
std::string_view inside(std::string_view text) {
  return text.size() < 2 ? std::string_view() : text.substr(1, text.size() - 2);
}

/// Whether an integer, of any length, leaves this remainder, as Erlang's `rem` does: its sign is
/// that of the value.
bool leaves_remainder(const condition& leaf, std::string_view value, step_budget& budget) {
  bool whole = false;
  if (value.empty() || number_length(value, whole) != value.size() || !whole) return false;
  if (!budget.spend(value.size() / bytes_a_step)) return false;
  const bool negative = value.front() == '-';
  wide rest = 0;
  for (const char digit : value.substr(negative ? 1 : 0))
    rest = (rest * 10 + static_cast<unsigned>(digit - '0')) % leaf.count;
  return rest == leaf.remainder && (rest == 0 || negative == leaf.negative);
}

/// Calls `take(element)` for the elements of an array until it returns true, or the budget is
/// exhausted. Returns whether it did.
template<typename Take>
bool any_element(std::string_view array, step_budget& budget, Take take) {
  json_cursor in(array);
  in.take('[');
  while (!in.at_end() && !in.take(']')) {
    std::string_view element;
    if (!in.take_value(element)) return false;
    in.take(',');
    if (!budget.spend(1 + element.size() / bytes_a_step)) return false;
    if (take(element)) return true;
  }
  return false;
}

/// The same for the names of an object, as stored strings.
template<typename Take>
bool any_name(std::string_view object, step_budget& budget, Take take) {
  json_cursor in(object);
  in.take('{');
  while (!in.at_end() && !in.take('}')) {
    std::string_view name;
    std::string_view value;
    if (!in.take_string(name) || !in.take(':') || !in.take_value(value)) return false;
    in.take(',');
    if (!budget.spend(1 + (name.size() + value.size()) / bytes_a_step)) return false;
    if (take(name)) return true;
  }
  return false;
}

} // namespace

struct selector_matcher::state {
  explicit state(selector given) : of(std::move(given)) {}

  selector of;
  step_budget budget{0};
  /// The values of each scope that is being matched, the outer ones first.
  std::vector<field_value> found;
  std::vector<field_paths::member> members;
  std::string id;
  std::string rev;
  std::string whole;
  std::string decoded;
  regular_expression::space space;

  void find(const selector_document& document);
  bool holds(const condition& of_value, size_t base);
  bool holds_for(const condition& leaf, std::string_view value);
  bool is_in(const condition& leaf, std::string_view value);
  bool contains(const condition& leaf, std::string_view value);
  bool has_all(const condition& leaf, std::string_view value);
  bool matches_inner(const selector_scope& inner, std::string_view value);
  bool matches_element(const condition& leaf, std::string_view value);
  bool matches_regex(const condition& leaf, std::string_view value);
  bool has_size(const condition& leaf, std::string_view value);
};

void selector_matcher::state::find(const selector_document& document) {
  const auto& paths = of.tree().document.paths;
  const bool needs_whole = paths.names_whole();
  members.clear();
  if (paths.begins_with(R"("_id")")) {
    id.clear();
    append_json_string(id, document.id);
    members.push_back({R"("_id")", id});
  }
  if (paths.begins_with(R"("_rev")")) {
    rev.clear();
    append_json_string(rev, document.rev);
    members.push_back({R"("_rev")", rev});
  }
  if (document.deleted && paths.begins_with(R"("_deleted")"))
    members.push_back({R"("_deleted")", "true"});
  if (needs_whole) {
    budget.spend(document.body.size() / bytes_a_step);
    whole = R"({"_id":)";
    append_json_string(whole, document.id);
    whole += R"(,"_rev":)";
    append_json_string(whole, document.rev);
    if (document.deleted) whole += R"(,"_deleted":true)";
    const auto rest = document.body.substr(std::min<size_t>(1, document.body.size()));
    if (rest.size() > 1) whole += ',';
    whole += rest;
  }
  found.resize(paths.slots());
  paths.find(members, document.body, whole, found.data(), budget);
}

bool selector_matcher::state::holds(const condition& of_value, size_t base) {
  if (!budget.spend(1)) return false;
  const auto each = [&](const condition& child) { return holds(child, base); };
  const auto& children = of_value.children;
  switch (of_value.kind) {
  case condition_kind::all_of: return std::all_of(children.begin(), children.end(), each);
  case condition_kind::any_of:
    return children.empty() || std::any_of(children.begin(), children.end(), each);
  case condition_kind::none_of: return std::none_of(children.begin(), children.end(), each);
  default: break;
  }
  const field_value& field = found[base + of_value.slot];
  if (field.is == field_value::state::found)
    return holds_for(of_value, field.text) != of_value.negated;
  return of_value.kind == condition_kind::exists && !of_value.expected &&
         field.is == field_value::state::not_found;
}

bool selector_matcher::state::holds_for(const condition& leaf, std::string_view value) {
  const auto compare = [&] { return compare_json(value, leaf.operand, leaf.order, budget); };
  switch (leaf.kind) {
  case condition_kind::less: return compare() < 0;
  case condition_kind::less_or_equal: return compare() <= 0;
  case condition_kind::equal: return equal_json(value, leaf.operand, leaf.order, budget);
  case condition_kind::not_equal: return !equal_json(value, leaf.operand, leaf.order, budget);
  case condition_kind::greater_or_equal: return compare() >= 0;
  case condition_kind::greater: return compare() > 0;
  case condition_kind::in: return is_in(leaf, value);
  case condition_kind::not_in: return !is_in(leaf, value);
  case condition_kind::exists: return leaf.expected;
  case condition_kind::type: return type_of(value) == leaf.operand;
  case condition_kind::size: return has_size(leaf, value);
  case condition_kind::modulo: return leaves_remainder(leaf, value, budget);
  case condition_kind::regex: return matches_regex(leaf, value);
  case condition_kind::begins_with:
    // Stored strings escape each character by itself, always in the same way.
    return value.starts_with('"') && inside(value).starts_with(inside(leaf.operand));
  case condition_kind::all: return has_all(leaf, value);
  default: return matches_element(leaf, value);
  }
}

bool selector_matcher::state::is_in(const condition& leaf, std::string_view value) {
  if (!value.starts_with('[')) return contains(leaf, value);
  return any_element(value, budget, [&](std::string_view each) { return contains(leaf, each); });
}

bool selector_matcher::state::contains(const condition& leaf, std::string_view value) {
  const auto& list = leaf.list;
  if (list.size() <= short_list)
    return std::any_of(list.begin(), list.end(), [&](std::string_view each) {
      return equal_json(value, each, leaf.order, budget);
    });
  const auto at = std::lower_bound(list.begin(), list.end(), value,
                                   [&](std::string_view a, std::string_view b) {
                                     return compare_json(a, b, leaf.order, budget) < 0;
                                   });
  return at != list.end() && equal_json(value, *at, leaf.order, budget);
}

bool selector_matcher::state::has_all(const condition& leaf, std::string_view value) {
  if (!value.starts_with('[') || leaf.list.empty()) return false;
  // By code points, as CouchDB asks here whether values are the same.
  const auto same = [&](std::string_view a, std::string_view b) {
    return equal_json(a, b, collation::raw, budget);
  };
  if (leaf.list.size() == 1 && leaf.list.front().starts_with('[') && same(leaf.list.front(), value))
    return true;
  return std::all_of(leaf.list.begin(), leaf.list.end(), [&](std::string_view wanted) {
    return any_element(value, budget, [&](std::string_view each) { return same(each, wanted); });
  });
}

bool selector_matcher::state::matches_inner(const selector_scope& inner, std::string_view value) {
  const size_t base = found.size();
  found.resize(base + inner.paths.slots());
  inner.paths.find(value, found.data() + base, budget);
  const bool matches = holds(inner.root, base);
  found.resize(base);
  return matches;
}

bool selector_matcher::state::matches_element(const condition& leaf, std::string_view value) {
  const auto matches = [&](std::string_view each) { return matches_inner(*leaf.inner, each); };
  if (leaf.kind == condition_kind::key_match)
    return value.starts_with('{') && any_name(value, budget, matches);
  if (!value.starts_with('[')) return false;
  if (leaf.kind == condition_kind::element_match) return any_element(value, budget, matches);
  return value != "[]" &&
         !any_element(value, budget, [&](std::string_view each) { return !matches(each); });
}

bool selector_matcher::state::matches_regex(const condition& leaf, std::string_view value) {
  if (!value.starts_with('"')) return false;
  auto text = inside(value);
  if (text.find('\\') != std::string_view::npos) {
    decoded.clear();
    append_unescaped(decoded, value);
    text = decoded;
  }
  return leaf.expression->found_in(text, space, budget);
}

bool selector_matcher::state::has_size(const condition& leaf, std::string_view value) {
  if (!value.starts_with('[')) return false;
  uint64_t size = 0;
  any_element(value, budget, [&](std::string_view) { return ++size > leaf.count; });
  return size == leaf.count;
}

selector_matcher::selector_matcher(selector of) : state_(std::make_unique<state>(std::move(of))) {}
selector_matcher::~selector_matcher() = default;
selector_matcher::selector_matcher(selector_matcher&&) noexcept = default;
selector_matcher& selector_matcher::operator=(selector_matcher&&) noexcept = default;

result<bool> selector_matcher::matches(const selector_document& document) {
  const auto& tree = state_->of.tree();
  state_->budget = step_budget(tree.limits.steps);
  state_->find(document);
  const bool matches = state_->holds(tree.document.root, 0);
  if (state_->budget.exhausted())
    return fail(ec::too_large, "the selector takes more than " + std::to_string(tree.limits.steps) +
                                   " steps on one document");
  return matches;
}

uint64_t selector_matcher::steps() const {
  return state_->of.tree().limits.steps - state_->budget.left();
}

} // namespace treadmill
