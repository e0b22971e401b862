#include "storage/json/json_cursor.hpp"
#include "storage/json/json_number.hpp"
#include "storage/selector/selector_tree.hpp"
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace treadmill {

namespace {

struct operator_name {
  std::string_view name;
  condition_kind kind;
};

constexpr std::array operators{
    operator_name{"$lt", condition_kind::less},
    operator_name{"$lte", condition_kind::less_or_equal},
    operator_name{"$eq", condition_kind::equal},
    operator_name{"$ne", condition_kind::not_equal},
    operator_name{"$gte", condition_kind::greater_or_equal},
    operator_name{"$gt", condition_kind::greater},
    operator_name{"$in", condition_kind::in},
    operator_name{"$nin", condition_kind::not_in},
    operator_name{"$exists", condition_kind::exists},
    operator_name{"$type", condition_kind::type},
    operator_name{"$size", condition_kind::size},
    operator_name{"$mod", condition_kind::modulo},
    operator_name{"$regex", condition_kind::regex},
    operator_name{"$beginsWith", condition_kind::begins_with},
    operator_name{"$all", condition_kind::all},
    operator_name{"$elemMatch", condition_kind::element_match},
    operator_name{"$allMatch", condition_kind::all_match},
    operator_name{"$keyMapMatch", condition_kind::key_match},
};

/// Operators that CouchDB knows and refuses, or that need an index of texts.
constexpr std::array<std::string_view, 6> unsupported{"$where", "$geoWithin",  "$geoIntersects",
                                                      "$near",  "$nearSphere", "$text"};

/// The operator that holds exactly if this one does not, where the path exists; none: nullopt.
std::optional<condition_kind> opposite(condition_kind kind) {
  switch (kind) {
  case condition_kind::less: return condition_kind::greater_or_equal;
  case condition_kind::less_or_equal: return condition_kind::greater;
  case condition_kind::equal: return condition_kind::not_equal;
  case condition_kind::not_equal: return condition_kind::equal;
  case condition_kind::greater_or_equal: return condition_kind::less;
  case condition_kind::greater: return condition_kind::less_or_equal;
  case condition_kind::in: return condition_kind::not_in;
  case condition_kind::not_in: return condition_kind::in;
  default: return std::nullopt;
  }
}

/// The beginning of a text, for a reason.
std::string shown(std::string_view text) {
  constexpr size_t longest = 100;
  if (text.size() <= longest) return std::string(text);
  size_t size = longest;
  while (size > 0 && (text[size] & 0xc0) == 0x80) --size;
  return std::string(text.substr(0, size)) + "…";
}

tl::unexpected<error> bad_argument(std::string_view name, std::string_view argument) {
  return fail(ec::bad_request,
              "Bad argument for operator " + std::string(name) + ": " + shown(argument));
}

std::string decoded(std::string_view text) {
  std::string out;
  append_unescaped(out, text);
  return out;
}

struct member {
  std::string name; ///< decoded
  std::string_view value;
};

result<std::vector<member>> members_of(std::string_view object) {
  std::vector<member> members;
  const auto read = each_member(object, [&](std::string_view name, std::string_view value) {
    members.push_back({decoded(name), value});
    return result<void>();
  });
  if (!read) return fail(ec::bad_request, "the selector is not in stored form");
  return members;
}

result<std::vector<std::string_view>> elements_of(std::string_view array) {
  std::vector<std::string_view> elements;
  json_cursor in(array);
  in.take('[');
  while (!in.take(']')) {
    std::string_view element;
    if (!in.take_value(element)) return fail(ec::bad_request, "the selector is not in stored form");
    elements.push_back(element);
    in.take(',');
  }
  return elements;
}

/// An integer that fits.
std::optional<json_number> small_integer(std::string_view text) {
  bool whole = false;
  if (text.empty() || number_length(text, whole) != text.size() || !whole) return std::nullopt;
  const auto number = parse_number(text);
  return number && number->integer ? number : std::nullopt;
}

bool is_integer(std::string_view text) {
  bool whole = false;
  return !text.empty() && number_length(text, whole) == text.size() && whole;
}

/// The conditions of one value are read into its scope. `inner`: the value is an element (or a
/// name) and not the document: CouchDB negates such conditions as a whole.
struct place {
  selector_scope& scope;
  collation order;
  bool inner;
};

/// The names on the way to a condition, joined with dots.
struct path {
  std::string joined;
  std::optional<uint32_t> slot; ///< once a condition has asked for it
};

class selector_parser {
public:
  explicit selector_parser(const selector_limits& limits)
      : limits_(limits), sorting_(limits.steps) {}

  result<condition> read_document(selector_tree& tree) {
    place at{tree.document, collation::unicode, false};
    path root;
    auto read = read_condition(tree.text, at, root, false, 1);
    if (!read) return read;
    if (read->kind >= condition_kind::less && root.slot)
      return fail(ec::bad_request, "One or more conditions is missing a field name.");
    if (sorting_.exhausted())
      return fail(ec::too_large, "the lists of the selector take too long to sort");
    return read;
  }

private:
  result<void> count(size_t more) {
    conditions_ += more;
    if (conditions_ > limits_.conditions)
      return fail(ec::too_large, "the selector has more than " +
                                     std::to_string(limits_.conditions) +
                                     " conditions, names and listed values");
    return {};
  }

  /// A condition on the value at `at`: an object of operators and names, or a value to be equal to.
  result<condition> read_condition(std::string_view text, place& in, path& at, bool negate,
                                   size_t depth) {
    if (depth > limits_.depth)
      return fail(ec::too_deep,
                  "the selector is nested deeper than " + std::to_string(limits_.depth));
    if (auto counted = count(1); !counted) return tl::unexpected(counted.error());
    if (!text.starts_with('{') || text.starts_with("{}"))
      return read_operator({"$eq", text}, in, at, negate, depth);
    auto members = members_of(text);
    if (!members) return tl::unexpected(members.error());
    if (members->size() == 1) return read_member(members->front(), in, at, negate, depth);
    condition both;
    both.kind = negate ? condition_kind::any_of : condition_kind::all_of;
    for (const member& each : *members) {
      auto child = read_member(each, in, at, negate, depth);
      if (!child) return child;
      both.children.push_back(std::move(*child));
    }
    return both;
  }

  result<condition> read_member(const member& of, place& in, path& at, bool negate, size_t depth) {
    if (of.name == "$and") return read_list(of, condition_kind::all_of, in, at, negate, depth);
    if (of.name == "$or") return read_list(of, condition_kind::any_of, in, at, negate, depth);
    if (of.name == "$nor") return read_list(of, condition_kind::none_of, in, at, negate, depth);
    if (of.name == "$not") return read_not(of, in, at, negate, depth);
    if (of.name.starts_with('$')) return read_operator(of, in, at, negate, depth);
    // Names join with dots as text: the whole is split later.
    path below{at.joined.empty() ? of.name : at.joined + '.' + of.name, std::nullopt};
    if (of.name.empty() && at.joined.empty())
      return read_condition(of.value, in, at, negate, depth + 1);
    return read_condition(of.value, in, below, negate, depth + 1);
  }

  result<condition> read_not(const member& of, place& in, path& at, bool negate, size_t depth) {
    if (!of.value.starts_with('{')) return bad_argument(of.name, of.value);
    if (!in.inner) return read_condition(of.value, in, at, !negate, depth + 1);
    auto child = read_condition(of.value, in, at, false, depth + 1);
    if (!child) return child;
    condition none;
    none.kind = condition_kind::none_of;
    none.children.push_back(std::move(*child));
    return none;
  }

  result<condition> read_list(const member& of, condition_kind kind, place& in, path& at,
                              bool negate, size_t depth) {
    if (!of.value.starts_with('[')) return bad_argument(of.name, of.value);
    auto elements = elements_of(of.value);
    if (!elements) return tl::unexpected(elements.error());
    condition list;
    list.kind = kind;
    if (!in.inner) {
      // De Morgan. Lists of no conditions are true whatever they were before.
      const bool all = (kind == condition_kind::any_of) == negate;
      list.kind = all ? condition_kind::all_of : condition_kind::any_of;
      if (kind == condition_kind::none_of) {
        list.kind = negate ? condition_kind::any_of : condition_kind::all_of;
        negate = !negate;
      }
    }
    for (const std::string_view element : *elements) {
      auto child = read_condition(element, in, at, negate, depth + 1);
      if (!child) return child;
      list.children.push_back(std::move(*child));
    }
    return list;
  }

  result<condition> read_operator(const member& of, place& in, path& at, bool negate,
                                  size_t depth) {
    if (std::find(unsupported.begin(), unsupported.end(), of.name) != unsupported.end())
      return fail(ec::bad_request, "Unsupported operator: " + of.name);
    const auto known =
        std::find_if(operators.begin(), operators.end(),
                     [&](const operator_name& each) { return each.name == of.name; });
    if (known == operators.end())
      return fail(ec::bad_request, "Invalid operator: " + shown(of.name));
    condition leaf;
    leaf.kind = known->kind;
    leaf.operand = of.value;
    leaf.order = at.joined == "_id" ? collation::raw : in.order;
    if (auto read = read_argument(leaf, of, depth); !read) return tl::unexpected(read.error());
    if (negate) {
      const auto other = opposite(leaf.kind);
      if (other) leaf.kind = *other;
      if (leaf.kind == condition_kind::exists) leaf.expected = !leaf.expected;
      leaf.negated = !other && leaf.kind != condition_kind::exists;
    }
    const auto slot = slot_of(in, at);
    if (!slot) return tl::unexpected(slot.error());
    leaf.slot = *slot;
    return leaf;
  }

  result<uint32_t> slot_of(place& in, path& at) {
    if (at.slot) return *at.slot;
    const auto names = split_path(at.joined);
    if (!names) return fail(ec::bad_request, "Invalid field name: " + shown(at.joined));
    if (names->size() > limits_.depth)
      return fail(ec::too_deep,
                  "a field name has more than " + std::to_string(limits_.depth) + " parts");
    const uint32_t slot = in.scope.paths.add(*names);
    if (slot == in.scope.names.size()) {
      if (auto counted = count(names->size()); !counted) return tl::unexpected(counted.error());
      in.scope.names.push_back(*names);
    }
    at.slot = slot;
    return slot;
  }

  /// Checks an operator's argument, and prepares it.
  result<void> read_argument(condition& leaf, const member& of, size_t depth) {
    switch (leaf.kind) {
    case condition_kind::in:
    case condition_kind::not_in:
    case condition_kind::all: return read_values(leaf, of);
    case condition_kind::exists:
      if (of.value != "true" && of.value != "false") return bad_argument(of.name, of.value);
      leaf.expected = of.value == "true";
      return {};
    case condition_kind::type:
      if (!of.value.starts_with('"')) return bad_argument(of.name, of.value);
      return {};
    case condition_kind::size:
      if (!is_integer(of.value) || (of.value.front() == '-' && of.value != "-0"))
        return bad_argument(of.name, of.value);
      leaf.count = std::numeric_limits<uint64_t>::max();
      if (const auto count = small_integer(of.value)) leaf.count = count->magnitude;
      return {};
    case condition_kind::modulo: return read_modulo(leaf, of);
    case condition_kind::regex: return read_regex(leaf, of);
    case condition_kind::begins_with:
      if (!of.value.starts_with('"')) return fail(ec::bad_request, "Invalid operator: " + of.name);
      return {};
    case condition_kind::element_match:
    case condition_kind::all_match:
    case condition_kind::key_match: return read_inner(leaf, of, depth);
    default: return {};
    }
  }

  result<void> read_values(condition& leaf, const member& of) {
    if (!of.value.starts_with('[')) return bad_argument(of.name, of.value);
    auto elements = elements_of(of.value);
    if (!elements) return tl::unexpected(elements.error());
    leaf.list = std::move(*elements);
    if (leaf.kind != condition_kind::all && leaf.list.size() > short_list)
      sort_values(leaf.list, leaf.order, sorting_);
    return count(leaf.list.size());
  }

  static result<void> read_modulo(condition& leaf, const member& of) {
    if (!of.value.starts_with('[')) return bad_argument(of.name, of.value);
    const auto numbers = elements_of(of.value);
    if (!numbers || numbers->size() != 2) return bad_argument(of.name, of.value);
    const auto divisor = small_integer((*numbers)[0]);
    const auto remainder = small_integer((*numbers)[1]);
    if (!divisor || !remainder || divisor->magnitude == 0) return bad_argument(of.name, of.value);
    leaf.count = divisor->magnitude;
    leaf.remainder = remainder->magnitude;
    leaf.negative = remainder->negative;
    return {};
  }

  result<void> read_regex(condition& leaf, const member& of) {
    if (!of.value.starts_with('"')) return fail(ec::bad_request, "Invalid operator: " + of.name);
    auto compiled = regular_expression::compile(decoded(of.value));
    if (!compiled)
      return fail(ec::bad_request, bad_argument(of.name, of.value).value().reason + " (" +
                                       compiled.error().reason + ')');
    leaf.expression = std::make_shared<const regular_expression>(std::move(*compiled));
    // A short expression can take much memory.
    constexpr size_t bytes_a_condition = 64;
    return count(leaf.expression->bytes() / bytes_a_condition);
  }

  result<void> read_inner(condition& leaf, const member& of, size_t depth) {
    if (!of.value.starts_with('{')) return bad_argument(of.name, of.value);
    auto scope = std::make_shared<selector_scope>();
    place in{*scope, leaf.order, true};
    path element;
    auto root = read_condition(of.value, in, element, false, depth + 1);
    if (!root) return tl::unexpected(root.error());
    scope->root = std::move(*root);
    leaf.inner = std::move(scope);
    return {};
  }

  const selector_limits& limits_;
  size_t conditions_ = 0;
  step_budget sorting_;
};

} // namespace

void sort_values(std::vector<std::string_view>& values, collation order, step_budget& budget) {
  // A heap, since it stays within the values even if the comparisons stop to be consistent.
  const auto less = [&](std::string_view a, std::string_view b) {
    return compare_json(a, b, order, budget) < 0;
  };
  std::make_heap(values.begin(), values.end(), less);
  std::sort_heap(values.begin(), values.end(), less);
}

result<selector> selector::parse(std::string_view stored, const selector_limits& limits) {
  if (stored.size() > limits.bytes)
    return fail(ec::too_large,
                "the selector is larger than " + std::to_string(limits.bytes) + " bytes");
  if (!stored.starts_with('{'))
    return fail(ec::bad_request, "Selector must be a JSON object, not: " + shown(stored));
  auto tree = std::make_shared<selector_tree>();
  tree->text = stored;
  tree->limits = limits;
  if (stored != "{}") {
    auto root = selector_parser(tree->limits).read_document(*tree);
    if (!root) return tl::unexpected(root.error());
    tree->document.root = std::move(*root);
  }
  selector made;
  made.tree_ = std::move(tree);
  return made;
}

} // namespace treadmill
