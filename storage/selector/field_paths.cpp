#include "storage/selector/field_paths.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>
#include <charconv>

namespace treadmill {

namespace {

/// Bytes that are skipped for one step.
constexpr uint64_t bytes_a_step = 64;

/// As Erlang reads an integer: a sign may precede the digits.
std::optional<uint64_t> array_index(std::string_view name) {
  const bool negative = name.starts_with('-');
  if (negative || name.starts_with('+')) name.remove_prefix(1);
  uint64_t index = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), index);
  if (name.empty() || read.ec != std::errc{} || read.ptr != name.data() + name.size())
    return std::nullopt;
  if (negative && index != 0) return std::nullopt;
  return index;
}

} // namespace

std::optional<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> names;
  if (path.empty()) return names;
  // An empty piece is no name; a piece of backslashes alone is the empty name.
  size_t begin = 0;
  for (size_t at = 0; at <= path.size(); ++at) {
    if (at < path.size() && (path[at] != '.' || (at > 0 && path[at - 1] == '\\'))) continue;
    if (at == begin) return std::nullopt;
    std::string name(path.substr(begin, at - begin));
    std::erase(name, '\\');
    names.push_back(std::move(name));
    begin = at + 1;
  }
  return names;
}

uint32_t field_paths::child_to_add(uint32_t parent, const std::string& name) {
  std::string stored;
  append_json_string(stored, name);
  auto& children = nodes_[parent].children;
  const auto at = std::lower_bound(
      children.begin(), children.end(), stored,
      [this](uint32_t child, const std::string& wanted) { return nodes_[child].name < wanted; });
  if (at != children.end() && nodes_[*at].name == stored) return *at;
  const auto added = static_cast<uint32_t>(nodes_.size());
  children.insert(at, added);
  nodes_.push_back({std::move(stored), array_index(name), std::nullopt, {}});
  return added;
}

uint32_t field_paths::add(const std::vector<std::string>& names) {
  uint32_t at = 0;
  for (const std::string& name : names) at = child_to_add(at, name);
  if (!nodes_[at].slot) nodes_[at].slot = slots_++;
  return *nodes_[at].slot;
}

const uint32_t* field_paths::child_of(const node& parent, std::string_view name) const {
  constexpr size_t few = 8;
  if (parent.children.size() <= few) {
    for (const uint32_t& child : parent.children)
      if (nodes_[child].name == name) return &child;
    return nullptr;
  }
  const auto at = std::lower_bound(
      parent.children.begin(), parent.children.end(), name,
      [this](uint32_t child, std::string_view wanted) { return nodes_[child].name < wanted; });
  return at != parent.children.end() && nodes_[*at].name == name ? &*at : nullptr;
}

bool field_paths::begins_with(std::string_view name) const {
  return child_of(nodes_.front(), name) != nullptr;
}

void field_paths::find(std::string_view value, field_value* found, step_budget& budget) const {
  std::fill_n(found, slots_, field_value{});
  if (budget.spend(slots_)) visit(nodes_.front(), value, found, budget);
}

void field_paths::find(const std::vector<member>& members, std::string_view body,
                       std::string_view whole, field_value* found, step_budget& budget) const {
  std::fill_n(found, slots_, field_value{});
  if (!budget.spend(slots_)) return;
  const node& root = nodes_.front();
  if (root.slot) found[*root.slot] = {field_value::state::found, whole};
  size_t missing = root.children.size();
  for (const member& given : members) {
    const uint32_t* child = child_of(root, given.name);
    if (child == nullptr) continue;
    visit(nodes_[*child], given.value, found, budget);
    --missing;
  }
  visit_members(root, body, missing, found, budget);
}

void field_paths::visit(const node& at, std::string_view value, field_value* found,
                        step_budget& budget) const {
  if (at.slot) found[*at.slot] = {field_value::state::found, value};
  if (at.children.empty()) return;
  if (value.starts_with('{')) {
    visit_members(at, value, at.children.size(), found, budget);
  } else if (value.starts_with('[')) {
    visit_elements(at, value, found, budget);
  } else {
    for (const uint32_t child : at.children)
      set_below(nodes_[child], field_value::state::bad_path, found, budget);
  }
}

void field_paths::visit_members(const node& at, std::string_view object, size_t missing,
                                field_value* found, step_budget& budget) const {
  json_cursor in(object);
  in.take('{');
  while (missing > 0 && !in.at_end() && !in.take('}')) {
    const size_t before = in.rest().size();
    std::string_view name;
    std::string_view value;
    if (!in.take_string(name) || !in.take(':') || !in.take_value(value)) return;
    in.take(',');
    if (!budget.spend(1 + (before - in.rest().size()) / bytes_a_step)) return;
    const uint32_t* child = child_of(at, name);
    if (child == nullptr) continue;
    visit(nodes_[*child], value, found, budget);
    --missing;
  }
}

void field_paths::visit_elements(const node& at, std::string_view array, field_value* found,
                                 step_budget& budget) const {
  size_t missing = 0;
  for (const uint32_t child : at.children) {
    // Until the element is found.
    set_below(nodes_[child], field_value::state::bad_path, found, budget);
    if (nodes_[child].index) ++missing;
  }
  json_cursor in(array);
  in.take('[');
  for (uint64_t index = 0; missing > 0 && !in.at_end() && !in.take(']'); ++index) {
    const size_t before = in.rest().size();
    std::string_view value;
    if (!in.take_value(value)) return;
    in.take(',');
    if (!budget.spend(1 + at.children.size() + (before - in.rest().size()) / bytes_a_step)) return;
    for (const uint32_t child : at.children) {
      if (nodes_[child].index != index) continue;
      set_below(nodes_[child], field_value::state::not_found, found, budget);
      visit(nodes_[child], value, found, budget);
      --missing;
    }
  }
}

void field_paths::set_below(const node& at, field_value::state state, field_value* found,
                            step_budget& budget) const {
  if (!budget.spend(1)) return;
  if (at.slot) found[*at.slot].is = state;
  for (const uint32_t child : at.children) set_below(nodes_[child], state, found, budget);
}

} // namespace treadmill
