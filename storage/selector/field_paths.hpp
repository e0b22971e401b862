#pragma once
#include "storage/selector/step_budget.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace treadmill {

/// What a path leads to in a value.
struct field_value {
  enum class state : uint8_t {
    found,
    not_found, ///< an object on the way lacks the member
    bad_path,  ///< the way leads through a value that has no such inside: a number, a short array
  };
  state is = state::not_found;
  std::string_view text; ///< the stored form, if found
};

/// Splits a path at its dots. A dot after a backslash belongs to the name; backslashes themselves
/// are dropped. The empty path has no names. nullopt if a name is empty.
std::optional<std::vector<std::string>> split_path(std::string_view path);

/// All paths that the conditions of one scope name, and how to find them in one pass over a value.
/// Each path has a slot, a number from 0 on.
/// **Thread**: `add` before all other use; then any thread.
class field_paths {
public:
  /// The slot of a path, the same for the same names.
  uint32_t add(const std::vector<std::string>& names);

  uint32_t slots() const { return slots_; }
  /// Whether the value as a whole has a slot.
  bool names_whole() const { return nodes_.front().slot.has_value(); }

  /// Sets `slots()` values from `found` on. Reads no further than it must.
  void find(std::string_view value, field_value* found, step_budget& budget) const;

  /// The same for a document: `members` come first (of each, its name as a stored string and its
  /// value), then those of the object `body`. `whole` is the text of both together, used only if
  /// names_whole().
  struct member {
    std::string_view name;
    std::string_view value;
  };
  void find(const std::vector<member>& members, std::string_view body, std::string_view whole,
            field_value* found, step_budget& budget) const;

  /// Whether a path begins with this name, a stored string.
  bool begins_with(std::string_view name) const;

private:
  struct node {
    std::string name;              ///< the last name of the path, as a stored string
    std::optional<uint64_t> index; ///< what the name means in an array
    std::optional<uint32_t> slot;
    std::vector<uint32_t> children; ///< sorted by name
  };

  uint32_t child_to_add(uint32_t parent, const std::string& name);
  const uint32_t* child_of(const node& parent, std::string_view name) const;
  void visit(const node& at, std::string_view value, field_value* found, step_budget& budget) const;
  void visit_members(const node& at, std::string_view object, size_t missing, field_value* found,
                     step_budget& budget) const;
  void visit_elements(const node& at, std::string_view array, field_value* found,
                      step_budget& budget) const;
  /// Sets the state of a path and of all that are longer.
  void set_below(const node& at, field_value::state state, field_value* found,
                 step_budget& budget) const;

  std::vector<node> nodes_{1}; ///< the first is the value itself
  uint32_t slots_ = 0;
};

} // namespace treadmill
