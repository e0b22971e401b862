#include "storage/json/json.hpp"
#include "storage/json/json_cursor.hpp"
#include <algorithm>
#include <cstdint>
#include <utility>

// Works on the texts, member by member: it copies members that a patch does not change, so that
// numbers and escapes are never rewritten.
namespace treadmill {

namespace {

struct json_member {
  std::string_view name; ///< with its quotes
  std::string_view value;
};

using members = std::vector<json_member>;

/// The end of each array and object of a text. It scans the text once; otherwise each level of a
/// patch would scan everything below it again.
class nesting {
public:
  explicit nesting(std::string_view text) : text_(text) {
    std::vector<size_t> open;
    for (size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '"') {
        json_cursor in(text.substr(at));
        std::string_view skipped;
        if (!in.take_string(skipped)) return;
        at += skipped.size() - 1;
      } else if (text[at] == '{' || text[at] == '[') {
        open.push_back(spans_.size());
        spans_.push_back({static_cast<uint32_t>(at), 0});
      } else if ((text[at] == '}' || text[at] == ']') && !open.empty()) {
        spans_[open.back()].size = static_cast<uint32_t>(at + 1 - spans_[open.back()].begin);
        open.pop_back();
      }
    }
  }

  /// The length of the array or object at the front of `rest`, a part of the text; 0 if there is
  /// none that ends.
  size_t length(std::string_view rest) const {
    const auto begin = static_cast<size_t>(rest.data() - text_.data());
    const auto at = std::lower_bound(spans_.begin(), spans_.end(), begin,
                                     [](const span& s, size_t b) { return s.begin < b; });
    return at != spans_.end() && at->begin == begin ? at->size : 0;
  }

private:
  struct span {
    uint32_t begin = 0;
    uint32_t size = 0;
  };
  std::string_view text_;
  std::vector<span> spans_;
};

/// Splits an object into its members; it is all of `nested`'s text or a part of it.
bool split(std::string_view object, const nesting& nested, members& all) {
  json_cursor in(object);
  if (!in.take('{')) return false;
  while (!in.take('}')) {
    json_member m;
    if (!all.empty() && !in.take(',')) return false;
    if (!in.take_string(m.name) || !in.take(':')) return false;
    const bool nests = in.peek() == '{' || in.peek() == '[';
    if (nests ? !in.take_front(nested.length(in.rest()), m.value) : !in.take_value(m.value))
      return false;
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

class patcher {
public:
  patcher(std::string& out, std::string_view target, std::string_view patch)
      : out_(out), in_target_(target), in_patch_(patch) {}

  /// Appends the object `target` (empty: none) with the changes of the object `patch`. Recursion is
  /// as deep as the patch, whose depth was checked when it was read.
  bool apply(std::string_view target, std::string_view patch, size_t depth_left) {
    members old;
    members changes;
    if (depth_left-- == 0 || (!target.empty() && !split(target, in_target_, old)) ||
        !split(patch, in_patch_, changes))
      return false;
    auto sorted_changes = changes;
    std::sort(sorted_changes.begin(), sorted_changes.end(), by_name);
    object_writer object(out_);
    for (const auto& m : old) {
      if (const json_member* const change = find(sorted_changes, m.name)) {
        if (!put_changed(object, m, change->value, depth_left)) return false;
      } else {
        object.begin_member(m.name);
        out_ += m.value;
      }
    }
    std::sort(old.begin(), old.end(), by_name);
    for (const auto& change : changes)
      if (find(old, change.name) == nullptr &&
          !put_changed(object, {change.name, {}}, change.value, depth_left))
        return false;
    object.end();
    return true;
  }

private:
  /// Appends the member `before` (an empty value: it did not exist) with the change applied.
  bool put_changed(object_writer& object, const json_member& before, std::string_view change,
                   size_t depth_left) {
    if (change == "null") return true;
    object.begin_member(before.name);
    if (change.front() == '{')
      return apply(before.value.substr(0, 1) == "{" ? before.value : "", change, depth_left);
    out_ += change;
    return true;
  }

  std::string& out_;
  const nesting in_target_;
  const nesting in_patch_;
};

} // namespace

result<std::string> merge_patch(std::string_view target, std::string_view patch,
                                const json_limits& limits) {
  std::string merged;
  merged.reserve(target.size() + patch.size());
  if (!patcher(merged, target, patch).apply(target, patch, limits.depth))
    return fail(ec::internal, "a document or its patch is not in its stored form");
  if (merged.size() > limits.document_bytes)
    return fail(ec::too_large, "the patched document is larger than the limit");
  return merged;
}

} // namespace treadmill
