#include "storage/json.hpp"
#include "storage/json_cursor.hpp"
#include <algorithm>
#include <utility>

// Works on the texts, member by member: what a patch leaves alone is copied as it stands, so that
// no number and no escape is ever written anew.
namespace treadmill {

namespace {

struct json_member {
  std::string_view name; ///< with its quotes
  std::string_view value;
};

using members = std::vector<json_member>;

/// The members of an object; none of anything else.
bool split(std::string_view object, members& all) {
  json_cursor in(object);
  if (!in.take('{')) return false;
  while (!in.take('}')) {
    json_member m;
    if (!all.empty() && !in.take(',')) return false;
    if (!in.take_string(m.name) || !in.take(':') || !in.take_value(m.value)) return false;
    all.push_back(m);
  }
  return in.at_end();
}

bool by_name(const json_member& a, const json_member& b) { return a.name < b.name; }

const json_member* find(const members& sorted, std::string_view name) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), json_member{name, {}}, by_name);
  return at != sorted.end() && at->name == name ? &*at : nullptr;
}

class object_writer {
public:
  explicit object_writer(std::string& out) : out_(out) { out_ += '{'; }
  void begin_member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += name;
    out_ += ':';
  }
  void end() { out_ += '}'; }

private:
  std::string& out_;
  bool first_ = true;
};

bool is_object(std::string_view value) { return value.front() == '{'; }

bool apply(std::string& out, std::string_view target, std::string_view patch, size_t depth_left);

/// Appends the member `name` as `change` makes it of `before` (an empty text: it was not there).
bool put_changed(object_writer& object, std::string& out, std::string_view name,
                 std::string_view before, std::string_view change, size_t depth_left) {
  if (change == "null") return true;
  object.begin_member(name);
  if (is_object(change))
    return apply(out, !before.empty() && is_object(before) ? before : "{}", change, depth_left);
  out += change;
  return true;
}

/// Appends the object `target` as the object `patch` changes it. Goes as deep as the patch does,
/// whose depth was checked when it was read.
bool apply(std::string& out, std::string_view target, std::string_view patch, size_t depth_left) {
  members old;
  members changes;
  if (depth_left-- == 0 || !split(target, old) || !split(patch, changes)) return false;
  auto sorted_changes = changes;
  std::sort(sorted_changes.begin(), sorted_changes.end(), by_name);
  object_writer object(out);
  for (const auto& m : old) {
    if (const json_member* const change = find(sorted_changes, m.name)) {
      if (!put_changed(object, out, m.name, m.value, change->value, depth_left)) return false;
    } else {
      object.begin_member(m.name);
      out += m.value;
    }
  }
  std::sort(old.begin(), old.end(), by_name);
  for (const auto& change : changes)
    if (find(old, change.name) == nullptr &&
        !put_changed(object, out, change.name, {}, change.value, depth_left))
      return false;
  object.end();
  return true;
}

} // namespace

result<std::string> merge_patch(std::string_view target, std::string_view patch,
                                const json_limits& limits) {
  std::string merged;
  merged.reserve(target.size() + patch.size());
  if (!apply(merged, target, patch, limits.depth))
    return fail(ec::internal, "A document or its patch is not in its stored form.");
  if (merged.size() > limits.document_bytes)
    return fail(ec::too_large, "The patched document is larger than the limit.");
  return merged;
}

} // namespace treadmill
